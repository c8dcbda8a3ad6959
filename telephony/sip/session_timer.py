"""Session timers (RFC 4028), pure: what is asked, what is agreed, and when something is due."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from telephony.sip import dialog as rows
from telephony.sip import grammar
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.extensions import TIMER, supports
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.policy import SESSION_EXPIRES_MIN_S, Policy

UAC = "uac"
UAS = "uas"
SECONDS_MAX = 2**31
# Who does not refresh hangs up so long before the end, or a third of the interval (section 10).
ENDS_BEFORE_S = 32.0


class Timer(NamedTuple):
    """A Session-Expires value. The refresher is as seen in the transaction it came in."""

    seconds: int
    refresher: str


def read(message: Request | Response) -> Timer | None:
    """The Session-Expires of a message; none where it has none that can be read."""
    if (value := message.headers.get("session-expires")) is None:
        return None
    seconds, semicolon, rest = value.partition(";")
    try:
        parameters = grammar.params(semicolon + rest)
        refresher = (grammar.param(parameters, "refresher") or "").lower()
        return Timer(grammar.number(seconds.strip(), SECONDS_MAX), refresher)
    except GrammarError:
        return None


def least(message: Request | Response) -> int:
    """The Min-SE of a message."""
    value = (message.headers.get("min-se") or "").partition(";")[0].strip()
    try:
        return max(SESSION_EXPIRES_MIN_S, grammar.number(value, SECONDS_MAX))
    except GrammarError:
        return SESSION_EXPIRES_MIN_S


def is_too_short(request: Request, policy: Policy) -> bool:
    """Whether to refuse with 422, which only somebody who knows timers understands."""
    asked = read(request)
    return (
        asked is not None
        and asked.seconds < policy.session_expires_min_s
        and supports(request, TIMER)
    )


def refusal(policy: Policy) -> Lines:
    """What a 422 has to say (section 9)."""
    return (("Min-SE", str(policy.session_expires_min_s)),)


def serve(request: Request, policy: Policy) -> Timer | None:
    """What a 2xx of ours agrees to (section 9, table 2).

    Where the choice is ours we refresh: a peer that forgets to would cost the call.
    """
    asked, knows = read(request), supports(request, TIMER)
    if asked is None:
        if not knows or not policy.session_expires_s:
            return None
        return Timer(max(policy.session_expires_s, least(request)), UAS)
    seconds = max(asked.seconds, policy.session_expires_min_s)
    if policy.session_expires_s:
        seconds = min(seconds, max(policy.session_expires_s, least(request)))
    return Timer(seconds, UAC if knows and asked.refresher == UAC else UAS)


def served(timer: Timer | None) -> Lines:
    """The header lines of a 2xx of ours."""
    if timer is None:
        return ()
    lines: Lines = (("Session-Expires", f"{timer.seconds};refresher={timer.refresher}"),)
    return (*lines, ("Require", TIMER)) if timer.refresher == UAC else lines


def asking(state: DialogState, policy: Policy) -> Lines:
    """The header lines of a request of ours (sections 7.1 and 7.4)."""
    lines: Lines = (("Min-SE", str(state.min_se_s)),) if state.min_se_s else ()
    if state.session_expires_s:
        refresher = UAC if state.is_refresher else UAS
        seconds = max(state.session_expires_s, state.min_se_s)
        return (("Session-Expires", f"{seconds};refresher={refresher}"), *lines)
    # In a dialog without a timer none is asked for again: the peer does not know them.
    if not policy.session_expires_s or state.status == rows.CONFIRMED:
        return ()
    return (("Session-Expires", str(max(policy.session_expires_s, state.min_se_s))), *lines)


def agreed(response: Response) -> Timer | None:
    """What a 2xx of theirs agrees to; we refresh where it does not say who (section 7.2)."""
    timer = read(response)
    if timer is None or timer.seconds < 1:
        return None
    return Timer(timer.seconds, UAS if timer.refresher == UAS else UAC)


def running(state: DialogState, timer: Timer | None, role: str, now: float) -> DialogState:
    """The dialog with the timer begun anew, or without one. `role` is ours in the transaction."""
    return replace(
        state,
        session_expires_s=timer.seconds if timer else 0,
        is_refresher=timer is not None and timer.refresher == role,
        session_from_us=rows.microseconds(now) if timer else 0,
    )


def ends_at(state: DialogState) -> float:
    """When to hang up, if nobody refreshes. UTC in seconds."""
    interval = state.session_expires_s
    return state.session_from_us / 1_000_000 + interval - min(ENDS_BEFORE_S, interval / 3)


def due_at(state: DialogState) -> float | None:
    """When something is to be done: refresh at half of it, or hang up; none without a timer."""
    if not state.session_expires_s:
        return None
    if state.is_refresher:
        return state.session_from_us / 1_000_000 + state.session_expires_s / 2
    return ends_at(state)
