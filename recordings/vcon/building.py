"""A vCon in its unsigned form, checked before anybody sees it."""

import json
from typing import Any

from recordings.vcon import checking
from recordings.vcon.analyses import analyses
from recordings.vcon.attachments import attachments
from recordings.vcon.conversation import Conversation
from recordings.vcon.dialogs import dialogs
from recordings.vcon.parties import parties
from recordings.vcon.values import date

SYNTAX = "0.4.0"
"""The last that was ever written; deprecated, and kept for older readers."""

OURS = "parley_evidence"
"""Our extension: attachments of purpose recording_gaps, tlog_proof, rfc3161_token,
import_provenance. Compatible:
whoever does not know them may leave them alone."""


def build(told: Conversation) -> bytes:
    """The JSON. It is an error of ours if it is not what it should be."""
    attached = attachments(told)
    analysed = analyses(told)
    vcon: dict[str, Any] = {
        "vcon": SYNTAX,
        "uuid": told.uuid,
        "extensions": _extensions(attached, analysed),
        "created_at": date(told.created_us),
        **_amended(told),
        "subject": f"{told.call['direction']} call {told.call['id']}",
        "parties": parties(told),
        "dialog": dialogs(told),
        "analysis": analysed,
        "attachments": attached,
    }
    wrong = checking.problems(vcon)
    assert not wrong, f"we made a vCon that does not hold: {wrong[:5]}"
    return json.dumps(vcon, ensure_ascii=False, separators=(",", ":")).encode()


def _amended(told: Conversation) -> dict[str, Any]:
    """A call of others is told as what was made of their vCon, never as a call of ours."""
    return {} if told.imported is None else {"amended": {"uuid": told.imported["uuid"]}}


def _extensions(attached: list[dict[str, Any]], analysed: list[dict[str, Any]]) -> list[str]:
    found = {"lawful_basis" for one in attached if one["purpose"] == "lawful_basis"}
    found |= {OURS for one in attached if one["purpose"] != "lawful_basis"}
    found |= {"agent_session" for one in analysed if one["type"] == "agent_trace"}
    found |= {"wtf_transcription" for one in analysed if one["type"] == "transcript"}
    return sorted(found)
