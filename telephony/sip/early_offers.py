"""Offers of ours before the call is answered: by UPDATE (RFC 3311 section 5.1)."""

from __future__ import annotations

from dataclasses import replace

from telephony.sip import dialog as rows
from telephony.sip import exchange, grammar
from telephony.sip.core import REINVITE_ALARM, Core, Dialog
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.exchange import Exchange, Step
from telephony.sip.extensions import allows
from telephony.sip.message import Response
from telephony.sip.outputs import NotRenegotiated, Renegotiated
from telephony.sip.reinvite import OTHER_WAITS_S, OWNER_WAITS_S, PENDING, REOFFERS_MAX, retargeted
from telephony.sip.requests import within
from telephony.sip.transactions import Client
from telephony.sip.update import RETRY_SECONDS_MAX
from telephony.sip.within import DIALOG_IS_GONE

SDP = "application/sdp"
BUSY = 500
# Not by UPDATE: they do not know it, or have to ask somebody first (section 5.2).
BY_INVITE_ONLY = (405, 420, 501, 504)


class EarlyOffers:
    """One at a time. What cannot be offered yet waits, at the latest until a re-INVITE may."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def offer(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        """Offer this; the latest offer counts. An empty one only a re-INVITE can make."""
        if dialog.updating != sdp or not sdp:
            dialog.reoffers = 0
            dialog.reoffer = sdp
            self.come_due(dialog, now)

    def come_due(self, dialog: Dialog, now: float) -> None:
        """Offer what waits, if both sides are free to."""
        sdp = dialog.reoffer
        if sdp is None or dialog.wants_cancel:
            return
        state = self._way(dialog) if sdp and not dialog.updating else None
        if state is None:
            self._later(dialog, now)
        else:
            self._send(dialog, state, sdp, now)

    def _way(self, dialog: Dialog) -> DialogState | None:
        """The early dialog in which an offer may be made now."""
        state = dialog.state
        if state.role == rows.UAC:
            # Of several who were reached, none is spoken with yet.
            forks = [*dialog.forks.values()]
            is_free = len(forks) == 1 and forks[0].is_settled
            state = replace(forks[0].state, local_cseq=state.local_cseq) if is_free else state
        else:
            is_waiting = bool(state.reliable_response or state.server_update)
            is_free = exchange.exchange_of(state) is Exchange.STABLE and not is_waiting
        return state if is_free and allows(state, "UPDATE") else None

    def _send(self, dialog: Dialog, state: DialogState, sdp: bytes, now: float) -> None:
        core = self._core
        cseq = dialog.state.local_cseq + 1
        update = within(
            state, "UPDATE", core.sender, core.branch(), cseq, content_type=SDP, body=sdp
        )
        dialog.updating, dialog.reoffer = sdp, None
        core.save(dialog, replace(dialog.state, local_cseq=cseq))
        core.start(update, state, now)

    def _later(self, dialog: Dialog, now: float, wait: float | None = None) -> None:
        is_owner = dialog.state.role == rows.UAC
        drawn = self._core.between(*(OWNER_WAITS_S if is_owner else OTHER_WAITS_S))
        self._core.alarms.set(
            REINVITE_ALARM, dialog.state.id, now + (drawn if wait is None else wait)
        )

    # --- what they answer ---------------------------------------------------------------

    def responded(self, client: Client, response: Response, now: float) -> None:
        """Take a response to an UPDATE which offers."""
        dialog = self._core.dialog(client.owner)
        if dialog is None or response.status < 200 or not dialog.updating:
            return
        status, sdp = response.status, dialog.updating
        dialog.updating = b""
        if status < 300:
            self._accepted(dialog, response, sdp)
            self._next(dialog, now)
        elif status in BY_INVITE_ONLY:
            self._not_by_update(dialog)
            self._again(dialog, sdp, now)
        elif status in (PENDING, BUSY) and dialog.reoffers < REOFFERS_MAX:
            dialog.reoffers += 1
            self._again(dialog, sdp, now, _retry_after(response))
        else:
            self._refused(dialog, status)
            self._next(dialog, now)

    def _again(self, dialog: Dialog, sdp: bytes, now: float, wait: float | None = None) -> None:
        dialog.reoffer = sdp if dialog.reoffer is None else dialog.reoffer
        self._later(dialog, now, wait)

    def _next(self, dialog: Dialog, now: float) -> None:
        """What was asked for meanwhile; by a re-INVITE if the call was answered meanwhile."""
        if dialog.reoffer is not None:
            self._later(dialog, now, 0.0)

    def _not_by_update(self, dialog: Dialog) -> None:
        """Until they say anew what they know, with the answer at the latest."""
        dialog.state = _without_update(dialog.state)
        for fork in dialog.forks.values():
            fork.state = _without_update(fork.state)

    def _accepted(self, dialog: Dialog, response: Response, sdp: bytes) -> None:
        core, tag = self._core, response.to.tag
        state, answer = dialog.state, response.body
        fork = dialog.forks.get(tag)
        if not answer:
            self._refused(dialog, response.status)
            return
        if fork is not None:
            fork.state = retargeted(fork.state, response)
            fork.offer, fork.sdp = sdp, answer
            state = exchange.renewed(state, sdp, answer)
        elif tag == state.remote_tag and exchange.may(state, Step.WE_OFFER):
            state = exchange.offered_by_us(retargeted(state, response), sdp)
            state = exchange.answered_by_them(state, answer)
        else:
            # Somebody else has answered the call meanwhile.
            self._refused(dialog, response.status)
            return
        core.save(dialog, state)
        core.tell(Renegotiated(state.id, answer))

    def _refused(self, dialog: Dialog, status: int) -> None:
        self._core.tell(NotRenegotiated(dialog.state.id, status))

    def timed_out(self, client: Client) -> bool:
        """Nobody answered it. Whether the call still waits for its answer, and may get it."""
        dialog = self._core.dialog(client.owner)
        if dialog is None or not dialog.updating:
            return False
        dialog.updating = b""
        self._refused(dialog, DIALOG_IS_GONE[0])
        return dialog.state.status == rows.EARLY


def _without_update(state: DialogState) -> DialogState:
    allowed = [name for name in state.peer_allow.split(", ") if name != "UPDATE"]
    return replace(state, peer_allow=", ".join(allowed))


def _retry_after(response: Response) -> float | None:
    """How long they want us to wait; none where they do not say it."""
    value = (response.headers.get("retry-after") or "").partition(";")[0].partition("(")[0]
    try:
        return min(grammar.number(value.strip(), 2**31), RETRY_SECONDS_MAX)
    except GrammarError:
        return None
