"""Provisional responses of ours which have to arrive (RFC 3262 section 3)."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import exchange, grammar
from telephony.sip.core import RELIABLE_ALARM, Core, Dialog
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.exchange import Step
from telephony.sip.extensions import RELIABLE, requires, supports
from telephony.sip.headers import Lines
from telephony.sip.message import CSEQ_MAX, Request
from telephony.sip.outputs import Acknowledged
from telephony.sip.parser import parse
from telephony.sip.responses import respond
from telephony.sip.transactions import server_key, way_back
from telephony.sip.transactions.timers import T1
from telephony.sip.update import Updates

SDP = "application/sdp"
# The first number is drawn below this: there is room to count on.
RSEQ_FIRST_MAX = 2**30
RSEQ_MAX = 2**32 - 1


class ReliableProgress:
    """Sends one at a time, again and again until its PRACK comes."""

    def __init__(self, core: Core, updates: Updates) -> None:
        self._core = core
        self._updates = updates

    def is_due(self, invite: Request) -> bool:
        """Whether this caller requires it, or may have it where we prefer it."""
        if requires(invite, RELIABLE):
            return True
        return self._core.policy.reliable_progress and supports(invite, RELIABLE)

    def holds_answer(self, dialog: Dialog) -> bool:
        """Whether a 2xx must wait: a description is on its way and may be lost."""
        return b"\r\n\r\nv=" in dialog.state.reliable_response

    def send(self, dialog: Dialog, invite: Request, status: int, sdp: bytes, now: float) -> None:
        state = dialog.state
        if state.reliable_response or dialog.updating:
            # That it rings is no news once something else was said.
            dialog.next_progress = (status, sdp) if sdp else dialog.next_progress
            return
        core = self._core
        first = int.from_bytes(core.entropy(4), "big") % RSEQ_FIRST_MAX + 1
        rseq = state.rseq + 1 if state.rseq else first
        state, body = _described(state, sdp)
        headers: Lines = (
            *core.capabilities(state, invite.uri),
            ("Require", RELIABLE),
            ("RSeq", str(rseq)),
            *((("Content-Type", SDP),) if body else ()),
        )
        response = respond(invite, status, state.local_tag, headers=headers, body=body)
        core.save(dialog, replace(state, rseq=rseq, reliable_response=bytes(response)))
        core.transactions.respond(server_key(invite), response, state.flow, now)
        self._await_prack(dialog, now)

    def acknowledged(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> bool:
        """Take a PRACK; whether it was for the response which waits for one."""
        core = self._core
        state = dialog.state
        if not state.reliable_response or _rack(request) != (state.rseq, state.server_cseq):
            core.reply(request, flow, 481)
            return False
        state = replace(state, reliable_response=b"", remote_cseq=request.cseq.number)
        sdp = request.body if request.content_type == SDP else b""
        is_answer = exchange.may(state, Step.THEY_ANSWER)
        if is_answer:
            state = exchange.answered_by_them(state, sdp) if sdp else exchange.withdrawn(state)
        core.alarms.set(RELIABLE_ALARM, state.id, None)
        core.save(dialog, state)
        if sdp and not is_answer:
            # They offer once more (section 5).
            self._updates.received(dialog, request, flow, now)
            return True
        if not core.transactions.is_full:
            core.transactions.serve(request, flow)
        response = respond(request, 200, state.local_tag)
        core.transactions.respond(server_key(request), response, flow, now)
        if is_answer and sdp:
            core.tell(Acknowledged(state.id, sdp))
        return True

    def repeat(self, dialog: Dialog, now: float) -> bool:
        """Send it again; False where that is in vain (64*T1)."""
        if now >= dialog.progress_until:
            return False
        core = self._core
        data = dialog.state.reliable_response
        core.transmit(data, way_back(dialog.state.flow, parse(data)))
        dialog.progress_interval *= 2
        next_at = min(now + dialog.progress_interval, dialog.progress_until)
        core.alarms.set(RELIABLE_ALARM, dialog.state.id, next_at)
        return True

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart."""
        if dialog.state.reliable_response:
            self._await_prack(dialog, now)

    def _await_prack(self, dialog: Dialog, now: float) -> None:
        dialog.progress_interval = T1
        dialog.progress_until = now + 64 * T1
        self._core.alarms.set(RELIABLE_ALARM, dialog.state.id, now + T1)


def _described(state: DialogState, sdp: bytes) -> tuple[DialogState, bytes]:
    """The row with what is said of the session, once: it answers their offer, or is ours."""
    if not sdp or not (
        exchange.may(state, Step.WE_ANSWER)
        or (state.exchange == exchange.Exchange.NONE and state.status == rows.EARLY)
    ):
        return state, b""
    if exchange.may(state, Step.WE_ANSWER):
        return exchange.answered_by_us(state, sdp), sdp
    return exchange.offered_by_us(state, sdp), sdp


def _rack(request: Request) -> tuple[int, int] | None:
    """The RSeq and CSeq which a PRACK names (section 7.2)."""
    words = (request.headers.get("rack") or "").split()
    try:
        if len(words) != 3 or words[2] != "INVITE":
            return None
        return grammar.number(words[0], RSEQ_MAX), grammar.number(words[1], CSEQ_MAX)
    except GrammarError:
        return None
