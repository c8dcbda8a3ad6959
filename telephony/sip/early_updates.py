"""UPDATEs of somebody who has not answered our INVITE yet (RFC 3311 section 5.2)."""

from __future__ import annotations

from telephony.flow import Flow
from telephony.sip import exchange
from telephony.sip.core import UPDATE_ALARM, Core, Dialog, Fork
from telephony.sip.headers import Lines
from telephony.sip.invitation import is_session_description
from telephony.sip.message import Request
from telephony.sip.outputs import Offered
from telephony.sip.responses import respond
from telephony.sip.transactions import server_key
from telephony.sip.update import ANSWER_SECONDS_MAX, Updates

SDP = "application/sdp"


class EarlyUpdates:
    """They may say that they are there; and offer, once they have answered our offer."""

    def __init__(self, core: Core, updates: Updates) -> None:
        self._core = core
        self._updates = updates

    def received(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """An UPDATE of somebody whose early dialog there is."""
        core, fork = self._core, dialog.forks[request.from_.tag]
        if (status := self._refusal(dialog, fork, request)) is not None:
            core.reply(request, flow, status, headers=self._updates.why(status))
        elif not request.body:
            core.reply(request, flow, 200, headers=core.capabilities(fork.state, request.uri))
        else:
            core.transactions.serve(request, flow)
            fork.update = request, flow
            core.alarms.set(UPDATE_ALARM, dialog.state.id, now + ANSWER_SECONDS_MAX)
            core.tell(Offered(dialog.state.id, request.body, "UPDATE"))

    def _refusal(self, dialog: Dialog, fork: Fork, request: Request) -> int | None:
        if not is_session_description(request):
            return 415
        if not request.body:
            return None
        if dialog.updating or not fork.sdp:
            return 491
        # Theirs waits; or others were reached too, and it is not known whom to hear.
        if fork.update is not None or len(dialog.forks) > 1:
            return 500
        return 503 if self._core.transactions.is_full else None

    def answer(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        """Answer the offer which waits."""
        for fork in dialog.forks.values():
            if fork.update is not None:
                offer = fork.update[0].body
                fork.offer, fork.sdp = sdp, offer
                self._core.save(dialog, exchange.renewed(dialog.state, sdp, offer))
                self._respond(dialog, fork, 200, now, sdp)

    def refuse(self, dialog: Dialog, status: int, now: float) -> None:
        """Refuse the offer which waits: all stays as it was."""
        for fork in dialog.forks.values():
            if fork.update is not None:
                self._respond(dialog, fork, status, now)

    def _respond(
        self, dialog: Dialog, fork: Fork, status: int, now: float, sdp: bytes = b""
    ) -> None:
        assert fork.update is not None, "asked before"
        core, (request, flow), fork.update = self._core, fork.update, None
        headers: Lines = self._updates.why(status)
        if sdp:
            headers = (*core.capabilities(fork.state, request.uri), ("Content-Type", SDP))
        core.alarms.set(UPDATE_ALARM, dialog.state.id, None)
        response = respond(request, status, headers=headers, body=sdp)
        core.transactions.respond(server_key(request), response, flow, now)
