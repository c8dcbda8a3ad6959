"""Calls which we are offered: the user agent server core of RFC 3261 sections 13.3 and 14.2."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import exchange, locating, reason, session_timer
from telephony.sip.acknowledging import Acknowledging
from telephony.sip.answering import Answering
from telephony.sip.core import Core, Dialog
from telephony.sip.errors import GrammarError
from telephony.sip.exchange import Step
from telephony.sip.extensions import introduced
from telephony.sip.headers import Lines
from telephony.sip.invitation import (
    SDP,
    early,
    invite_of,
    is_session_description,
    kept,
    retargeted,
    takes_session_description,
    told,
)
from telephony.sip.message import Request
from telephony.sip.outputs import Cancelled, Offered
from telephony.sip.replaces import replaced_by
from telephony.sip.responses import respond
from telephony.sip.transactions import branch_of, server_key

RETRY_AFTER_SECONDS = "10"


class IncomingCalls:
    """Takes each INVITE, and its CANCEL, or refuses it."""

    def __init__(self, core: Core, answering: Answering, acknowledging: Acknowledging) -> None:
        self._core = core
        self._answering = answering
        self._acknowledging = acknowledging

    def invited(self, request: Request, flow: Flow, trunk: str, now: float) -> None:
        """An INVITE outside of any dialog."""
        core = self._core
        if (known := core.dialog_begun_by(invite_of(request))) is not None:
            # Its transaction was lost in a restart: it gets the same response.
            self._acknowledging.repeat_to(known, request)
            return
        if (status := self._refusal(request)) is not None:
            self._refuse(request, flow, status)
            return
        refusal, replaced = replaced_by(core, request)
        if refusal:
            core.reply(request, flow, refusal)
            return
        dialog_id = core.token()
        try:
            state = early(dialog_id, core.token(), request, flow, now)
        except GrammarError:
            core.reply(request, flow, 400)
            return
        state = replace(state, trunk=trunk, replaces=replaced.state.id if replaced else "")
        core.transactions.serve(request, flow)
        dialog = core.add(state)
        core.transactions.respond(server_key(request), respond(request, 100), flow, now)
        core.save(dialog, state)
        self._answering.wait(dialog, now)
        core.tell(replace(told(dialog_id, request, flow, trunk), replaces=state.replaces))
        if not rows.is_behind_nat(request, flow):
            locating.ask(core, state)

    def _refusal(self, request: Request) -> int | None:
        if self._core.transactions.is_merged(request):
            return 482
        if not is_session_description(request):
            return 415
        if not takes_session_description(request):
            return 406
        if session_timer.is_too_short(request, self._core.policy):
            return 422
        return 503 if self._core.is_full or self._core.transactions.is_full else None

    def _refuse(self, request: Request, flow: Flow, status: int) -> None:
        headers: Lines = ()
        if status == 415:
            headers = (("Accept", SDP), ("Accept-Encoding", "identity"))
        elif status == 422:
            headers = session_timer.refusal(self._core.policy)
        elif status in (500, 503):
            headers = (("Retry-After", RETRY_AFTER_SECONDS),)
        self._core.reply(request, flow, status, headers=headers)

    def reinvited(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """An INVITE within a dialog (section 14.2)."""
        core = self._core
        if (status := self._refusal_within(dialog, request)) is not None:
            self._refuse(request, flow, status)
            return
        state = replace(
            dialog.state,
            remote_cseq=request.cseq.number,
            server_branch=branch_of(request),
            server_cseq=request.cseq.number,
            server_request=kept(request),
            final_response=b"",
            acknowledged=True,
        )
        if request.body:
            state = exchange.offered_by_them(state, request.body)
        core.transactions.serve(request, flow)
        core.transactions.respond(server_key(request), respond(request, 100), flow, now)
        state = introduced(retargeted(state, request), request)
        if not rows.is_behind_nat(request, flow):
            locating.follow(core, dialog.state, state)
        core.save(dialog, state)
        self._answering.wait(dialog, now)
        core.tell(Offered(state.id, request.body or None))

    def _refusal_within(self, dialog: Dialog, request: Request) -> int | None:
        if dialog.is_pending:
            return 500
        # Both may want something at a time: then neither gets it now (section 14.2).
        if dialog.awaits_ack or dialog.state.has_reinvite or dialog.updating:
            return 491
        if not exchange.may(dialog.state, Step.THEY_OFFER):
            return 500
        if not is_session_description(request):
            return 415
        if session_timer.is_too_short(request, self._core.policy):
            return 422
        return 503 if self._core.transactions.is_full else None

    def cancelled(self, request: Request, flow: Flow, now: float) -> None:
        """A CANCEL (section 9.2): answered at once, and its INVITE with 487 if that waits."""
        core = self._core
        if not core.transactions.has_server(server_key(request, "INVITE")):
            core.reply(request, flow, 481)
            return
        dialog = self._dialog_with(request)
        core.reply(request, flow, 200, to_tag=dialog.state.local_tag if dialog else "")
        if dialog is not None and dialog.is_pending:
            self._answering.refuse(
                dialog, 487, Cancelled(dialog.state.id, reason.read(request)), now
            )

    def _dialog_with(self, request: Request) -> Dialog | None:
        """The dialog whose last INVITE this CANCEL means."""
        core = self._core
        dialog = core.dialog_begun_by(invite_of(request)) or core.dialog_of(
            request.call_id, request.to.tag
        )
        if dialog is None or dialog.state.server_branch != branch_of(request):
            return None
        return dialog
