"""What a user agent is told to do: each command goes to the part that knows how."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from telephony.flow import Hop, Listener, Network
from telephony.sip import dialog as rows
from telephony.sip import locating
from telephony.sip.acknowledging import Acknowledging
from telephony.sip.answering import Answering
from telephony.sip.authorizing import Authorizing, CredentialsOf
from telephony.sip.core import (
    Core,
    Dialog,
    OutOfDialog,
    invited_as,
)
from telephony.sip.dialog import DialogState
from telephony.sip.early_offers import EarlyOffers
from telephony.sip.early_updates import EarlyUpdates
from telephony.sip.gate import Gate, OpenGate
from telephony.sip.headers import Lines
from telephony.sip.in_dialog import InDialog
from telephony.sip.incoming import IncomingCalls
from telephony.sip.outgoing import OutgoingCalls
from telephony.sip.outputs import Transferred
from telephony.sip.policy import Policy
from telephony.sip.redirect import REDIRECTS_MAX
from telephony.sip.refer import Transfers
from telephony.sip.referrals import Referrals
from telephony.sip.refreshing import Refreshing
from telephony.sip.reinvite import Reinvites
from telephony.sip.replaces import Replaces
from telephony.sip.responses import reason_of
from telephony.sip.sender import Sender
from telephony.sip.transactions.timers import T1
from telephony.sip.update import Updates
from telephony.sip.ways import WayOut
from telephony.sip.within import Within

DIALOGS_MAX = 4_000
"""Twice the calls of a full node: some are offered, and will be refused."""

TRANSACTIONS_MAX = 16_000
"""Some 250 requests a second, each remembered for 64 * T1 (RFC 3261 section 17)."""

ENDED_DIALOGS_MAX = 4_000

FORGET_ALARM = "forget"


class Commands:
    """The parts of a user agent, and the commands to them.

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
        self._acknowledging = Acknowledging(self._core, self._within)
        self._updates = Updates(self._core)
        self._answering = Answering(self._core, self._acknowledging, self._updates)
        self._incoming = IncomingCalls(self._core, self._answering, self._acknowledging)
        self._early_updates = EarlyUpdates(self._core, self._updates)
        self._outgoing = OutgoingCalls(self._core, self._within, self._early_updates)
        self._early_offers = EarlyOffers(self._core)
        self._reinvites = Reinvites(self._core, self._within)
        self._refreshing = Refreshing(self._core, self._within, self._reinvites)
        self._transfers = Transfers(self._core, self._within)
        self._referrals = Referrals(self._core, self._within)
        self._in_dialog = InDialog(
            self._core,
            self._incoming,
            answering=self._answering,
            acknowledging=self._acknowledging,
            updates=self._updates,
            early_updates=self._early_updates,
            transfers=self._transfers,
            referrals=self._referrals,
        )
        self._authorizing = Authorizing(self._core, self._outgoing, credentials)
        self._is_draining = False
        # What dialogs answered that ended shortly before a restart.
        self._ended: dict[str, DialogState] = {}
        # Those whose place was taken by dialogs from before a restart.
        self._replaced: set[str] = set()

    def ring(self, dialog_id: str, now: float) -> None:
        """Send 180."""
        if dialog := self._core.dialog(dialog_id):
            self._answering.ring(dialog, now)

    def progress(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Send 183 with a description: early media. The 2xx will have to say the same."""
        if dialog := self._core.dialog(dialog_id):
            self._answering.progress(dialog, 183, sdp, now)

    def accept(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Answer an INVITE or re-INVITE with 200; once more, and the same 200 is sent again."""
        if dialog := self._core.dialog(dialog_id):
            is_first = dialog.is_pending and dialog.state.status == rows.EARLY
            self._answering.accept(dialog, sdp, now)
            if is_first and dialog.state.replaces:
                self.bye(dialog.state.replaces, now, "replaced")

    def reject(self, dialog_id: str, status: int, now: float) -> None:
        """Answer an INVITE or re-INVITE with a failure, 300 to 699."""
        if dialog := self._core.dialog(dialog_id):
            self._answering.reject(dialog, status, now)

    def answer_update(self, dialog_id: str, sdp: bytes, now: float) -> None:
        """Answer the offer of an UPDATE or PRACK."""
        if dialog := self._core.dialog(dialog_id):
            self._updates.answer(dialog, sdp, now)
            self._early_updates.answer(dialog, sdp, now)
            self._answering.proceed(dialog, now)

    def refuse_update(self, dialog_id: str, status: int, now: float) -> None:
        """Refuse the offer of an UPDATE or PRACK, with 300 to 699."""
        if dialog := self._core.dialog(dialog_id):
            self._updates.refuse(dialog, status, now)
            self._early_updates.refuse(dialog, status, now)
            self._answering.proceed(dialog, now)

    def agree(self, dialog_id: str, method: str, sdp: bytes, now: float) -> None:
        """Answer an offer by the road that it came: `method` as `Offered` has it."""
        if method in ("UPDATE", "PRACK"):
            self.answer_update(dialog_id, sdp, now)
        elif method == "ACK":
            self.acknowledge(dialog_id, sdp, now)
        else:
            self.accept(dialog_id, sdp, now)

    def disagree(self, dialog_id: str, method: str, now: float) -> None:
        """Refuse an offer of theirs. What came in a 2xx can only be acknowledged, and hung up."""
        if method in ("UPDATE", "PRACK"):
            self.refuse_update(dialog_id, 488, now)
        elif method == "ACK":
            self.acknowledge(dialog_id, b"", now)
            self.bye(dialog_id, now)
        else:
            self.reject(dialog_id, 488, now)

    def reoffer(
        self, dialog_id: str, sdp: bytes, now: float, *, enclosed: bytes | None = None
    ) -> None:
        """Offer anew within a call; with an empty offer, have them offer.

        `enclosed`: what goes beside it from now on, where that has changed.

        By a re-INVITE; by an UPDATE before the call is answered, where the peer takes that.
        `Renegotiated` or `NotRenegotiated` will say how that went. While offers of theirs are in
        the way it waits, and only the latest is made.
        """
        dialog = self._core.dialog(dialog_id)
        if dialog is None or dialog.is_ending:
            return
        if dialog.state.status == rows.CONFIRMED:
            self._reinvites.offer(dialog, sdp, now, enclosed)
        else:
            self._early_offers.offer(dialog, sdp, now)

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
        enclosed: bytes = b"",
        features: str = "",
    ) -> str:
        """Call, and return the dialog's id. Hops are tried in their order, then other ways out.

        Without `sdp` they offer, in the 2xx, and `acknowledge` answers.
        A `dialog_id` of the caller's own is new: no dialog may have had it before.
        `enclosed` goes beside each offer (a part of `multipart`), `features` into our Contact.

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
            enclosed=enclosed,
            features=features,
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
            self._answering.reject(dialog, 480, now)

    def info(self, dialog_id: str, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO within an answered call."""
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.status == rows.CONFIRMED and not dialog.is_ending:
            self._within.info(dialog, content_type, body, now)

    def probe(self, dialog_id: str, now: float) -> None:
        """Ask whether the peer of an answered call is there still; it is hung up where not."""
        dialog = self._core.dialog(dialog_id)
        if dialog and dialog.state.status == rows.CONFIRMED and not dialog.is_ending:
            self._within.send(dialog, "OPTIONS", now)

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
        self._answering.restore(dialog, now)
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
