"""A SIP user agent (RFC 3261) without I/O: the caller has the sockets and the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from telephony.flow import Flow, Hop, Listener, Network
from telephony.sip import dialog as rows
from telephony.sip import locating
from telephony.sip.authorizing import Authorizing, CredentialsOf
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
    Core,
    Dialog,
    OutOfDialog,
    invited_as,
)
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.extensions import not_understood
from telephony.sip.gate import Admitted, Gate, OpenGate, Silent
from telephony.sip.headers import Lines
from telephony.sip.in_dialog import CAPABILITIES, InDialog
from telephony.sip.incoming import IncomingCalls, invite_of
from telephony.sip.message import Request, Response
from telephony.sip.outgoing import OutgoingCalls
from telephony.sip.outputs import Output, Responded, Transferred
from telephony.sip.parser import MessageError, parse
from telephony.sip.policy import Policy
from telephony.sip.redirect import REDIRECTS_MAX
from telephony.sip.refer import Transfers
from telephony.sip.referrals import Referrals
from telephony.sip.refreshing import Refreshing
from telephony.sip.reinvite import Reinvites
from telephony.sip.replaces import Replaces
from telephony.sip.requests import ALLOW
from telephony.sip.responses import reason_of, respond
from telephony.sip.sender import Sender
from telephony.sip.transactions import Client, Way, server_key, way_back
from telephony.sip.transactions.timers import T1
from telephony.sip.transactions.transactions import CLIENT_ALARM, SERVER_ALARM
from telephony.sip.update import Updates
from telephony.sip.uri import Uri
from telephony.sip.ways import WayOut
from telephony.sip.within import Within

DIALOGS_MAX = 4_000
"""Twice the calls of a full node: some are offered, and will be refused."""

TRANSACTIONS_MAX = 16_000
"""Some 250 requests a second, each remembered for 64 * T1 (RFC 3261 section 17)."""

ENDED_DIALOGS_MAX = 4_000

METHODS = frozenset(
    {
        *("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO"),
        *("UPDATE", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE"),
    }
)
SCHEMES = frozenset({"sip", "sips", "tel"})
FORGET_ALARM = "forget"
# Another node may take it at once; this one is gone by then (RFC 3261 section 21.5.4).
DRAINING: tuple[int, Lines] = (503, (("Retry-After", "30"),))


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
        credentials: CredentialsOf = lambda _: None,
        policy: Policy | None = None,
        local_networks: Sequence[Network] = (),
    ) -> None:
        self._gate: Gate = gate or OpenGate()
        sender = Sender(listeners, contact_user, local_networks)
        self._core = Core(sender, entropy, dialogs_max, transactions_max, policy)
        self._within = Within(self._core)
        self._incoming = IncomingCalls(self._core, self._within)
        self._outgoing = OutgoingCalls(self._core, self._within)
        self._updates = Updates(self._core)
        self._reinvites = Reinvites(self._core, self._within)
        self._refreshing = Refreshing(self._core, self._within, self._reinvites)
        self._transfers = Transfers(self._core, self._within)
        self._referrals = Referrals(self._core, self._within)
        self._in_dialog = InDialog(
            self._core,
            self._incoming,
            updates=self._updates,
            transfers=self._transfers,
            referrals=self._referrals,
        )
        self._authorizing = Authorizing(self._core, self._outgoing, credentials)
        self._is_draining = False
        # What dialogs answered that ended shortly before a restart.
        self._ended: dict[str, DialogState] = {}
        # Those whose place was taken by dialogs from before a restart.
        self._replaced: set[str] = set()

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

    # --- commands -----------------------------------------------------------------------

    def ring(self, dialog_id: str, now: float) -> None:
        """Send 180."""
        if dialog := self._core.dialog(dialog_id):
            self._incoming.ring(dialog, now)

    def progress(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Send 183 with a description: early media. The 2xx will have to say the same."""
        if dialog := self._core.dialog(dialog_id):
            self._incoming.progress(dialog, 183, sdp, now)

    def accept(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Answer an INVITE or re-INVITE with 200; once more, and the same 200 is sent again."""
        if dialog := self._core.dialog(dialog_id):
            is_first = dialog.is_pending and dialog.state.status == rows.EARLY
            self._incoming.accept(dialog, sdp, now)
            if is_first and dialog.state.replaces:
                self.bye(dialog.state.replaces, now, "replaced")

    def reject(self, dialog_id: str, status: int, now: float) -> None:
        """Answer an INVITE or re-INVITE with a failure, 300 to 699."""
        if dialog := self._core.dialog(dialog_id):
            self._incoming.reject(dialog, status, now)

    def answer_update(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Answer the offer of an UPDATE."""
        if dialog := self._core.dialog(dialog_id):
            self._updates.answer(dialog, sdp, now)

    def refuse_update(self, dialog_id: str, status: int, now: float) -> None:
        """Refuse the offer of an UPDATE, with 300 to 699."""
        if dialog := self._core.dialog(dialog_id):
            self._updates.refuse(dialog, status, now)

    def agree(self, dialog_id: str, method: str, sdp: bytes, now: float) -> None:
        """Answer an offer by the road that it came: `method` as `Offered` has it."""
        if method == "UPDATE":
            self.answer_update(dialog_id, sdp, now)
        elif method == "ACK":
            self.acknowledge(dialog_id, sdp, now)
        else:
            self.accept(dialog_id, sdp, now)

    def disagree(self, dialog_id: str, method: str, now: float) -> None:
        """Refuse an offer of theirs. What came in a 2xx can only be acknowledged, and hung up."""
        if method == "UPDATE":
            self.refuse_update(dialog_id, 488, now)
        elif method == "ACK":
            self.acknowledge(dialog_id, b"", now)
            self.bye(dialog_id, now)
        else:
            self.reject(dialog_id, 488, now)

    def reinvite(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Offer anew within an answered call; with an empty offer, have them offer.

        `Renegotiated` or `NotRenegotiated` will say how that went. While offers of theirs are in
        the way it waits, and only the latest is made.
        """
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.status == rows.CONFIRMED and not dialog.is_ending:
            self._reinvites.offer(dialog, sdp, now)

    def acknowledge(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Answer an offer which came in a 2xx; where nobody does in 10 s we hang up."""
        if dialog := self._core.dialog(dialog_id):
            self._reinvites.acknowledge(dialog, sdp, now)

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
        otherwise: Sequence[WayOut] = (),
        dialog_id: str = "",
        redirects_max: int = REDIRECTS_MAX,
    ) -> str:
        """Call, and return the dialog's id. Hops are tried in their order, then other ways out.

        Without `sdp` they offer, in the 2xx, and `acknowledge` answers.
        A `dialog_id` of the caller's own is new: no dialog may have had it before.

        ValueError when a URI is none, or nothing of ours leads to any hop.
        """
        return self._outgoing.invite(
            target_uri,
            sdp,
            from_uri,
            hops,
            now,
            headers=headers,
            trunk=trunk,
            otherwise=otherwise,
            dialog_id=dialog_id,
            redirects_max=redirects_max,
        )

    def request(self, asked: OutOfDialog, hop: Hop, now: float) -> str:
        """Send a request outside of any dialog; `Responded` will name the id returned."""
        return self._core.request(asked, hop, now)

    def cancel(self, dialog_id: str, now: float) -> None:
        """Give up a call of ours before it is answered."""
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.role == rows.UAC and dialog.state.status == rows.EARLY:
            self._outgoing.cancel(dialog, now)

    def bye(self, dialog_id: str, now: float, reason: str = "local") -> None:
        """Hang up; before the answer this cancels our call, or declines theirs with 480."""
        dialog = self._core.dialog(dialog_id)
        if dialog is None:
            return
        if dialog.state.status == rows.CONFIRMED:
            self._within.bye(dialog, now, reason)
        elif dialog.state.role == rows.UAC:
            self._outgoing.cancel(dialog, now)
        else:
            self._incoming.reject(dialog, 480, now)

    def info(self, dialog_id: str, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO within an answered call."""
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.status == rows.CONFIRMED and not dialog.is_ending:
            self._within.info(dialog, content_type, body, now)

    def resolved(self, dialog_id: str, uri: str, hops: Sequence[Hop]) -> None:
        """Answer a `Resolve`, best hop first; where none was found, nothing changes."""
        if dialog := self._core.dialog(dialog_id):
            locating.resolved(self._core, dialog, uri, hops)

    def refer(
        self,
        dialog_id: str,
        refer_id: str,
        target: str,
        now: float,
        *,
        replaces: str = "",
        subscribe: bool = True,
    ) -> None:
        """Have the peer call `target`, in the place of our dialog `replaces` if one is named.

        `Transferred` says how it ended. The same `refer_id` once more is the same order.
        ValueError where `target` is no URI.
        """
        dialog = self._core.dialog(dialog_id)
        if dialog is None or dialog.state.status != rows.CONFIRMED or dialog.is_ending:
            return
        other = self._core.dialog(replaces) if replaces else None
        if replaces and other is None:
            self._core.tell(Transferred(dialog_id, refer_id, 481, reason_of(481)))
            return
        named = None if other is None else Replaces.of(other.state)
        self._transfers.refer(dialog, refer_id, target, now, replaces=named, subscribe=subscribe)

    def accept_refer(self, dialog_id: str, now: float) -> None:
        """Answer a REFER with 202; tell how the call goes with `notify_refer`."""
        if dialog := self._core.dialog(dialog_id):
            self._referrals.accept(dialog, now)

    def reject_refer(self, dialog_id: str, status: int, now: float) -> None:
        """Answer a REFER with a failure, 300 to 699."""
        if dialog := self._core.dialog(dialog_id):
            self._referrals.reject(dialog, status, now)

    def notify_refer(self, dialog_id: str, status: int, now: float) -> None:
        """Tell the peer what the call it asked for was answered last; 200 to 699 is final."""
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.status == rows.CONFIRMED and not dialog.is_ending:
            self._referrals.tell(dialog, status, now)

    def drain(self, now: float) -> None:
        """Take no new call from now on; those that are up go on, and may be replaced."""
        self._is_draining = True

    def restore(self, state: DialogState, now: float) -> None:
        """Go on with a dialog from its row, after a restart."""
        if state.status == rows.TERMINATED:
            self._remember(state, now)
            return
        dialog = self._core.add(state)
        if state.role == rows.UAC:
            self._outgoing.restore(dialog, now)
        self._incoming.restore(dialog, now)
        self._updates.restore(dialog, now)
        self._reinvites.restore(dialog, now)
        self._refreshing.restore(dialog, now)
        if state.status == rows.CONFIRMED:
            self._transfers.restore(dialog, now)
            self._referrals.restore(dialog)
            self._replaced_before(dialog, now)

    def _replaced_before(self, dialog: Dialog, now: float) -> None:
        """Hang up what was replaced just before a restart, in whatever order they come back."""
        if dialog.state.replaces:
            self._replaced.add(dialog.state.replaces)
            self.bye(dialog.state.replaces, now, "replaced")
        elif dialog.state.id in self._replaced:
            self.bye(dialog.state.id, now, "replaced")

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
            # Not even its Via can be read: the answer goes to where it came from.
            response = respond(error.request, error.status, self._core.token())
            self._core.transmit(bytes(response), Way(flow))

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        known = core.transactions.receive_again(server_key(request), request.method, now)
        if known and request.method != "ACK":
            return
        if request.method not in ("ACK", "CANCEL") and not request.to.tag:
            self._out_of_dialog(request, flow, now)
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

    def _is_ours(self, request: Request) -> bool:
        """Whether it names something that only somebody who talks with us can know."""
        core = self._core
        if request.method == "CANCEL":
            return core.transactions.has_server(server_key(request, "INVITE"))
        return core.dialog_of(request.call_id, request.to.tag) is not None

    def _out_of_dialog(self, request: Request, flow: Flow, now: float) -> None:
        core = self._core
        verdict = self._gate.admit(request, flow, now)
        if isinstance(verdict, Silent):
            return
        if not isinstance(verdict, Admitted):
            core.reply(request, flow, verdict.status, headers=verdict.headers)
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
            self._refreshing.responded(client, response, now)
        elif response.cseq.method == "REFER":
            self._transfers.responded(client, response, now)
        elif response.cseq.method == "NOTIFY":
            self._referrals.responded(client, response)
        elif response.cseq.method != "PRACK":
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
        elif request.method == "INVITE":
            if client.state.status == rows.CONFIRMED:
                self._reinvites.timed_out(client, now)
            else:
                self._outgoing.timed_out(client, now)
        elif request.method == "REFER":
            self._transfers.timed_out(client, now)
        elif request.method == "NOTIFY":
            self._referrals.gone(client)
        elif request.method != "PRACK":
            self._within.timed_out(client, now)

    def _dialog_rang(self, kind: str, dialog: Dialog, now: float) -> None:
        if kind == ANSWER_ALARM:
            self._incoming.unacknowledged(dialog, now)
        elif kind == UNANSWERED_ALARM and dialog.is_pending:
            self._incoming.unanswered(dialog, now)
        elif kind == UNANSWERED_ALARM:
            self._outgoing.unanswered(dialog, now)
        elif kind == CANCELLED_ALARM:
            self._outgoing.cancelled(dialog, now)
        elif kind == RELIABLE_ALARM:
            self._incoming.unpracked(dialog, now)
        elif kind == UPDATE_ALARM:
            self._updates.unanswered(dialog, now)
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
