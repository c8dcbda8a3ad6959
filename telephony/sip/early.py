"""What happens to a call of ours before it is answered: 18x, by each who was reached."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import exchange, grammar
from telephony.sip.core import Core, Dialog, Fork
from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.extensions import RELIABLE, introduced, requires
from telephony.sip.message import Response
from telephony.sip.outputs import Progressed, Ringing
from telephony.sip.requests import within

SDP = "application/sdp"
# Of one INVITE; who comes later is only heard once they answer.
FORKS_MAX = 8
RSEQ_MAX = 2**32 - 1


class EarlyDialogs:
    """Tells of progress, and acknowledges what has to arrive (RFC 3262 section 4)."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def progressed(self, dialog: Dialog, response: Response, flow: Flow, now: float) -> None:
        """A provisional response other than 100."""
        core = self._core
        dialog_id, tag = dialog.state.id, response.to.tag
        core.tell(Ringing(dialog_id, response.status))
        sdp = response.body if response.content_type == SDP else b""
        if not tag or (tag not in dialog.forks and len(dialog.forks) >= FORKS_MAX):
            return
        fork = dialog.forks.get(tag)
        if fork is None:
            fork = dialog.forks[tag] = Fork(dialog.state)
        fork.state = introduced(established(dialog.state, response, flow), response)
        if requires(response, RELIABLE) and not self._acknowledge(dialog, fork, response, sdp, now):
            return
        if sdp:
            core.tell(Progressed(dialog_id, response.status, tag, sdp))

    def _acknowledge(
        self, dialog: Dialog, fork: Fork, response: Response, sdp: bytes, now: float
    ) -> bool:
        """Send the PRACK. False where it is out of order: it will come again."""
        core = self._core
        try:
            rseq = grammar.number(response.headers.get("rseq") or "", RSEQ_MAX)
        except GrammarError:
            return False
        if rseq == 0 or (fork.rseq and rseq != fork.rseq + 1):
            return False
        fork.rseq = rseq
        cseq = dialog.state.local_cseq + 1
        state = replace(dialog.state, local_cseq=cseq)
        if sdp and not fork.sdp:
            fork.sdp = sdp
            # After a restart this is who is heard, if no other answers.
            state = replace(state, remote_sdp=sdp)
        fork.pracks += 1
        core.save(dialog, state)
        rack = f"{rseq} {response.cseq.number} INVITE"
        prack = within(
            fork.state, "PRACK", core.sender, core.branch(), cseq, headers=(("RAck", rack),)
        )
        core.start(prack, fork.state, now)
        return True

    def acknowledged(self, dialog: Dialog, tag: str) -> None:
        """A PRACK of ours was answered."""
        if (fork := dialog.forks.get(tag)) is not None and fork.pracks:
            fork.pracks -= 1

    def offered_to(self, state: DialogState, dialog: Dialog, tag: str) -> DialogState:
        """The row of our INVITE, with what we have offered since to who answers it now."""
        fork = dialog.forks.get(tag)
        return exchange.renewed(state, fork.offer, fork.sdp) if fork and fork.offer else state

    def answer_of(self, dialog: Dialog, response: Response) -> bytes:
        """What somebody has answered our offer with: in the 2xx, or before it.

        After an UPDATE the 2xx may still repeat the first answer: that is no news.
        """
        fork = dialog.forks.get(response.to.tag)
        if fork is not None and fork.offer:
            return fork.sdp
        return response.body or (fork.sdp if fork is not None else dialog.state.remote_sdp)


def established(state: DialogState, response: Response, flow: Flow) -> DialogState:
    """The dialog which a response to our INVITE creates (RFC 3261 section 12.1.2)."""
    try:
        target = rows.target_of(response)
        routes = rows.routes_of(response)[::-1]
    except GrammarError:
        # The call is up there: better to reach it where we called than to leave it up.
        target, routes = state.remote_target, []
    return replace(
        rows.travelling(state, rows.next_hop(routes, target, flow)),
        status=rows.CONFIRMED if response.status >= 200 else rows.EARLY,
        remote_tag=response.to.tag,
        remote_target=target,
        route_set="\n".join(routes),
        resolved_hop="",
    )
