"""A 2xx of ours to an INVITE, until it is acknowledged (RFC 3261 section 13.3.1.4)."""

from __future__ import annotations

from dataclasses import replace

from telephony.sip import exchange
from telephony.sip.core import ANSWER_ALARM, Core, Dialog
from telephony.sip.exchange import Step
from telephony.sip.message import Request
from telephony.sip.outputs import Acknowledged, Unacknowledged
from telephony.sip.parser import parse
from telephony.sip.transactions import branch_of, way_back
from telephony.sip.transactions.timers import T1, T2
from telephony.sip.within import Within

SDP = "application/sdp"


class Acknowledging:
    """Repeats the 2xx; takes its ACK, or hangs up where none comes."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests

    def begin(self, dialog: Dialog, now: float) -> None:
        dialog.resend_interval = T1
        dialog.give_up_at = now + 64 * T1
        self._core.alarms.set(ANSWER_ALARM, dialog.state.id, now + T1)

    def unacknowledged(self, dialog: Dialog, now: float) -> None:
        """Send the 2xx again, or give up and hang up."""
        core = self._core
        if now >= dialog.give_up_at:
            core.tell(Unacknowledged(dialog.state.id))
            if not dialog.wants_bye:
                dialog.ending_reason = "unacknowledged"
            # The row stays unacknowledged: after a restart, this is gone through again.
            self._within.bye_at_once(dialog, now)
            return
        self.repeat(dialog)
        dialog.resend_interval = min(2 * dialog.resend_interval, T2)
        next_at = min(now + dialog.resend_interval, dialog.give_up_at)
        core.alarms.set(ANSWER_ALARM, dialog.state.id, next_at)

    def repeat(self, dialog: Dialog) -> None:
        if response := dialog.state.final_response:
            self._core.transmit(response, way_back(dialog.state.flow, parse(response)))

    def repeat_to(self, dialog: Dialog, request: Request) -> bool:
        """Answer an INVITE within the dialog again, if it is the one answered last."""
        if branch_of(request) != dialog.state.server_branch:
            return False
        self.repeat(dialog)
        return True

    def acknowledged(self, dialog: Dialog, request: Request, now: float) -> None:
        """An ACK of a 2xx."""
        core = self._core
        state = dialog.state
        if state.acknowledged or dialog.is_ending or request.cseq.number != state.server_cseq:
            return
        core.alarms.set(ANSWER_ALARM, state.id, None)
        sdp = request.body if request.content_type == SDP and request.body else None
        state = replace(state, acknowledged=True)
        is_answer = exchange.may(state, Step.THEY_ANSWER)
        if is_answer:
            state = exchange.answered_by_them(state, sdp) if sdp else exchange.withdrawn(state)
        core.save(dialog, state)
        core.tell(Acknowledged(state.id, sdp if is_answer else None))
        if dialog.wants_bye:
            self._within.bye_at_once(dialog, now)
        elif not state.remote_sdp and is_answer:
            # An offer which was never answered: nobody knows where media goes.
            self._within.bye(dialog, now, "no answer to the offer")
