"""Calls which we make: the user agent client core of RFC 3261 sections 9.1 and 13.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telephony import sdp as session_description
from telephony.flow import Flow, Hop
from telephony.sip import dialog as rows
from telephony.sip.core import CANCELLED_ALARM, UNANSWERED_ALARM, Core, Dialog, way_of
from telephony.sip.dialog import DialogState, readable
from telephony.sip.errors import GrammarError, NoListener
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.name_addr import NameAddr
from telephony.sip.outputs import Accepted, Failed, Rejected, Ringing
from telephony.sip.requests import cancel, within
from telephony.sip.transactions import Client, State
from telephony.sip.transactions.timers import T1
from telephony.sip.uri import Uri
from telephony.sip.within import Within

RINGING_SECONDS_MAX = 180.0
FORKS_MAX = 8
HOPS_MAX = 8
SDP = "application/sdp"


class OutgoingCalls:
    """Invites, cancels, acknowledges."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests

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
        """Call. ValueError when one of the URIs is none, or nothing leads to the first hop."""
        core = self._core
        origin = session_description.origin(sdp)
        flow = core.sender.towards(hops[0])
        state = DialogState(
            id=core.token(),
            role=rows.UAC,
            status=rows.EARLY,
            call_id=core.token(),
            local_tag=core.token(),
            remote_tag="",
            local_uri=rows.plain(NameAddr.parse(from_uri)),
            remote_uri=f"<{Uri.parse(target_uri).text}>",
            local_cseq=1,
            remote_cseq=rows.NO_CSEQ,
            route_set="",
            remote_target=target_uri,
            destination_host=flow.remote.host,
            destination_port=flow.remote.port,
            trunk=trunk,
            hops="\n".join(rows.written_hop(hop) for hop in hops[1:HOPS_MAX]),
            invite_headers="\n".join(f"{name}: {value}" for name, value in headers),
            client_branch=core.branch(),
            client_cseq=1,
            local_sdp=sdp,
            sdp_origin_id=origin.session_id,
            sdp_version=origin.version,
            created_us=rows.microseconds(now),
        )
        state = rows.travelling(state, flow)
        if core.is_full:
            core.tell(Failed(state.id, "too many calls"))
            return state.id
        dialog = core.add(state)
        core.save(dialog, state)
        self._start(dialog, now)
        return state.id

    def again(self, dialog: Dialog, changed: DialogState, now: float) -> None:
        """Send the INVITE once more, changed: to another hop or target, or with credentials."""
        core = self._core
        cseq = dialog.state.local_cseq + 1
        branch = core.branch()
        core.save(dialog, replace(changed, local_cseq=cseq, client_cseq=cseq, client_branch=branch))
        self._start(dialog, now)

    def _elsewhere(self, dialog: Dialog, now: float) -> bool:
        """Try the next hop, if there is one (RFC 3263 section 4.3)."""
        core = self._core
        state = dialog.state
        while state.hops and not dialog.wants_cancel:
            line, _, rest = state.hops.partition("\n")
            state = replace(state, hops=rest)
            try:
                flow = core.sender.towards(rows.read_hop(line))
            except NoListener:
                continue
            self.again(dialog, rows.travelling(state, flow), now)
            return True
        return False

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: the same INVITE again is one retransmission more."""
        if dialog.state.status == rows.EARLY:
            self._start(dialog, now)

    def _start(self, dialog: Dialog, now: float) -> None:
        state = dialog.state
        self._core.alarms.set(UNANSWERED_ALARM, state.id, now + RINGING_SECONDS_MAX)
        self._core.start(self._invite(state), state, now)

    def _invite(self, state: DialogState) -> Request:
        return within(
            state,
            "INVITE",
            self._core.sender,
            state.client_branch,
            state.client_cseq,
            headers=state.headers,
            content_type=SDP,
            body=state.local_sdp,
        )

    def cancel(self, dialog: Dialog, now: float) -> None:
        """Give up. The CANCEL is held back until a provisional response came (section 9.1)."""
        dialog.wants_cancel = True
        core = self._core
        invite = core.transactions.invite_of(dialog.state.client_branch)
        if dialog.sent_cancel or invite is None or invite.state is not State.PROCEEDING:
            return
        dialog.sent_cancel = True
        core.start(cancel(invite.request), dialog.state, now)
        core.alarms.set(CANCELLED_ALARM, dialog.state.id, now + 64 * T1)

    def responded(self, client: Client, response: Response, flow: Flow, now: float) -> None:
        """Take a response to one of our INVITEs."""
        dialog = self._core.dialog(client.owner)
        if 200 <= response.status < 300:
            self._accepted(client, dialog, response, flow, now)
        elif dialog is not None and dialog.state.status == rows.EARLY:
            if response.status < 200:
                self._provisional(dialog, response, now)
            elif response.status != 503 or not self._elsewhere(dialog, now):
                rejected = Rejected(dialog.state.id, response.status, readable(response.reason))
                self._core.end(dialog, now)
                self._core.tell(rejected)

    def _provisional(self, dialog: Dialog, response: Response, now: float) -> None:
        if response.status > 100:
            self._core.tell(Ringing(dialog.state.id, response.status))
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
            self._core.transmit(dialog.state.client_ack, way_of(dialog.state))
        else:
            self._refuse_fork(client, response, flow, now)

    def _confirm(
        self, client: Client, dialog: Dialog, response: Response, flow: Flow, now: float
    ) -> None:
        core = self._core
        state = established(_row_of(client), response, flow)
        ack = bytes(self._ack(state))
        core.alarms.set(UNANSWERED_ALARM, state.id, None)
        core.alarms.set(CANCELLED_ALARM, state.id, None)
        answered_us = rows.microseconds(now)
        core.save(
            dialog,
            replace(state, client_ack=ack, remote_sdp=response.body, answered_us=answered_us),
        )
        core.transmit(ack, way_of(state))
        if dialog.wants_cancel:
            # It was answered before the CANCEL got there.
            self._within.bye(dialog, now, "cancelled")
        else:
            core.tell(Accepted(state.id, response.body or None))

    def _ack(self, state: DialogState) -> Request:
        branch = self._core.branch()
        return within(state, "ACK", self._core.sender, branch, state.client_cseq)

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
        if dialog is not None and not self._elsewhere(dialog, now):
            self._core.end(dialog, now)
            self._core.tell(Failed(dialog.state.id, "timed out"))

    def cancelled(self, dialog: Dialog, now: float) -> None:
        """The CANCEL did not bring a final response (section 9.1)."""
        self._core.transactions.drop_invite(dialog.state.client_branch)
        self._core.end(dialog, now)
        self._core.tell(Failed(dialog.state.id, "cancelled"))


def established(state: DialogState, response: Response, flow: Flow) -> DialogState:
    """The dialog which a 2xx to our INVITE creates (section 12.1.2)."""
    try:
        target = rows.target_of(response)
        routes = rows.routes_of(response)[::-1]
    except GrammarError:
        # The call is up there: better to reach it where we called than to leave it up.
        target, routes = state.remote_target, []
    return replace(
        rows.travelling(state, rows.next_hop(routes, target, flow)),
        status=rows.CONFIRMED,
        remote_tag=response.to.tag,
        remote_target=target,
        route_set="\n".join(routes),
    )


def _row_of(client: Client) -> DialogState:
    assert client.state is not None, "an INVITE is made from a dialog's row"
    return client.state
