"""Calls which we make: the user agent client core of RFC 3261 sections 9.1 and 13.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telephony import sdp as session_description
from telephony.flow import Flow, Hop
from telephony.sip import dialog as rows
from telephony.sip import exchange, extensions, locating, reason, session_timer, ways
from telephony.sip.core import (
    CANCELLED_ALARM,
    REINVITE_ALARM,
    SESSION_ALARM,
    UNANSWERED_ALARM,
    Core,
    Dialog,
    way_of,
)
from telephony.sip.dialog import DialogState, readable
from telephony.sip.early import FORKS_MAX, EarlyDialogs, established
from telephony.sip.early_updates import EarlyUpdates
from telephony.sip.errors import NoListener
from telephony.sip.exchange import Step
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.multipart import composed
from telephony.sip.outputs import Accepted, Failed, Rejected
from telephony.sip.redirect import REDIRECTS_MAX, redirected
from telephony.sip.reinvite import ANSWER_SECONDS_MAX
from telephony.sip.requests import cancel, within
from telephony.sip.transactions import Client, State
from telephony.sip.transactions.timers import T1
from telephony.sip.ways import WayOut
from telephony.sip.within import Within

RINGING_SECONDS_MAX = 180.0
# Beyond this a datagram may not arrive whole (RFC 3261 section 18.1.1).
UDP_BYTES_MAX = 1_300
# Nobody was there to answer, or nobody had room (RFC 3261 section 21): another may.
ELSEWHERE = (408, 503)


class OutgoingCalls:
    """Invites, cancels, acknowledges."""

    def __init__(self, core: Core, requests: Within, updates: EarlyUpdates) -> None:
        self._core = core
        self._within = requests
        self._updates = updates
        self._early = EarlyDialogs(core)

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
        enclosed: bytes = b"",
        features: str = "",
    ) -> str:
        """Call. ValueError when one of the URIs is none, or nothing leads to any hop."""
        core = self._core
        origin = session_description.origin(sdp)
        first = WayOut(trunk, target_uri, from_uri, tuple(hops), headers)
        state = DialogState(
            id=dialog_id or core.token(),
            role=rows.UAC,
            status=rows.EARLY,
            call_id=core.token(),
            local_tag=core.token(),
            remote_tag="",
            local_uri="",
            remote_uri="",
            local_cseq=1,
            remote_cseq=rows.NO_CSEQ,
            route_set="",
            remote_target="",
            destination_host="",
            destination_port=0,
            otherwise=ways.written((first, *otherwise)),
            redirects_left=redirects_max,
            client_branch=core.branch(),
            client_cseq=1,
            local_sdp=sdp,
            sdp_origin_id=origin.session_id,
            sdp_version=origin.version,
            created_us=rows.microseconds(now),
            enclosed=enclosed,
            features=features,
        )
        state = self._towards_next(state)
        if sdp:
            state = exchange.offered_by_us(state, sdp)
        state = self._fitting(state)
        if core.is_full:
            core.tell(Failed(state.id, "too many calls"))
            return state.id
        dialog = core.add(state)
        core.save(dialog, state)
        self._start(dialog, now)
        return state.id

    def again(self, dialog: Dialog, changed: DialogState, now: float, *, answered: int = 0) -> None:
        """Send the INVITE once more, changed: to another hop or target, or with credentials."""
        core = self._core
        cseq = dialog.state.local_cseq + 1
        branch = core.branch()
        self._leave_forks(dialog, now)
        changed = replace(changed, local_cseq=cseq, client_cseq=cseq, client_branch=branch)
        core.save(dialog, self._fitting(changed))
        self._start(dialog, now, answered)

    def _leave_forks(self, dialog: Dialog, now: float) -> None:
        """Nobody is reached any more as it was before: what they asked for is answered."""
        self._updates.refuse(dialog, 500, now)
        dialog.forks.clear()

    def _fitting(self, state: DialogState) -> DialogState:
        """A large INVITE goes by a connection, if a hop is known which takes one (18.1.1)."""
        if state.flow.transport.is_reliable or len(bytes(self._invite(state))) <= UDP_BYTES_MAX:
            return state
        lines = state.hops.splitlines()
        for line in lines:
            hop = rows.read_hop(line)
            try:
                flow = self._core.sender.towards(hop)
            except NoListener:
                continue
            if hop.transport.is_reliable:
                # Where nobody takes the connection, the datagram is still the better try.
                left = [rows.written_hop(Hop(state.flow.transport, state.destination))]
                left += [other for other in lines if other != line]
                return replace(rows.travelling(state, flow), hops="\n".join(left))
        return state

    def _elsewhere(self, dialog: Dialog, now: float) -> bool:
        """Try the next hop or trunk, if there is one (RFC 3263 section 4.3).

        Not once it has rung: whoever was reached would be called twice.
        """
        if dialog.wants_cancel or dialog.has_rung:
            return False
        try:
            changed = self._towards_next(dialog.state)
        except NoListener:
            return False
        self.again(dialog, changed, now)
        return True

    def _towards_next(self, state: DialogState) -> DialogState:
        """The row on its way to the next hop that we can reach. NoListener where none is left."""
        why = NoListener("there is no hop to send it to")
        while (found := ways.next_hop(state)) is not None:
            state, hop = found
            try:
                return rows.travelling(state, self._core.sender.towards(hop))
            except NoListener as error:
                why = error
        raise why

    def _tried_again(self, dialog: Dialog, response: Response, now: float) -> bool:
        """Whether a failure leaves somewhere to call: another hop, or where a 3xx says."""
        if response.status in ELSEWHERE and self._elsewhere(dialog, now):
            return True
        if response.status == 422 and self._for_longer(dialog, response, now):
            return True
        dialog.state = redirected(dialog.state, response)
        # A 6xx is said for every place where they could be (RFC 3261 section 21.6).
        return response.status < 600 and self._redirected(dialog, now)

    def _redirected(self, dialog: Dialog, now: float) -> bool:
        """Try the next target. One which names no address goes where the call went before."""
        core = self._core
        state = dialog.state
        while state.targets and not dialog.wants_cancel:
            target, _, rest = state.targets.partition("\n")
            state = replace(state, targets=rest, hops="")
            hop = rows.contact_hop([], target)
            try:
                flow = core.sender.towards(hop) if hop else state.flow
            except NoListener:
                continue
            # What another server was answered is no use there.
            changed = replace(rows.travelling(state, flow), remote_target=target, authorization="")
            self.again(dialog, changed, now)
            return True
        return False

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: the same INVITE again is one retransmission more."""
        if dialog.state.status == rows.EARLY:
            self._start(dialog, now)

    def _start(self, dialog: Dialog, now: float, answered: int = 0) -> None:
        state = dialog.state
        self._core.alarms.set(UNANSWERED_ALARM, state.id, now + RINGING_SECONDS_MAX)
        self._core.start(self._invite(state), state, now, answered=answered)

    def _invite(self, state: DialogState) -> Request:
        content_type, body = composed(state.local_sdp, state.enclosed)
        return within(
            state,
            "INVITE",
            self._core.sender,
            state.client_branch,
            state.client_cseq,
            headers=(
                *state.headers,
                *session_timer.asking(state, self._core.policy),
                *extensions.asked_for(self._core.policy),
            ),
            content_type=content_type,
            body=body,
        )

    def unanswered(self, dialog: Dialog, now: float) -> None:
        """It has rung too long."""
        dialog.ending_reason = "unanswered"
        self.cancel(dialog, now)

    def cancel(self, dialog: Dialog, now: float) -> None:
        """Give up. The CANCEL is held back until a provisional response came (section 9.1)."""
        dialog.wants_cancel = True
        core = self._core
        invite = core.transactions.invite_of(dialog.state.client_branch)
        if dialog.sent_cancel or invite is None or invite.state is not State.PROCEEDING:
            return
        dialog.sent_cancel = True
        core.start(cancel(invite.request, reason.line(dialog.ending_reason)), dialog.state, now)
        core.alarms.set(CANCELLED_ALARM, dialog.state.id, now + 64 * T1)

    def responded(self, client: Client, response: Response, flow: Flow, now: float) -> None:
        """Take a response to one of our INVITEs."""
        dialog = self._core.dialog(client.owner)
        if 200 <= response.status < 300:
            self._accepted(client, dialog, response, flow, now)
        elif dialog is not None and dialog.state.status == rows.EARLY:
            if response.status < 200:
                self._provisional(dialog, response, flow, now)
            elif not self._tried_again(dialog, response, now):
                rejected = Rejected(
                    dialog.state.id,
                    response.status,
                    readable(response.reason),
                    reason.read(response) or reason.ours(dialog.ending_reason),
                )
                self._leave_forks(dialog, now)
                self._core.end(dialog, now)
                self._core.tell(rejected)

    def pracked(self, client: Client, response: Response) -> None:
        """Take a response to one of our PRACKs."""
        dialog = self._core.dialog(client.owner)
        if dialog is not None and response.status >= 200:
            self._early.acknowledged(dialog, response.to.tag)

    def _for_longer(self, dialog: Dialog, response: Response, now: float) -> bool:
        """Ask once more, with a session timer as long as they want it (RFC 4028 section 7.3)."""
        least = session_timer.least(response)
        if dialog.state.min_se_s or dialog.wants_cancel or not response.headers.get("min-se"):
            return False
        self.again(dialog, replace(dialog.state, min_se_s=least), now)
        return True

    def _provisional(self, dialog: Dialog, response: Response, flow: Flow, now: float) -> None:
        if response.status > 100:
            dialog.has_rung = True
            self._early.progressed(dialog, response, flow, now)
        if dialog.wants_cancel:
            self.cancel(dialog, now)

    def _accepted(
        self,
        client: Client,
        dialog: Dialog | None,
        response: Response,
        flow: Flow,
        now: float,
    ) -> None:
        if dialog is not None and dialog.state.status == rows.EARLY:
            self._confirm(client, dialog, response, flow, now)
        elif dialog is not None and dialog.state.remote_tag == response.to.tag:
            if ack := dialog.state.client_ack:
                self._core.transmit(ack, way_of(dialog.state))
        else:
            self._refuse_fork(client, response, flow, now)

    def _confirm(
        self, client: Client, dialog: Dialog, response: Response, flow: Flow, now: float
    ) -> None:
        core = self._core
        sdp = self._early.answer_of(dialog, response)
        # What was sent since the INVITE has used up numbers.
        row = replace(_row_of(client), local_cseq=dialog.state.local_cseq)
        row = self._early.offered_to(row, dialog, response.to.tag)
        state = extensions.introduced(established(row, response, flow), response)
        timer = session_timer.agreed(response)
        state = session_timer.running(state, timer, session_timer.UAC, now)
        state = replace(state, answered_us=rows.microseconds(now))
        self._leave_forks(dialog, now)
        core.alarms.set(UNANSWERED_ALARM, state.id, None)
        core.alarms.set(CANCELLED_ALARM, state.id, None)
        core.alarms.set(SESSION_ALARM, state.id, session_timer.due_at(state))
        locating.ask(core, state)
        if sdp and not state.local_sdp and not dialog.wants_cancel:
            # They offer, and our ACK is to answer (section 13.2.2.4): see `Reinvites.acknowledge`.
            core.save(dialog, exchange.offered_by_them(state, sdp))
            core.alarms.set(REINVITE_ALARM, state.id, now + ANSWER_SECONDS_MAX)
            core.tell(Accepted(state.id, sdp))
            return
        if sdp and exchange.may(state, Step.THEY_ANSWER):
            state = exchange.answered_by_them(state, sdp)
        ack = bytes(self._ack(state))
        core.save(dialog, replace(exchange.withdrawn(state), client_ack=ack))
        core.transmit(ack, way_of(state))
        if dialog.wants_cancel:
            # It was answered before the CANCEL got there.
            self._within.bye(dialog, now, "cancelled")
        else:
            core.tell(Accepted(state.id, sdp or None))

    def _ack(self, state: DialogState) -> Request:
        branch = self._core.branch()
        # With the credentials of its INVITE (RFC 3261 section 13.2.2.4).
        return within(
            state, "ACK", self._core.sender, branch, state.client_cseq, headers=state.credentials
        )

    def _refuse_fork(self, client: Client, response: Response, flow: Flow, now: float) -> None:
        """Acknowledge a further 2xx, and hang up on it (section 13.2.2.4)."""
        core = self._core
        tag = response.to.tag
        if tag not in client.forks and len(client.forks) >= FORKS_MAX:
            return
        # An id of no dialog: its end is nobody's news.
        state = replace(established(_row_of(client), response, flow), id="")
        core.transmit(bytes(self._ack(state)), way_of(state))
        if tag not in client.forks:
            client.forks.add(tag)
            bye = within(state, "BYE", core.sender, core.branch(), state.local_cseq + 1)
            core.start(bye, state, now)

    def stray(self, response: Response) -> None:
        """Acknowledge a 2xx again whose transaction is over, or was lost in a restart."""
        if response.cseq.method != "INVITE" or not 200 <= response.status < 300:
            return
        dialog = self._core.dialog_of(response.call_id, response.from_.tag)
        if dialog is None or not dialog.state.client_ack:
            return
        state = dialog.state
        if (state.client_cseq, state.remote_tag) == (response.cseq.number, response.to.tag):
            self._core.transmit(state.client_ack, way_of(state))

    def timed_out(self, client: Client, now: float) -> None:
        dialog = self._core.dialog(client.owner)
        if dialog is None or self._elsewhere(dialog, now):
            return
        if dialog.state.status != rows.EARLY or not self._redirected(dialog, now):
            self._leave_forks(dialog, now)
            self._core.end(dialog, now)
            self._core.tell(Failed(dialog.state.id, "timed out"))

    def cancelled(self, dialog: Dialog, now: float) -> None:
        """The CANCEL did not bring a final response (section 9.1)."""
        self._core.transactions.drop_invite(dialog.state.client_branch)
        self._leave_forks(dialog, now)
        self._core.end(dialog, now)
        self._core.tell(Failed(dialog.state.id, "cancelled"))


def _row_of(client: Client) -> DialogState:
    assert client.state is not None, "an INVITE is made from a dialog's row"
    return client.state
