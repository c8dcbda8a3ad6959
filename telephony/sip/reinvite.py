"""Our INVITEs within a dialog (RFC 3261 section 14.1): hold, resume, media that moved."""

from __future__ import annotations

from dataclasses import replace

from telephony.sip import dialog as rows
from telephony.sip import exchange, locating, session_timer
from telephony.sip.core import REINVITE_ALARM, SESSION_ALARM, Core, Dialog, way_of
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.exchange import Step
from telephony.sip.extensions import introduced
from telephony.sip.message import Request, Response
from telephony.sip.multipart import composed
from telephony.sip.outputs import NotRenegotiated, Offered, Renegotiated
from telephony.sip.requests import cancel, within
from telephony.sip.transactions import Client
from telephony.sip.transactions.timers import T1
from telephony.sip.within import DIALOG_IS_GONE, Within

SDP = "application/sdp"
# After which an INVITE within a call is given up: nobody has to be rung for it.
FINAL_SECONDS_MAX = 64 * T1
ANSWER_SECONDS_MAX = 10.0
# How often an offer is made which always meets one of theirs.
REOFFERS_MAX = 5
# Both who met wait, one longer than the other (section 14.1).
OWNER_WAITS_S = (2.1, 4.0)
OTHER_WAITS_S = (0.0, 2.0)
PENDING = 491
TOO_SHORT = 422


