"""A SIP user agent (RFC 3261) without I/O: the caller has the sockets and the clock."""

from __future__ import annotations

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import multipart, siprec
from telephony.sip.commands import FORGET_ALARM, Commands
from telephony.sip.core import (
    ANSWER_ALARM,
    CANCELLED_ALARM,
    REFER_ALARM,
    REFERRED_ALARM,
    REINVITE_ALARM,
    RELIABLE_ALARM,
    SESSION_ALARM,
    UNANSWERED_ALARM,
    UPDATE_ALARM,
    Dialog,
)
from telephony.sip.dialog import readable
from telephony.sip.errors import GrammarError
from telephony.sip.extensions import not_understood
from telephony.sip.gate import Admitted, Silent
from telephony.sip.headers import Lines
from telephony.sip.in_dialog import CAPABILITIES
from telephony.sip.invitation import invite_of
from telephony.sip.message import Request, Response
from telephony.sip.outputs import MetadataAsked, Output, Responded, TakenForRecorder
from telephony.sip.parser import MessageError, parse
from telephony.sip.requests import ALLOW
from telephony.sip.responses import respond
from telephony.sip.transactions import Client, Way, server_key, way_back
from telephony.sip.transactions.transactions import CLIENT_ALARM, SERVER_ALARM
from telephony.sip.uri import Uri

