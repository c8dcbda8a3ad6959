"""Calls which we make: the user agent client core of RFC 3261 sections 9.1 and 13.2."""

from __future__ import annotations

from dataclasses import replace

from telephony import sdp as session_description
from telephony.address import Address
from telephony.sip import dialog as rows
from telephony.sip.core import CANCELLED_ALARM, UNANSWERED_ALARM, Core, Dialog
from telephony.sip.dialog import DialogState, readable
from telephony.sip.errors import GrammarError
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
SDP = "application/sdp"


class OutgoingCalls:
    """Invites, cancels, acknowledges."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests

    def invite(
        self, target_uri: str, sdp: bytes, from_uri: str, destination: Address, now: float
    ) -> str:
        """Call. ValueError when one of the URIs is none."""
        core = self._core
        origin = session_description.origin(sdp)
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
            destination_host=destination.host,
            destination_port=destination.port,
            client_branch=core.branch(),
            client_cseq=1,
            local_sdp=sdp,
            sdp_origin_id=origin.session_id,
            sdp_version=origin.version,
            created_us=rows.microseconds(now),
        )
        if core.is_full:
            core.tell(Failed(state.id, "too many calls"))
            return state.id
        dialog = core.add(state)
        core.save(dialog, state)
        self._start(dialog, now)
        return state.id

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: the same INVITE again is one retransmission more."""
        if dialog.state.status == rows.EARLY:
            self._start(dialog, now)

    def _start(self, dialog: Dialog, now: float) -> None:
        state = dialog.state
        self._core.alarms.set(UNANSWERED_ALARM, state.id, now + RINGING_SECONDS_MAX)
        self._core.transactions.start(self._invite(state), state.destination, state, now)

    def _invite(self, state: DialogState) -> Request:
        return within(
            state,
            "INVITE",
            self._core.sender,
            state.client_branch,
            state.client_cseq,
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
        core.transactions.start(cancel(invite.request), dialog.state.destination, dialog.state, now)
        core.alarms.set(CANCELLED_ALARM, dialog.state.id, now + 64 * T1)

    def responded(self, client: Client, response: Response, source: Address, now: float) -> None:
        """Take a response to one of our INVITEs."""
        dialog = self._core.dialog(client.state.id)
        if 200 <= response.status < 300:
            self._accepted(client, dialog, response, source, now)
        elif dialog is not None and dialog.state.status == rows.EARLY:
            if response.status < 200:
                self._provisional(dialog, response, now)
            else:
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
        source: Address,
        now: float,
    ) -> None:
        if dialog is not None and dialog.state.status == rows.EARLY:
            self._confirm(client, dialog, response, source, now)
        elif dialog is not None and dialog.state.remote_tag == response.to.tag:
            self._core.transmit(dialog.state.client_ack, dialog.state.destination)
        else:
            self._refuse_fork(client, response, source, now)

    def _confirm(
        self, client: Client, dialog: Dialog, response: Response, source: Address, now: float
    ) -> None:
        core = self._core
        state = established(client.state, response, source)
        ack = bytes(self._ack(state))
        core.alarms.set(UNANSWERED_ALARM, state.id, None)
        core.alarms.set(CANCELLED_ALARM, state.id, None)
        answered_us = rows.microseconds(now)
        core.save(
            dialog,
            replace(state, client_ack=ack, remote_sdp=response.body, answered_us=answered_us),
        )
        core.transmit(ack, state.destination)
        if dialog.wants_cancel:
            # It was answered before the CANCEL got there.
            self._within.bye(dialog, now, "cancelled")
        else:
            core.tell(Accepted(state.id, response.body or None))

    def _ack(self, state: DialogState) -> Request:
        branch = self._core.branch()
        return within(state, "ACK", self._core.sender, branch, state.client_cseq)

    def _refuse_fork(self, client: Client, response: Response, source: Address, now: float) -> None:
        """Acknowledge a further 2xx, and hang up on it (section 13.2.2.4)."""
        core = self._core
        tag = response.to.tag
        if tag not in client.forks and len(client.forks) >= FORKS_MAX:
            return
        # An id of no dialog: its end is nobody's news.
        state = replace(established(client.state, response, source), id="")
        core.transmit(bytes(self._ack(state)), state.destination)
        if tag not in client.forks:
            client.forks.add(tag)
            bye = within(state, "BYE", core.sender, core.branch(), state.local_cseq + 1)
            core.transactions.start(bye, state.destination, state, now)

    def stray(self, response: Response) -> None:
        """Acknowledge a 2xx again whose transaction is over, or was lost in a restart."""
        if response.cseq.method != "INVITE" or not 200 <= response.status < 300:
            return
        dialog = self._core.dialog_of(response.call_id, response.from_.tag)
        if dialog is None or not dialog.state.client_ack:
            return
        state = dialog.state
        if (state.client_cseq, state.remote_tag) == (response.cseq.number, response.to.tag):
            self._core.transmit(state.client_ack, state.destination)

    def timed_out(self, client: Client, now: float) -> None:
        if dialog := self._core.dialog(client.state.id):
            self._core.end(dialog, now)
            self._core.tell(Failed(dialog.state.id, "timed out"))

    def cancelled(self, dialog: Dialog, now: float) -> None:
        """The CANCEL did not bring a final response (section 9.1)."""
        self._core.transactions.drop_invite(dialog.state.client_branch)
        self._core.end(dialog, now)
        self._core.tell(Failed(dialog.state.id, "cancelled"))


def established(state: DialogState, response: Response, source: Address) -> DialogState:
    """The dialog which a 2xx to our INVITE creates (section 12.1.2)."""
    try:
        target = rows.target_of(response)
        routes = rows.routes_of(response)[::-1]
    except GrammarError:
        # The call is up there: better to reach it where we called than to leave it up.
        target, routes = state.remote_target, []
    host, port = rows.next_hop(routes, target, source)
    return replace(
        state,
        status=rows.CONFIRMED,
        remote_tag=response.to.tag,
        remote_target=target,
        route_set="\n".join(routes),
        destination_host=host,
        destination_port=port,
    )