class Reinvites:
    """One at a time; what cannot be asked now is asked later."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests

    def offer(self, dialog: Dialog, sdp: bytes, now: float, enclosed: bytes | None = None) -> None:
        """Offer this, or have them offer where it is empty. The latest offer counts."""
        is_same = enclosed is None or enclosed == dialog.state.enclosed
        dialog.enclosing = enclosed
        if sdp and is_same and dialog.state.has_reinvite and sdp == dialog.state.pending_sdp:
            # It is on its way already, from before a restart.
            dialog.reoffer = None
            return
        dialog.reoffers = 0
        dialog.reoffer = sdp
        if self._is_free(dialog):
            self._send(dialog, sdp, now)
        elif not dialog.state.has_reinvite:
            self._later(dialog, now)

    def _is_free(self, dialog: Dialog) -> bool:
        is_busy = dialog.is_pending or dialog.awaits_ack or dialog.state.has_reinvite
        return not is_busy and not dialog.updating and exchange.may(dialog.state, Step.WE_OFFER)

    def _later(self, dialog: Dialog, now: float) -> None:
        dialog.reoffers += 1
        if dialog.reoffers > REOFFERS_MAX:
            dialog.reoffer = None
            self._core.tell(NotRenegotiated(dialog.state.id, PENDING))
            return
        is_owner = dialog.state.role == rows.UAC
        wait = self._core.between(*(OWNER_WAITS_S if is_owner else OTHER_WAITS_S))
        self._core.alarms.set(REINVITE_ALARM, dialog.state.id, now + wait)

    def _send(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        core = self._core
        cseq = dialog.state.local_cseq + 1
        state = replace(
            dialog.state,
            local_cseq=cseq,
            client_cseq=cseq,
            client_branch=core.branch(),
            client_ack=b"",
            authorization="",
            enclosed=dialog.state.enclosed if dialog.enclosing is None else dialog.enclosing,
        )
        if sdp:
            state = exchange.offered_by_us(state, sdp)
        dialog.reoffer = None
        core.save(dialog, state)
        self._start(dialog, now)

    def _start(self, dialog: Dialog, now: float) -> None:
        core, state = self._core, dialog.state
        dialog.sent_cancel = False
        content_type, body = composed(state.pending_sdp, state.enclosed)
        core.alarms.set(REINVITE_ALARM, state.id, now + FINAL_SECONDS_MAX)
        invite = within(
            state,
            "INVITE",
            core.sender,
            state.client_branch,
            state.client_cseq,
            headers=session_timer.asking(state, core.policy) + state.credentials,
            content_type=content_type,
            body=body,
        )
        core.start(invite, state, now)

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: the same INVITE again is one retransmission more."""
        if dialog.state.has_reinvite:
            self._start(dialog, now)

    def come_due(self, dialog: Dialog, now: float) -> None:
        """Offer what could not be offered before, or give up what nobody answers."""
        if dialog.is_ending:
            return
        if dialog.state.has_reinvite:
            self._give_up(dialog, now)
        elif (sdp := dialog.reoffer) is not None:
            if self._is_free(dialog):
                self._send(dialog, sdp, now)
            else:
                self._later(dialog, now)

    def _give_up(self, dialog: Dialog, now: float) -> None:
        core = self._core
        if exchange.remote_offer(dialog.state):
            # Their offer came in a 2xx, and nobody here answered it.
            self.acknowledge(dialog, b"", now)
            self._within.bye(dialog, now, "no answer to the offer")
            return
        invite = core.transactions.invite_of(dialog.state.client_branch)
        if invite is not None and not dialog.sent_cancel:
            dialog.sent_cancel = True
            core.start(cancel(invite.request), dialog.state, now)
            core.alarms.set(REINVITE_ALARM, dialog.state.id, now + FINAL_SECONDS_MAX)
            return
        core.transactions.drop_invite(dialog.state.client_branch)
        self._refused(dialog, 408)

    # --- what they answer ---------------------------------------------------------------

    def responded(self, client: Client, response: Response, now: float) -> None:
        """Take a response to one of our re-INVITEs."""
        if response.status < 200:
            return
        dialog = self._core.dialog(client.owner)
        is_success = response.status < 300
        if dialog is None or client.machine.request.cseq.number != dialog.state.client_cseq:
            if is_success and client.state is not None:
                self._core.transmit(bytes(self._ack(client.state, b"")), way_of(client.state))
        elif not dialog.state.has_reinvite:
            if is_success:
                self._core.transmit(dialog.state.client_ack, way_of(dialog.state))
        elif is_success:
            self._accepted(dialog, response, now)
        else:
            self._failed(dialog, response, now)

    def _accepted(self, dialog: Dialog, response: Response, now: float) -> None:
        core = self._core
        if exchange.remote_offer(dialog.state):
            # It is repeated until we acknowledge it.
            return
        state = introduced(retargeted(dialog.state, response), response)
        locating.follow(core, dialog.state, state)
        timer = session_timer.agreed(response)
        state = session_timer.running(state, timer, session_timer.UAC, now)
        core.alarms.set(SESSION_ALARM, state.id, session_timer.due_at(state))
        dialog.is_refreshing = False
        self._agree(dialog, state, response, now)
        self._next(dialog, now)

    def _agree(self, dialog: Dialog, state: DialogState, response: Response, now: float) -> None:
        """Take the description of a 2xx, and acknowledge it unless that is to answer."""
        core = self._core
        if not exchange.may(state, Step.THEY_ANSWER) and response.body:
            core.save(dialog, exchange.offered_by_them(state, response.body))
            core.alarms.set(REINVITE_ALARM, state.id, now + ANSWER_SECONDS_MAX)
            core.tell(Offered(state.id, response.body, "ACK"))
            return
        is_answered = bool(response.body) and exchange.may(state, Step.THEY_ANSWER)
        state = (
            exchange.answered_by_them(state, response.body)
            if is_answered
            else exchange.withdrawn(state)
        )
        self._acknowledged(dialog, state, b"")
        core.tell(
            Renegotiated(state.id, response.body)
            if is_answered
            else NotRenegotiated(state.id, response.status)
        )

    def acknowledge(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        """Send the ACK which answers an offer that came in a 2xx."""
        if not dialog.state.has_reinvite or not exchange.remote_offer(dialog.state):
            return
        state = dialog.state
        answered = exchange.answered_by_us(state, sdp) if sdp else exchange.withdrawn(state)
        self._acknowledged(dialog, answered, sdp)
        if not dialog.is_ending:
            self._next(dialog, now)

    def _acknowledged(self, dialog: Dialog, state: DialogState, sdp: bytes) -> None:
        core = self._core
        ack = bytes(self._ack(state, sdp))
        core.alarms.set(REINVITE_ALARM, state.id, None)
        core.save(dialog, replace(state, client_ack=ack))
        core.transmit(ack, way_of(state))

    def _ack(self, state: DialogState, sdp: bytes) -> Request:
        core = self._core
        return within(
            state,
            "ACK",
            core.sender,
            core.branch(),
            state.client_cseq,
            headers=state.credentials,
            content_type=SDP if sdp else "",
            body=sdp,
        )

    def _failed(self, dialog: Dialog, response: Response, now: float) -> None:
        status = response.status
        offered = dialog.state.pending_sdp
        if status in DIALOG_IS_GONE:
            self._within.end(dialog, "gone", now)
        elif status in (PENDING, TOO_SHORT):
            self._back(dialog)
            if status == TOO_SHORT:
                dialog.state = replace(dialog.state, min_se_s=session_timer.least(response))
            dialog.reoffer = offered if dialog.reoffer is None else dialog.reoffer
            self._later(dialog, now)
        else:
            self._refused(dialog, status)
            self._next(dialog, now)

    def _refused(self, dialog: Dialog, status: int) -> None:
        self._back(dialog)
        self._core.tell(NotRenegotiated(dialog.state.id, status))

    def _back(self, dialog: Dialog) -> None:
        """As it was before our INVITE."""
        self._core.alarms.set(REINVITE_ALARM, dialog.state.id, None)
        self._core.save(dialog, replace(exchange.withdrawn(dialog.state), client_branch=""))

    def _next(self, dialog: Dialog, now: float) -> None:
        """What was asked for meanwhile."""
        if dialog.reoffer is not None:
            self.offer(dialog, dialog.reoffer, now, dialog.enclosing)

    def timed_out(self, client: Client, now: float) -> None:
        """Nobody answers any more: the call is over (section 14.1)."""
        dialog = self._core.dialog(client.owner)
        if dialog is not None and dialog.state.has_reinvite:
            self._back(dialog)
            self._within.bye(dialog, now, "unreachable")


def retargeted(state: DialogState, response: Response) -> DialogState:
    """The dialog with the Contact of a 2xx to a target refresh (section 12.2.1.2)."""
    try:
        target = rows.target_of(response)
    except GrammarError:
        return state
    if target == state.remote_target:
        # Behind a NAT the peer is reached where it called from: nothing has changed.
        return state
    flow = rows.next_hop(state.routes, target, state.flow)
    return replace(rows.travelling(state, flow), remote_target=target, resolved_hop="")
