"""The attachments of a vCon: why it may be kept, where it is silent, and what proves it.

A lawful basis is as draft-howe-vcon-lawful-basis has it, which says `type` where the core says
`purpose`: both are written. The draft has no word for a key press, for the hash of what was asked
or for an epoch; they stand in `proof_data` and `metadata`.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from consent.wordings import WORDINGS, filled
from recordings.vcon.conversation import AGENT, CALL, GAP_REASONS, REMOTE, Conversation, Record
from recordings.vcon.dialogs import PLACE_OF
from recordings.vcon.values import base64url, content_hash, date, seconds

ANSWERS = ("granted", "basis_ok", "vital", "refused", "withdrawn", "expired")
"""States that settle something, for as long as the events have them."""

OPENS = ("granted", "basis_ok", "vital")

Attachment = dict[str, Any]


def attachments(told: Conversation) -> list[Attachment]:
    return [
        *_consents(told),
        *_basis(told),
        *_imported(told),
        *_gaps(told),
        *_proofs(told),
    ]


def _consents(told: Conversation) -> Iterator[Attachment]:
    """One for each party and scope: all that was granted, refused and withdrawn, in its order."""
    events = sorted(told.record["consent"], key=lambda one: (one["party"], one["scope"], one["id"]))
    for (party, scope), group in groupby(events, key=lambda one: (one["party"], one["scope"])):
        answers = _answers(list(group))
        if not answers:
            continue
        basis = next((event["basis"] for event in answers if event["basis"]), "consent")
        body = {
            "lawful_basis": basis,
            "expiration": None,
            "purpose_grants": [_grant(scope, event) for event in answers],
            "proof_mechanisms": [_proof(told, event) for event in answers],
            "metadata": {
                "epoch": max(event["epoch"] for event in answers),
                "call": told.call["id"],
            },
        }
        yield _lawful_basis(answers[0]["at_us"], PLACE_OF.get(party, REMOTE), body)


def _answers(story: Sequence[Record]) -> list[Record]:
    """The events in which something was settled that was not before."""
    before = (None, *(event["state"] for event in story))
    return [
        event
        for state, event in zip(before, story, strict=False)
        if event["state"] in ANSWERS and event["state"] != state
    ]


def _grant(scope: str, event: Record) -> dict[str, Any]:
    granted = event["state"] in OPENS
    return {"purpose": scope, "granted": granted, "granted_at": date(event["at_us"])}


def _proof(told: Conversation, event: Record) -> dict[str, Any]:
    """How the answer came, and to which question."""
    prompts = {one["id"]: one for one in told.record["prompts"]}
    prompt = prompts.get(event["prompt"] or "")
    spoken = (event["method"] or "").startswith("voice")
    data: dict[str, Any] = {
        "dialog_reference": CALL,
        "time_offset": told.offset_s(event["at_us"]),
        "method": event["method"],
        "epoch": event["epoch"],
        "event": event["id"],
    }
    if prompt is not None:
        known = [name for name in prompt["wordings"] if name in WORDINGS]
        text = filled(known, prompt["scopes"])
        data["confirmation_text"] = text
        data["wording"] = " ".join(prompt["wordings"])
        data["wording_hash"] = content_hash(text.encode())
        data["heard"] = prompt["heard"]
    return {
        "proof_type": "verbal_confirmation" if spoken else "external_system",
        "timestamp": date(event["at_us"]),
        "proof_data": data,
    }


def _basis(told: Conversation) -> Iterator[Attachment]:
    """Of a call that we made: why that party could be called."""
    dial = told.record["dial"]
    if dial is None:
        return
    expires = dial["expires_us"]
    granted = {"granted": True, "granted_at": date(dial["granted_us"])}
    grants = [{"purpose": "outbound_ai_voice", **granted}]
    if dial["withdrawn_us"] is not None:
        withdrawn = {"granted": False, "granted_at": date(dial["withdrawn_us"])}
        grants.append({"purpose": "outbound_ai_voice", **withdrawn})
    source = {"basis": dial["basis"], "source": dial["source"]}
    proof = {"proof_type": "external_system", "timestamp": date(dial["granted_us"])}
    body = {
        "lawful_basis": dial["kind"],
        "expiration": None if expires is None else date(expires),
        "purpose_grants": grants,
        "proof_mechanisms": [{**proof, "proof_data": source}],
        "metadata": {"call": told.call["id"], "ordered_by": dial["by"]},
    }
    yield _lawful_basis(told.call["offered_us"], REMOTE, body)


def _imported(told: Conversation) -> Iterator[Attachment]:
    """Where a call of others came from; what it claims for itself stays a claim of theirs."""
    if told.imported is None:
        return
    names = ("uuid", "sha256", "issuer", "certificate", "trusted", "bases", "asserted")
    body = {name: told.imported[name] for name in names}
    at_us = told.imported["at_us"]
    yield _attached("import_provenance", at_us) | _json(body | {"imported": date(at_us)})
    for one in told.claimed:
        places = {"party": REMOTE, "dialog": CALL}
        yield {**one, "type": "lawful_basis", "purpose": "lawful_basis", **places}


def _gaps(told: Conversation) -> Iterator[Attachment]:
    if told.gaps:
        body = [
            {
                "party": PLACE_OF[gap.party],
                "start": date(gap.start_us),
                "duration": seconds(gap.duration_us),
                "reason": gap.reason,
                "explanation": gap.more or GAP_REASONS[gap.reason],
            }
            for gap in told.gaps
        ]
        yield _attached("recording_gaps", told.end_us) | _json(body)


def _proofs(told: Conversation) -> Iterator[Attachment]:
    """They name no path of the recipient's: the text and the token are whole, each by itself."""
    proof = told.proof
    if proof is None:
        return
    text = {"mediatype": "text/plain", "encoding": "none", "body": proof.text}
    named = {"filename": "call.tlog-proof", "metadata": {"verifier_key": proof.verifier_key}}
    yield _attached("tlog_proof", told.end_us) | text | named
    if proof.token is not None:
        yield _attached("rfc3161_token", told.end_us) | {
            "mediatype": "application/timestamp-reply",
            "filename": "call.tlog-proof.tsr",
            "encoding": "base64url",
            "body": base64url(proof.token),
        }


def _lawful_basis(at_us: int, party: int, body: object) -> Attachment:
    head = {"type": "lawful_basis", "purpose": "lawful_basis", "start": date(at_us)}
    return head | {"party": party, "dialog": CALL} | _json(body)


def _attached(purpose: str, at_us: int) -> Attachment:
    return {"purpose": purpose, "start": date(at_us), "party": AGENT, "dialog": CALL}


def _json(body: object) -> Attachment:
    return {"mediatype": "application/json", "encoding": "json", "body": body}
