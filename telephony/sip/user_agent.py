"""A SIP user agent (RFC 3261) without I/O: the caller has the sockets and the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from telephony.flow import Flow, Hop, Listener
from telephony.sip import dialog as rows
from telephony.sip.core import (
    ANSWER_ALARM,
    CANCELLED_ALARM,
    UNANSWERED_ALARM,
    Core,
    Dialog,
    OutOfDialog,
    invited_as,
)
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.gate import Admitted, Gate, OpenGate, Silent
from telephony.sip.headers import Lines
from telephony.sip.in_dialog import CAPABILITIES, InDialog
from telephony.sip.incoming import IncomingCalls, invite_of
from telephony.sip.message import Request, Response
from telephony.sip.outgoing import OutgoingCalls
from telephony.sip.outputs import Output, Responded
from telephony.sip.parser import MessageError, parse
from telephony.sip.requests import ALLOW
from telephony.sip.responses import respond
from telephony.sip.sender import Sender
from telephony.sip.transactions import Client, server_key, way_back
from telephony.sip.transactions.timers import T1
from telephony.sip.transactions.transactions import CLIENT_ALARM, SERVER_ALARM
from telephony.sip.uri import Uri
from telephony.sip.within import Within

DIALOGS_MAX = 1_000
TRANSACTIONS_MAX = 10_000
ENDED_DIALOGS_MAX = 1_000

METHODS = frozenset({"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO"})
SCHEMES = frozenset({"sip", "sips", "tel"})
FORGET_ALARM = "forget"


class UserAgent:
    """Take every output with `poll` after each other call, and wake it at `wake_at`.

    `now` is UTC in seconds. Each `Save` must be durable before a later `Transmit` is sent.
    A command for a dialog which is gone is ignored: the two have crossed.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        contact_user: str,
        entropy: Callable[[int], bytes],
        *,
        dialogs_max: int = DIALOGS_MAX,
        transactions_max: int = TRANSACTIONS_MAX,
        gate: Gate | None = None,
    ) -> None:
        self._gate: Gate = gate or OpenGate()
        self._core = Core(Sender(listeners, contact_user), entropy, dialogs_max, transactions_max)
        self._within = Within(self._core)
        self._incoming = IncomingCalls(self._core, self._within)
        self._outgoing = OutgoingCalls(self._core, self._within)
        self._in_dialog = InDialog(self._core, self._incoming)
        # What dialogs answered that ended shortly before a restart.
        self._ended: dict[str, DialogState] = {}

    # --- the run loop -------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one message: a datagram, or what was framed on a connection."""
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._response(message, flow, now)
            else:
                self._request(message.seen_from(flow.remote), flow, now)
        except MessageError as error:
            self._refuse(error, flow)

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

    @property
    def transaction_count(self) -> int:
        return len(self._core.transactions)

    # --- commands -----------------------------------------------------------------------

    def ring(self, dialog_id: str, now: float) -> None:
        """Send 180."""
        if dialog := self._core.dialog(dialog_id):
            self._incoming.ring(dialog, now)

    def accept(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Answer an INVITE or re-INVITE with 200; once more, and the same 200 is sent again."""
        if dialog := self._core.dialog(dialog_id):
            self._incoming.accept(dialog, sdp, now)

    def reject(self, dialog_id: str, status: int, now: float) -> None:
        """Answer an INVITE or re-INVITE with a failure, 300 to 699."""
        if dialog := self._core.dialog(dialog_id):
            self._incoming.reject(dialog, status, now)

    def invite(
        self,
        target_uri: str,
        sdp: bytes,
        from_uri: str,
        hops: Sequence[Hop],
        now: float,
        *,
        headers: Lines = (),
        trunk: str = "",
    ) -> str:
        """Call, and return the dialog's id. Hops are tried in their order.

        ValueError when a URI is none, or nothing of ours leads to the first hop.
        """
        return self._outgoing.invite(
            target_uri, sdp, from_uri, hops, now, headers=headers, trunk=trunk
        )

    def request(self, asked: OutOfDialog, hop: Hop, now: float) -> str:
        """Send a request outside of any dialog; `Responded` will name the id returned."""
        return self._core.request(asked, hop, now)

    def cancel(self, dialog_id: str, now: float) -> None:
        """Give up a call of ours before it is answered."""
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.role == rows.UAC and dialog.state.status == rows.EARLY:
            self._outgoing.cancel(dialog, now)

    def bye(self, dialog_id: str, now: float) -> None:
        """Hang up; before the answer this cancels our call, or declines theirs with 480."""
        dialog = self._core.dialog(dialog_id)
        if dialog is None:
            return
        if dialog.state.status == rows.CONFIRMED:
            self._within.bye(dialog, now)
        elif dialog.state.role == rows.UAC:
            self._outgoing.cancel(dialog, now)
        else:
            self._incoming.reject(dialog, 480, now)

    def info(self, dialog_id: str, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO within an answered call."""
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.status == rows.CONFIRMED and not dialog.is_ending:
            self._within.info(dialog, content_type, body, now)

    def restore(self, state: DialogState, now: float) -> None:
        """Go on with a dialog from its row, after a restart."""
        if state.status == rows.TERMINATED:
            self._remember(state, now)
            return
        dialog = self._core.add(state)
        if state.role == rows.UAC:
            self._outgoing.restore(dialog, now)
        self._incoming.restore(dialog, now)

    def _remember(self, state: DialogState, now: float) -> None:
        if state.final_response and len(self._ended) < ENDED_DIALOGS_MAX:
            invite = invited_as(state)
            self._ended[invite] = state
            self._core.alarms.set(FORGET_ALARM, invite, now + 64 * T1)

    # --- what arrives -------------------------------------------------------------------

    def _refuse(self, error: MessageError, flow: Flow) -> None:
        """Answer what could not be read, if its sender can be made out and is no stranger."""
        if error.request is None or not self._gate.knows(flow):
            return
        try:
            self._core.reply(error.request.seen_from(flow.remote), flow, error.status)
        except GrammarError:
            # Not even its Via can be read: it cannot be answered, and is not ours to mend.
            return

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        known = core.transactions.receive_again(server_key(request), request.method, now)
        if known and request.method != "ACK":
            return
        if not self._is_ours(request) and not self._gate.knows(flow):
            return
        if request.method == "CANCEL":
            self._incoming.cancelled(request, flow, now)
        elif (refused := _refusal(request)) is not None:
            status, headers = refused
            core.reply(request, flow, status, headers=headers)
        elif request.to.tag:
            self._in_dialog.receive(request, flow, now)
        else:
            self._out_of_dialog(request, flow, now)

    def _is_ours(self, request: Request) -> bool:
        """Whether it names something that only somebody who talks with us can know."""
        core = self._core
        if request.method == "CANCEL":
            return core.transactions.has_server(server_key(request, "INVITE"))
        return core.dialog_of(request.call_id, request.to.tag) is not None

    def _out_of_dialog(self, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        if request.method == "ACK":
            return
        verdict = self._gate.admit(request, flow, now)
        if isinstance(verdict, Silent):
            return
        if not isinstance(verdict, Admitted):
            core.reply(request, flow, verdict.status, headers=verdict.headers)
        elif request.method == "INVITE":
            if ended := self._ended.get(invite_of(request)):
                core.transmit(ended.final_response, way_back(flow, request))
            else:
                self._incoming.invited(request, flow, verdict.trunk, now)
        elif request.method == "OPTIONS":
            core.reply(request, flow, 200, headers=CAPABILITIES)
        else:
            core.reply(request, flow, 481)

    def _response(self, response: Response, flow: Flow, now: float) -> None:
        client, is_new = self._core.transactions.receive_response(response, now)
        if client is None:
            self._outgoing.stray(response)
        elif not is_new or response.cseq.method == "CANCEL":
            return
        elif client.state is None:
            if response.status >= 200:
                self._core.tell(Responded(client.owner, response))
        elif response.cseq.method == "INVITE":
            self._outgoing.responded(client, response, flow, now)
        else:
            self._within.responded(client, response, now)

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
        elif client.machine.request.method == "INVITE":
            self._outgoing.timed_out(client, now)
        else:
            self._within.timed_out(client, now)

    def _dialog_rang(self, kind: str, dialog: Dialog, now: float) -> None:
        if kind == ANSWER_ALARM:
            self._incoming.unacknowledged(dialog, now)
        elif kind == UNANSWERED_ALARM and dialog.is_pending:
            self._incoming.unanswered(dialog, now)
        elif kind == UNANSWERED_ALARM:
            self._outgoing.cancel(dialog, now)
        elif kind == CANCELLED_ALARM:
            self._outgoing.cancelled(dialog, now)


def _refusal(request: Request) -> tuple[int, tuple[tuple[str, str], ...]] | None:
    """What every request is asked first (RFC 3261 section 8.2). An ACK is never answered."""
    if request.method == "ACK":
        return None
    if request.method not in METHODS:
        return 405, (("Allow", ALLOW),)
    if Uri.parse(request.uri).scheme not in SCHEMES:
        return 416, ()
    if required := request.headers.all("require"):
        return 420, (("Unsupported", ", ".join(required)),)
    return None
