"""Offers of theirs outside of any INVITE: in an UPDATE (RFC 3311), in a PRACK (RFC 3262)."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import exchange, locating, session_timer
from telephony.sip.core import SESSION_ALARM, UPDATE_ALARM, Core, Dialog
from telephony.sip.dialog import CONFIRMED, DialogState
from telephony.sip.exchange import Exchange, Step
from telephony.sip.extensions import introduced
from telephony.sip.headers import Lines
from telephony.sip.invitation import is_session_description, kept, retargeted
from telephony.sip.message import Request
from telephony.sip.outputs import Offered
from telephony.sip.parser import parse
from telephony.sip.responses import respond
from telephony.sip.transactions import server_key, way_back

SDP = "application/sdp"
# It must be answered promptly: nobody is asked (section 5.2).
ANSWER_SECONDS_MAX = 5.0
# Beyond which nobody has to wait before they try again (section 5.2).
RETRY_SECONDS_MAX = 10.0


class Updates:
    """Answers the offers of the other side; an UPDATE without one is only a sign of life."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def received(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """An UPDATE which is new, or a PRACK with an offer."""
        core = self._core
        if (status := self._refusal(dialog, request)) is not None:
            headers = self.why(status)
            core.reply(request, flow, status, to_tag=dialog.state.local_tag, headers=headers)
            return
        state = replace(dialog.state, remote_cseq=request.cseq.number)
        if request.method == "UPDATE":
            state = introduced(retargeted(state, request), request)
            if not rows.is_behind_nat(request, flow):
                locating.follow(core, dialog.state, state)
        if request.body:
            state = exchange.offered_by_them(state, request.body)
            state = replace(state, server_update=kept(request))
        core.transactions.serve(request, flow)
        if request.body:
            core.save(dialog, state)
            core.alarms.set(UPDATE_ALARM, state.id, now + ANSWER_SECONDS_MAX)
            core.tell(Offered(state.id, request.body, request.method))
        else:
            self._agree(dialog, request, state, b"", now)

    def _refusal(self, dialog: Dialog, request: Request) -> int | None:
        state = dialog.state
        if not is_session_description(request):
            return 415
        if session_timer.is_too_short(request, self._core.policy):
            return 422
        ours_waits = exchange.exchange_of(state) is Exchange.LOCAL_OFFER or dialog.updating
        if request.body and ours_waits:
            return 491
        # Theirs waits for an answer, or the offer has to be made by another road first.
        if state.server_update or (
            request.body and exchange.exchange_of(state) is not Exchange.STABLE
        ):
            return 500
        return 503 if self._core.transactions.is_full else None

    def why(self, status: int) -> Lines:
        """The header lines of a refusal."""
        if status == 415:
            return (("Accept", SDP), ("Accept-Encoding", "identity"))
        if status == 422:
            return session_timer.refusal(self._core.policy)
        if status in (500, 503):
            wait = round(self._core.between(0.0, RETRY_SECONDS_MAX))
            return (("Retry-After", str(wait)),)
        return ()

    def answer(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        """Answer the offer which waits."""
        if dialog.state.server_update and exchange.may(dialog.state, Step.WE_ANSWER):
            state = exchange.answered_by_us(dialog.state, sdp)
            self._agree(dialog, _waiting(dialog), state, sdp, now)

    def refuse(self, dialog: Dialog, status: int, now: float) -> None:
        """Refuse the offer which waits: all stays as it was."""
        if dialog.state.server_update:
            request = _waiting(dialog)
            state = replace(exchange.withdrawn(dialog.state), server_update=b"")
            self._core.alarms.set(UPDATE_ALARM, state.id, None)
            self._core.save(dialog, state)
            headers = self.why(status)
            response = respond(request, status, state.local_tag, headers=headers)
            self._core.transactions.respond(server_key(request), response, state.flow, now)

    def unanswered(self, dialog: Dialog, now: float) -> None:
        """Nobody answered it here in time."""
        self.refuse(dialog, 500, now)

    def _agree(
        self, dialog: Dialog, request: Request, state: DialogState, sdp: bytes, now: float
    ) -> None:
        core = self._core
        # Before the call is answered there is no timer yet (RFC 4028 section 9).
        timer = None
        if state.status == CONFIRMED:
            timer = session_timer.serve(request, core.policy)
            state = session_timer.running(state, timer, session_timer.UAS, now)
        headers = self._headers(state, request, sdp) + session_timer.served(timer)
        agreed_cseq = request.cseq.number if sdp else state.agreed_cseq
        core.save(dialog, replace(state, server_update=b"", agreed_cseq=agreed_cseq))
        core.alarms.set(UPDATE_ALARM, state.id, None)
        core.alarms.set(SESSION_ALARM, state.id, session_timer.due_at(state))
        response = respond(request, 200, state.local_tag, headers=headers, body=sdp)
        core.transactions.respond(server_key(request), response, state.flow, now)

    def _headers(self, state: DialogState, request: Request, sdp: bytes) -> Lines:
        """Of a 200. One to a PRACK says nothing of us (RFC 3262 table 1)."""
        is_update = request.method == "UPDATE"
        headers = self._core.capabilities(state, request.uri) if is_update else ()
        return (*headers, ("Content-Type", SDP)) if sdp else headers

    def repeat_to(self, dialog: Dialog, request: Request, flow: Flow) -> None:
        """Answer the last one again, whose transaction a restart lost."""
        core = self._core
        state = dialog.state
        body = state.local_sdp if request.cseq.number == state.agreed_cseq else b""
        headers = self._headers(state, request, body)
        response = respond(request, 200, state.local_tag, headers=headers, body=body)
        core.transmit(bytes(response), way_back(flow, request))

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: what waits for an answer is told again."""
        if dialog.state.server_update:
            request = _waiting(dialog)
            self._core.transactions.serve(request, dialog.state.flow)
            self._core.alarms.set(UPDATE_ALARM, dialog.state.id, now + ANSWER_SECONDS_MAX)
            self._core.tell(Offered(dialog.state.id, dialog.state.pending_sdp, request.method))


def _waiting(dialog: Dialog) -> Request:
    request = parse(dialog.state.server_update)
    assert isinstance(request, Request), "the row holds the request which waits"
    return request