METHODS = frozenset(
    {
        *("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO"),
        *("UPDATE", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE"),
    }
)
SCHEMES = frozenset({"sip", "sips", "tel"})
# Another node may take it at once; this one is gone by then (RFC 3261 section 21.5.4).
DRAINING: tuple[int, Lines] = (503, (("Retry-After", "30"),))


class UserAgent(Commands):
    """Take every output with `poll` after each other call, and wake it at `wake_at`.

    `now` is UTC in seconds. Each `Save` must be durable before a later `Transmit` is sent.
    """

    # --- the run loop -------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one message: a datagram, or what was framed on a connection."""
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._response(multipart.opened(message)[0], flow, now)
            else:
                self._request(message.seen_from(flow.remote), flow, now)
        except MessageError as error:
            self._refuse(error, flow)

    def knows(self, flow: Flow) -> bool:
        """Whether this flow is that of a peer who may begin something with us."""
        return self._gate.knows(flow)

    def unreachable(self, flow: Flow, now: float) -> None:
        """A connection could not be made or is gone: what waits for an answer will get none."""
        for client in self._core.transactions.take_unreachable(flow):
            self._unanswered(client, now)

    def wake(self, now: float) -> None:
        """Do all that has come due."""
        for kind, name in self._core.alarms.due(now):
            self._ring(kind, name, now)

    @property
    def wake_at(self) -> float | None:
        return self._core.alarms.wake_at

    def poll(self) -> Output | None:
        """The next output; none when there is nothing more to do."""
        outputs = self._core.outputs
        return outputs.popleft() if outputs else None

    @property
    def dialog_count(self) -> int:
        return self._core.dialog_count

    def calls_of(self, trunk: str) -> int:
        """How many calls are up on a trunk, in both directions."""
        return self._core.calls_of(trunk)

    @property
    def transaction_count(self) -> int:
        return len(self._core.transactions)

    # --- what arrives -------------------------------------------------------------------

    def _refuse(self, error: MessageError, flow: Flow) -> None:
        """Answer what could not be read, if its sender can be made out and is no stranger."""
        if error.request is None or not self._gate.knows(flow):
            return
        try:
            self._core.reply(error.request.seen_from(flow.remote), flow, error.status)
        except GrammarError:
            # Not even its Via can be read: the answer goes to where it came from.
            response = respond(error.request, error.status, self._core.token())
            self._core.transmit(bytes(response), Way(flow))

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        request, beside = multipart.opened(request)
        known = core.transactions.receive_again(server_key(request), request.method, now)
        if known and request.method != "ACK":
            return
        if request.method not in ("ACK", "CANCEL") and not request.to.tag:
            self._out_of_dialog(request, flow, now, siprec.is_for_a_recorder(request, beside))
            return
        if not self._is_ours(request) and not self._gate.knows(flow):
            return
        if request.method == "CANCEL":
            self._incoming.cancelled(request, flow, now)
        elif (refused := _refusal(request)) is not None:
            status, headers = refused
            core.reply(request, flow, status, headers=headers)
        elif request.to.tag:
            request, is_asked = siprec.asks_for_metadata(request, beside)
            self._in_dialog.receive(request, flow, now)
            dialog = core.dialog_of(request.call_id, request.to.tag)
            if is_asked and dialog is not None:
                core.tell(MetadataAsked(dialog.state.id))

    def _is_ours(self, request: Request) -> bool:
        """Whether it names something that only somebody who talks with us can know."""
        core = self._core
        if request.method == "CANCEL":
            return core.transactions.has_server(server_key(request, "INVITE"))
        return core.dialog_of(request.call_id, request.to.tag) is not None

    def _out_of_dialog(
        self, request: Request, flow: Flow, now: float, is_for_a_recorder: bool
    ) -> None:
        core = self._core
        verdict = self._gate.admit(request, flow, now)
        if isinstance(verdict, Silent):
            return
        if not isinstance(verdict, Admitted):
            core.reply(request, flow, verdict.status, headers=verdict.headers)
        elif is_for_a_recorder:
            # RFC 7866 section 6.2 is not for us: nobody's conversation is recorded here unasked.
            core.reply(request, flow, 420, headers=(("Unsupported", siprec.TAG),))
            core.tell(TakenForRecorder(request.call_id, readable(request.from_.uri.text)))
        elif (refused := _refusal(request)) is not None:
            status, headers = refused
            core.reply(request, flow, status, headers=headers)
        elif request.method == "INVITE":
            self._invited(request, flow, verdict.trunk, now)
        elif request.method == "OPTIONS":
            status, headers = DRAINING if self._is_draining else (200, CAPABILITIES)
            core.reply(request, flow, status, headers=headers)
        elif request.method == "SUBSCRIBE":
            core.reply(request, flow, 489, headers=(("Allow-Events", "refer"),))
        elif request.method == "REFER":
            core.reply(request, flow, 603)
        else:
            core.reply(request, flow, 481)

    def _invited(self, request: Request, flow: Flow, trunk: str, now: float) -> None:
        core = self._core
        if ended := self._ended.get(invite_of(request)):
            core.transmit(ended.final_response, way_back(flow, request))
        elif core.dialog_begun_by(invite_of(request)) is not None:
            self._incoming.invited(request, flow, trunk, now)
        elif self._is_draining and request.headers.get("replaces") is None:
            core.reply(request, flow, DRAINING[0], headers=DRAINING[1])
        elif (full := self._gate.limit(trunk, core.calls_of(trunk), now)) is not None:
            core.reply(request, flow, full.status, headers=full.headers)
        else:
            self._incoming.invited(request, flow, trunk, now)

    def _response(self, response: Response, flow: Flow, now: float) -> None:
        client, is_new = self._core.transactions.receive_response(response, now)
        if client is None:
            self._outgoing.stray(response)
            return
        if not is_new or response.cseq.method == "CANCEL":
            return
        if self._authorizing.challenged(client, response, now):
            return
        if client.state is None:
            if response.status >= 200:
                self._core.tell(Responded(client.owner, response))
        elif response.cseq.method == "INVITE":
            if client.state.status == rows.CONFIRMED:
                self._reinvites.responded(client, response, now)
            else:
                self._outgoing.responded(client, response, flow, now)
        elif response.cseq.method == "UPDATE":
            self._updated(client, response, now)
        elif response.cseq.method == "REFER":
            self._transfers.responded(client, response, now)
        elif response.cseq.method == "NOTIFY":
            self._referrals.responded(client, response)
        elif response.cseq.method == "PRACK":
            self._outgoing.pracked(client, response)
        else:
            self._within.responded(client, response, now)

    def _updated(self, client: Client, response: Response, now: float) -> None:
        """A response to an UPDATE of ours: one with an offer, or one that keeps the call alive."""
        if not client.machine.request.body:
            self._refreshing.responded(client, response, now)
            return
        self._early_offers.responded(client, response, now)
        if dialog := self._core.dialog(client.owner):
            self._answering.proceed(dialog, now)

    # --- what comes due -----------------------------------------------------------------

    def _ring(self, kind: str, name: str, now: float) -> None:
        if kind == SERVER_ALARM:
            self._core.transactions.wake_server(name, now)
        elif kind == CLIENT_ALARM:
            self._client_rang(name, now)
        elif kind == FORGET_ALARM:
            self._ended.pop(name, None)
        elif dialog := self._core.dialog(name):
            self._dialog_rang(kind, dialog, now)

    def _client_rang(self, key: str, now: float) -> None:
        if (client := self._core.transactions.wake_client(key, now)) is not None:
            self._unanswered(client, now)

    def _unanswered(self, client: Client, now: float) -> None:
        request = client.machine.request
        if request.method == "CANCEL":
            return
        if client.state is None:
            self._core.tell(Responded(client.owner, respond(request, 408)))
        elif request.method == "INVITE":
            if client.state.status == rows.CONFIRMED:
                self._reinvites.timed_out(client, now)
            else:
                self._outgoing.timed_out(client, now)
        elif request.method == "REFER":
            self._transfers.timed_out(client, now)
        elif request.method == "NOTIFY":
            self._referrals.gone(client)
        elif request.method == "UPDATE" and self._early_offers.timed_out(client):
            if dialog := self._core.dialog(client.owner):
                self._answering.proceed(dialog, now)
        elif request.method != "PRACK":
            self._within.timed_out(client, now)

    def _dialog_rang(self, kind: str, dialog: Dialog, now: float) -> None:
        if kind == ANSWER_ALARM:
            self._acknowledging.unacknowledged(dialog, now)
        elif kind == UNANSWERED_ALARM and dialog.is_pending:
            self._answering.unanswered(dialog, now)
        elif kind == UNANSWERED_ALARM:
            self._outgoing.unanswered(dialog, now)
        elif kind == CANCELLED_ALARM:
            self._outgoing.cancelled(dialog, now)
        elif kind == RELIABLE_ALARM:
            self._answering.unpracked(dialog, now)
        elif kind == UPDATE_ALARM:
            self._updates.unanswered(dialog, now)
            self._early_updates.refuse(dialog, 500, now)
            self._answering.proceed(dialog, now)
        elif kind == REINVITE_ALARM and dialog.state.status == rows.EARLY:
            self._early_offers.come_due(dialog, now)
        elif kind == REINVITE_ALARM:
            self._reinvites.come_due(dialog, now)
        elif kind == SESSION_ALARM:
            self._refreshing.come_due(dialog, now)
        elif kind == REFER_ALARM:
            self._transfers.expired(dialog, now)
        elif kind == REFERRED_ALARM:
            self._referrals.come_due(dialog, now)


def _refusal(request: Request) -> tuple[int, tuple[tuple[str, str], ...]] | None:
    """What every request is asked first (RFC 3261 section 8.2). An ACK is never answered."""
    if request.method == "ACK":
        return None
    if request.method not in METHODS:
        return 405, (("Allow", ALLOW),)
    if Uri.parse(request.uri).scheme not in SCHEMES:
        return 416, ()
    if unknown := not_understood(request):
        return 420, (("Unsupported", ", ".join(unknown)),)
    return None
