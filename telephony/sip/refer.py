"""Transfers which we ask for: REFER out, NOTIFY in (RFC 3515, RFC 4488, RFC 3892)."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import grammar, sipfrag
from telephony.sip.core import REFER_ALARM, Core, Dialog
from telephony.sip.dialog import DialogState, readable
from telephony.sip.errors import GrammarError
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.name_addr import NameAddr
from telephony.sip.outputs import Transferred, Transferring
from telephony.sip.parser import parse
from telephony.sip.replaces import Replaces
from telephony.sip.requests import within
from telephony.sip.responses import reason_of, respond
from telephony.sip.transactions import Client, server_key
from telephony.sip.uri import Uri, with_header
from telephony.sip.within import Within

NOTIFY_SECONDS_MAX = 30.0
"""How long a peer who accepted a transfer may say nothing of it."""

TRANSFER_SECONDS_MAX = 180.0
"""How long one may ring, since its last news."""

UNKNOWN = 202
DECLINED = 603


class Transfers:
    """Sends REFERs and follows what becomes of them; hangs up once the peer is with another."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests

    def refer(
        self,
        dialog: Dialog,
        refer_id: str,
        target: str,
        now: float,
        *,
        replaces: Replaces | None = None,
        subscribe: bool = True,
    ) -> None:
        """Ask the peer to call `target`. The same `refer_id` again is the same order.

        Without `subscribe` a peer who knows `norefersub` will not tell how it goes.
        """
        core = self._core
        state = dialog.state
        if state.refer_id == refer_id:
            if state.refer_status:
                core.tell(_outcome(state))
            return
        if state.refer_id and not state.refer_status:
            core.tell(Transferred(state.id, refer_id, 491, reason_of(491)))
            return
        request = self._request(state, target, replaces, subscribe)
        changed = replace(
            state,
            local_cseq=request.cseq.number,
            refer_id=refer_id,
            refer_cseq=request.cseq.number,
            refer_request=bytes(request),
            refer_status=0,
            refer_until_us=rows.microseconds(now + NOTIFY_SECONDS_MAX),
        )
        core.save(dialog, changed)
        self._start(dialog, request, now)

    def _request(
        self, state: DialogState, target: str, replaces: Replaces | None, subscribe: bool
    ) -> Request:
        uri = Uri.parse(target).text
        if replaces is not None:
            uri = with_header(uri, "Replaces", str(replaces))
        core = self._core
        headers: Lines = (
            ("Contact", core.sender.contact(state.flow)),
            ("Refer-To", f"<{uri}>"),
            ("Referred-By", f"<{NameAddr.parse(state.local_uri).uri.text}>"),
        )
        if not subscribe:
            headers = (*headers, ("Supported", "norefersub"), ("Refer-Sub", "false"))
        cseq = state.local_cseq + 1
        return within(state, "REFER", core.sender, core.branch(), cseq, headers=headers)

    def _start(self, dialog: Dialog, request: Request, now: float) -> None:
        state = dialog.state
        self._core.alarms.set(REFER_ALARM, state.id, state.refer_until_us / 1_000_000)
        self._core.start(request, state, now)

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: the same REFER again is one retransmission more."""
        state = dialog.state
        if state.refer_request:
            request = parse(state.refer_request)
            assert isinstance(request, Request), "the row holds the REFER which we sent"
            self._start(dialog, request, now)
        elif state.refer_id and not state.refer_status:
            self._core.alarms.set(REFER_ALARM, state.id, state.refer_until_us / 1_000_000)

    def responded(self, client: Client, response: Response, now: float) -> None:
        """Take a response to a REFER of ours."""
        dialog = self._core.dialog(client.owner)
        if dialog is None or response.status < 200 or not self._is_about(client, dialog):
            return
        state = dialog.state
        if response.status >= 300:
            self._over(dialog, response.status, readable(response.reason), now)
        elif (response.headers.get("refer-sub") or "").strip().lower() == "false":
            self._over(dialog, UNKNOWN, reason_of(UNKNOWN), now)
        elif state.refer_request:
            self._core.save(dialog, replace(state, refer_request=b""))
        if response.status == 481:
            self._within.end(dialog, "gone", now)

    def timed_out(self, client: Client, now: float) -> None:
        """Nobody answered the REFER; where it was heard of, that is enough."""
        dialog = self._core.dialog(client.owner)
        if dialog is not None and self._is_about(client, dialog) and dialog.state.refer_request:
            self._over(dialog, 408, reason_of(408), now)

    @staticmethod
    def _is_about(client: Client, dialog: Dialog) -> bool:
        state = dialog.state
        return client.machine.request.cseq.number == state.refer_cseq and not state.refer_status

    def notified(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """A NOTIFY within the dialog."""
        core = self._core
        state = replace(dialog.state, remote_cseq=request.cseq.number)
        if not _is_of(request, state):
            dialog.state = state
            core.reply(request, flow, 481)
            return
        try:
            status, reason = _news(request)
        except GrammarError:
            dialog.state = state
            core.reply(request, flow, 400)
            return
        until_us = rows.microseconds(now + TRANSFER_SECONDS_MAX)
        core.save(dialog, replace(state, refer_request=b"", refer_until_us=until_us))
        if not core.transactions.is_full:
            core.transactions.serve(request, flow)
        core.transactions.respond(
            server_key(request), respond(request, 200, state.local_tag), flow, now
        )
        if state.refer_status:
            return
        if status >= 200:
            self._over(dialog, status, reason, now)
        else:
            core.alarms.set(REFER_ALARM, state.id, until_us / 1_000_000)
            core.tell(Transferring(state.id, state.refer_id, status))

    def expired(self, dialog: Dialog, now: float) -> None:
        """Nothing more was heard of the transfer."""
        status = 408 if dialog.state.refer_request else UNKNOWN
        self._over(dialog, status, reason_of(status), now)

    def _over(self, dialog: Dialog, status: int, reason: str, now: float) -> None:
        core = self._core
        core.alarms.set(REFER_ALARM, dialog.state.id, None)
        core.save(dialog, replace(dialog.state, refer_request=b"", refer_status=status))
        core.tell(Transferred(dialog.state.id, dialog.state.refer_id, status, reason))
        if status < 300:
            # At once: some carriers play nothing to anybody until this BYE comes.
            self._within.bye(dialog, now, "transferred")


def _outcome(state: DialogState) -> Transferred:
    status = state.refer_status
    return Transferred(state.id, state.refer_id, status, reason_of(status))


def _is_of(notify: Request, state: DialogState) -> bool:
    """Whether it belongs to the subscription which our REFER made (RFC 3515 section 2.4.6)."""
    package, semicolon, rest = (notify.headers.get("event") or "").partition(";")
    if package.strip().lower() != "refer" or not state.refer_cseq:
        return False
    try:
        named = grammar.param(grammar.params(semicolon + rest), "id")
        return named is None or grammar.number(named, 2**31 - 1) == state.refer_cseq
    except GrammarError:
        return False


def _news(notify: Request) -> tuple[int, str]:
    """The status of the transfer; one that ended without a final status is `UNKNOWN`.

    GrammarError where there is none.
    """
    subscription, semicolon, rest = (notify.headers.get("subscription-state") or "").partition(";")
    is_over = subscription.strip().lower() == "terminated"
    if notify.body and notify.content_type != sipfrag.CONTENT_TYPE:
        raise GrammarError("NOTIFY of a transfer without sipfrag")
    if not notify.body and not is_over:
        raise GrammarError("NOTIFY without a body")
    status, reason = sipfrag.read(notify.body) if notify.body else (100, "")
    if not is_over or status >= 200:
        return status, readable(reason)
    why = grammar.param(grammar.params(semicolon + rest), "reason") or ""
    status = DECLINED if why.lower() == "rejected" else UNKNOWN
    return status, reason_of(status)
