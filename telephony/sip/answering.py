"""An INVITE which waits is answered: progress, a 2xx, or a refusal (RFC 3261 section 13.3.1)."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import exchange, session_timer
from telephony.sip.acknowledging import Acknowledging
from telephony.sip.core import (
    RELIABLE_ALARM,
    SESSION_ALARM,
    UNANSWERED_ALARM,
    Core,
    Dialog,
)
from telephony.sip.dialog import DialogState
from telephony.sip.exchange import Step
from telephony.sip.headers import Lines
from telephony.sip.invitation import SDP, waiting
from telephony.sip.message import Request, Response
from telephony.sip.outputs import Event, Failed
from telephony.sip.reliable import ReliableProgress
from telephony.sip.responses import respond
from telephony.sip.transactions import server_key
from telephony.sip.update import Updates

UNANSWERED_SECONDS_MAX = 180.0


class Answering:
    """Rings, accepts, rejects."""

    def __init__(self, core: Core, acknowledging: Acknowledging, updates: Updates) -> None:
        self._core = core
        self._acknowledging = acknowledging
        self._updates = updates
        self._reliably = ReliableProgress(core, updates)

    def wait(self, dialog: Dialog, now: float) -> None:
        """Nobody is rung for ever."""
        self._core.alarms.set(UNANSWERED_ALARM, dialog.state.id, now + UNANSWERED_SECONDS_MAX)

    def ring(self, dialog: Dialog, now: float) -> None:
        self.progress(dialog, 180, b"", now)

    def progress(self, dialog: Dialog, status: int, sdp: bytes, now: float) -> None:
        """Send a provisional response; with a description, media may flow before the answer."""
        if not dialog.is_pending or dialog.state.status != rows.EARLY:
            return
        request = waiting(dialog)
        if self._reliably.is_due(request):
            self._reliably.send(dialog, request, status, sdp, now)
        else:
            self._respond(dialog, request, self._response(dialog, request, status, sdp), now)

    def accept(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        """Answer the INVITE which waits; if none does, send the same 2xx once more."""
        if not dialog.is_pending:
            if dialog.was_accepted:
                self._acknowledging.repeat(dialog)
            return
        if self._holds_answer(dialog):
            self._core.save(dialog, replace(dialog.state, answers_when_pracked=True))
            return
        core = self._core
        request = waiting(dialog)
        state, body = _described(dialog.state, sdp)
        timer = session_timer.serve(request, core.policy)
        extra = session_timer.served(timer)
        response = self._response(dialog, request, 200, body, extra)
        answered = replace(
            session_timer.running(state, timer, session_timer.UAS, now),
            status=rows.CONFIRMED,
            server_request=b"",
            final_response=bytes(response),
            acknowledged=False,
            reliable_response=b"",
            answers_when_pracked=False,
            answered_us=dialog.state.answered_us or rows.microseconds(now),
        )
        core.save(dialog, answered)
        core.alarms.set(UNANSWERED_ALARM, answered.id, None)
        core.alarms.set(RELIABLE_ALARM, answered.id, None)
        core.alarms.set(SESSION_ALARM, answered.id, session_timer.due_at(answered))
        self._respond(dialog, request, response, now)
        self._acknowledging.begin(dialog, now)

    def _holds_answer(self, dialog: Dialog) -> bool:
        """Whether a 2xx must wait: what is said of the session is on its way, in any direction."""
        is_offered = dialog.updating or dialog.state.server_update
        return bool(is_offered) or self._reliably.holds_answer(dialog)

    def pracked(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """A PRACK: what had to wait for it may follow."""
        if self._reliably.acknowledged(dialog, request, flow, now):
            self.proceed(dialog, now)

    def proceed(self, dialog: Dialog, now: float) -> None:
        """An exchange within the call is complete: what had to wait for it may follow."""
        if not dialog.is_pending or self._holds_answer(dialog):
            return
        if dialog.state.answers_when_pracked:
            self.accept(dialog, b"", now)
        elif (following := dialog.next_progress) is not None:
            dialog.next_progress = None
            self.progress(dialog, *following, now)

    def unpracked(self, dialog: Dialog, now: float) -> None:
        """Send a reliable provisional response again, or refuse the call (RFC 3262 section 3)."""
        if not self._reliably.repeat(dialog, now) and dialog.is_pending:
            failed = Failed(dialog.state.id, "unacknowledged")
            self.refuse(dialog, 504, failed, now)

    def reject(self, dialog: Dialog, status: int, now: float) -> None:
        """Refuse the INVITE which waits; refusing a re-INVITE leaves the call as it was."""
        assert 300 <= status <= 699, "a rejection is a final response other than 2xx"
        if dialog.is_pending:
            self.refuse(dialog, status, None, now)

    def unanswered(self, dialog: Dialog, now: float) -> None:
        """Nobody answered the INVITE here: it has rung too long."""
        self.refuse(dialog, 480, Failed(dialog.state.id, "unanswered"), now)

    def hung_up(self, dialog: Dialog, now: float) -> None:
        """A BYE came: an INVITE which still waits gets 487 (section 15.1.2)."""
        if dialog.is_pending:
            request = waiting(dialog)
            self._respond(dialog, request, self._response(dialog, request, 487), now)

    def refuse(self, dialog: Dialog, status: int, event: Event | None, now: float) -> None:
        core = self._core
        request = waiting(dialog)
        response = self._response(dialog, request, status)
        core.alarms.set(UNANSWERED_ALARM, dialog.state.id, None)
        if dialog.state.status == rows.EARLY:
            self._updates.refuse(dialog, 487, now)
            core.end(dialog, now, bytes(response))
        else:
            kept = exchange.withdrawn(dialog.state)
            core.save(dialog, replace(kept, server_request=b"", final_response=bytes(response)))
        self._respond(dialog, request, response, now)
        if event is not None and dialog.state.status == rows.TERMINATED:
            core.tell(event)

    def _respond(self, dialog: Dialog, request: Request, response: Response, now: float) -> None:
        self._core.transactions.respond(server_key(request), response, dialog.state.flow, now)

    def _response(
        self,
        dialog: Dialog,
        request: Request,
        status: int,
        sdp: bytes = b"",
        extra: Lines = (),
    ) -> Response:
        headers = extra
        if status < 300:
            headers = self._core.capabilities(dialog.state, request.uri) + extra
        if sdp:
            headers = (*headers, ("Content-Type", SDP))
        return respond(request, status, dialog.state.local_tag, headers=headers, body=sdp)

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: wait on, or send the unacknowledged 2xx again."""
        core = self._core
        if dialog.is_pending:
            core.transactions.serve(waiting(dialog), dialog.state.flow)
            self.wait(dialog, now)
            self._reliably.restore(dialog, now)
            self.proceed(dialog, now)
        elif dialog.awaits_ack:
            self._acknowledging.repeat(dialog)
            self._acknowledging.begin(dialog, now)


def _described(state: DialogState, sdp: bytes) -> tuple[DialogState, bytes]:
    """The row with what our 2xx says of the session, and what that is.

    Nothing, where a reliable provisional response has answered already (RFC 6337 section 3.1.1).
    """
    if exchange.may(state, Step.WE_ANSWER):
        return exchange.answered_by_us(state, sdp), sdp
    if state.status == rows.EARLY and state.remote_sdp:
        return state, b""
    return exchange.offered_by_us(state, sdp), sdp
