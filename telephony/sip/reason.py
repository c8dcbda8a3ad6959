"""Why a call ends, as the Reason header says it (RFC 3326)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response

SIP = "SIP"
Q850 = "Q.850"
REASONS_MAX = 4
CAUSE_MAX = 699


class Reason(NamedTuple):
    """`protocol` is SIP or Q.850, `cause` a number of it."""

    protocol: str
    cause: int


def read(message: Request | Response) -> tuple[Reason, ...]:
    """Those of its Reason headers which can be read; the text in them is not for us."""
    try:
        values = message.values("reason")
    except GrammarError:
        return ()
    found = [reason for value in values if (reason := _read(value)) is not None]
    return tuple(found[:REASONS_MAX])


def _read(value: str) -> Reason | None:
    protocol, semicolon, rest = value.partition(";")
    name = {"sip": SIP, "q.850": Q850}.get(protocol.strip().lower())
    try:
        cause = grammar.param(grammar.params(semicolon + rest), "cause")
        return Reason(name, grammar.number(cause, CAUSE_MAX)) if name and cause else None
    except GrammarError:
        return None


def ours(ending: str) -> tuple[Reason, ...]:
    """What a refusal means which we brought about: it had rung too long."""
    return (Reason(Q850, 19),) if ending == "unanswered" else ()


_NORMAL = 'Q.850;cause=16;text="Normal call clearing"'
_TIMER = 'Q.850;cause=102;text="Recovery on timer expiry"'
_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "unacknowledged": _TIMER,
        "unreachable": _TIMER,
        "unanswered": 'Q.850;cause=19;text="No answer from user"',
        "replaced": 'SIP;cause=200;text="Call completed elsewhere"',
    }
)


def line(ending: str) -> Lines:
    """The header of a BYE or CANCEL, for why we end a call (`Dialog.ending_reason`)."""
    return (("Reason", _WRITTEN.get(ending, _NORMAL)),)
