"""Requests which arrive within a dialog (RFC 3261 section 12.2.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import reason
from telephony.sip.acknowledging import Acknowledging
from telephony.sip.answering import Answering
from telephony.sip.core import Core, Dialog
from telephony.sip.early_updates import EarlyUpdates
from telephony.sip.headers import Lines
from telephony.sip.incoming import IncomingCalls
from telephony.sip.message import Request
from telephony.sip.outputs import Cancelled, HungUp, InfoReceived
from telephony.sip.refer import Transfers
from telephony.sip.referrals import Referrals
from telephony.sip.requests import ALLOW, SUPPORTED
from telephony.sip.responses import respond
from telephony.sip.transactions import server_key
from telephony.sip.update import Updates

CAPABILITIES: Lines = (
    ("Allow", ALLOW),
    ("Accept", "application/sdp, application/dtmf-relay, application/dtmf"),
    ("Accept-Encoding", "identity"),
    ("Supported", SUPPORTED),
    ("Allow-Events", "refer"),
)


Door = Callable[[Dialog, Request, Flow, float], None]


class InDialog:
    """Keeps the order of the peer's requests, and does what they ask for."""

    def __init__(
        self,
        core: Core,
        incoming: IncomingCalls,
        *,
        answering: Answering,
        acknowledging: Acknowledging,
        updates: Updates,
        early_updates: EarlyUpdates,
        transfers: Transfers,
        referrals: Referrals,
    ) -> None:
        self._core = core
        self._answering = answering
        self._acknowledging = acknowledging
        self._updates = updates
        self._early_updates = early_updates
        self._referrals = referrals
        self._doors: Mapping[str, Door] = MappingProxyType(
            {
                "INVITE": incoming.reinvited,
                "BYE": self._bye,
                "INFO": self._info,
                "OPTIONS": self._options,
                "UPDATE": updates.received,
                "PRACK": answering.pracked,
                "REFER": referrals.referred,
                "NOTIFY": transfers.notified,
                "SUBSCRIBE": self._subscribe,
            }
        )

    def receive(self, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        dialog = core.dialog_of(request.call_id, request.to.tag)
        if dialog is not None and request.from_.tag in dialog.forks:
            self._from_fork(dialog, request, flow, now)
            return
        if dialog is None or dialog.state.remote_tag != request.from_.tag:
            if request.method != "ACK":
                core.reply(request, flow, 481)
            return
        if flow.transport.is_reliable and flow != dialog.state.flow:
            # They have connected anew; the row follows with its next change.
            dialog.state = rows.travelling(dialog.state, flow)
        if request.method == "ACK":
            self._acknowledging.acknowledged(dialog, request, now)
        elif dialog.is_ending and request.method != "BYE":
            core.reply(request, flow, 481)
        elif request.cseq.number > dialog.state.remote_cseq:
            self._doors[request.method](dialog, request, flow, now)
        else:
            self._old(dialog, request, flow)

    def _from_fork(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """A request of somebody who has not answered our INVITE yet."""
        core = self._core
        if request.method == "OPTIONS":
            core.reply(request, flow, 200, headers=CAPABILITIES)
        elif request.method != "UPDATE":
            core.reply(request, flow, 481)
        else:
            self._early_updates.received(dialog, request, flow, now)

    def _old(self, dialog: Dialog, request: Request, flow: Flow) -> None:
        """Seen before, in a transaction which a restart lost; or out of order."""
        is_last = request.cseq.number == dialog.state.remote_cseq
        if (
            is_last
            and request.method == "INVITE"
            and self._acknowledging.repeat_to(dialog, request)
        ):
            return
        if is_last and request.method == "UPDATE" and not dialog.state.server_update:
            self._updates.repeat_to(dialog, request, flow)
            return
        if is_last and request.cseq.number == dialog.state.agreed_cseq:
            self._updates.repeat_to(dialog, request, flow)
            return
        is_repeated = is_last and request.method in ("INFO", "OPTIONS", "PRACK", "NOTIFY")
        status = 200 if is_repeated else 500
        if request.method == "REFER":
            status = self._referrals.repeat_to(dialog, request) or status
        self._core.reply(request, flow, status)

    def _bye(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        was_answered = dialog.state.status == rows.CONFIRMED
        self._answering.hung_up(dialog, now)
        self._updates.refuse(dialog, 487, now)
        core.end(dialog, now)
        self._answer(dialog, request, flow, now)
        dialog_id = dialog.state.id
        reasons = reason.read(request)
        if was_answered:
            core.tell(HungUp(dialog_id, "remote", reasons))
        else:
            core.tell(Cancelled(dialog_id, reasons))

    def _info(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        core.save(dialog, replace(dialog.state, remote_cseq=request.cseq.number))
        self._answer(dialog, request, flow, now)
        core.tell(InfoReceived(dialog.state.id, request.content_type, request.body))

    def _answer(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        if not core.transactions.is_full:
            core.transactions.serve(request, flow)
        response = respond(request, 200, dialog.state.local_tag)
        core.transactions.respond(server_key(request), response, flow, now)

    def _options(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        # A keep-alive is not worth a write: the number is saved with the next request.
        dialog.state = replace(dialog.state, remote_cseq=request.cseq.number)
        self._core.reply(request, flow, 200, headers=CAPABILITIES)

    def _subscribe(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        # We tell of transfers only, and only who asked for one by REFER.
        dialog.state = replace(dialog.state, remote_cseq=request.cseq.number)
        self._core.reply(request, flow, 489, headers=(("Allow-Events", "refer"),))
