"""What both sides of a user agent share: dialogs, transactions, alarms and the outputs."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from telephony.flow import Flow, Hop
from telephony.sip import dialog as rows
from telephony.sip.alarms import Alarms
from telephony.sip.dialog import DialogState
from telephony.sip.headers import Lines
from telephony.sip.message import Request
from telephony.sip.outputs import Event, Output, Save, Transmit
from telephony.sip.policy import Policy
from telephony.sip.requests import ALLOW, SUPPORTED, standalone
from telephony.sip.responses import respond
from telephony.sip.sender import Sender
from telephony.sip.transactions import Transactions, Way, server_key, way_back
from telephony.sip.transactions.timers import T1
from telephony.sip.via import MAGIC_COOKIE

TOKEN_BYTES = 10
ANSWER_ALARM = "answer"
UNANSWERED_ALARM = "unanswered"
CANCELLED_ALARM = "cancelled"
RELIABLE_ALARM = "reliable"
UPDATE_ALARM = "update"
REINVITE_ALARM = "reinvite"
SESSION_ALARM = "session"
REFER_ALARM = "refer"
REFERRED_ALARM = "referred"
DIALOG_ALARMS = (
    ANSWER_ALARM,
    UNANSWERED_ALARM,
    CANCELLED_ALARM,
    RELIABLE_ALARM,
    UPDATE_ALARM,
    REINVITE_ALARM,
    SESSION_ALARM,
    REFER_ALARM,
    REFERRED_ALARM,
)


@dataclass(slots=True)
class Fork:
    """Somebody to whom our INVITE was forked, who has not answered it yet (section 13.2.2.4)."""

    state: DialogState
    rseq: int = 0
    # What it reliably answered our offer with; and our latest offer, if an UPDATE made it.
    sdp: bytes = b""
    offer: bytes = b""
    # PRACKs of ours which it has not answered; an UPDATE of its own which offers, until we answer.
    pracks: int = 0
    update: tuple[Request, Flow] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether offer and answer are exchanged, and both sides know it."""
        return bool(self.sdp) and not self.pracks and self.update is None


@dataclass(slots=True)
class Dialog:
    """A dialog while this process lives: its row, and what a restart may forget."""

    state: DialogState
    resend_interval: float = T1
    give_up_at: float = 0.0
    wants_bye: bool = False
    is_ending: bool = False
    wants_cancel: bool = False
    sent_cancel: bool = False
    has_rung: bool = False
    ending_reason: str = "local"
    invited_as: str = ""
    # A provisional response which waits until the one before it has arrived.
    next_progress: tuple[int, bytes] | None = None
    progress_interval: float = T1
    progress_until: float = 0.0
    # Early dialogs of our INVITE, by the tags of those who answer it.
    forks: dict[str, Fork] = field(default_factory=dict[str, "Fork"])
    # A description to offer once the way is free, and how often it was in vain.
    reoffer: bytes | None = None
    reoffers: int = 0
    # What is to go beside it from then on, where that changes.
    enclosing: bytes | None = None
    is_refreshing: bool = False
    # The offer which an UPDATE of ours carries, until that is answered.
    updating: bytes = b""
    # A REFER of the peer which waits for an answer.
    referral: Request | None = None

    @property
    def is_pending(self) -> bool:
        """Whether an INVITE waits for our answer."""
        return bool(self.state.server_request)

    @property
    def awaits_ack(self) -> bool:
        return self.was_accepted and not self.state.acknowledged

    @property
    def was_accepted(self) -> bool:
        """Whether the last INVITE which we served got a 2xx."""
        return self.state.final_response.startswith(b"SIP/2.0 2")


@dataclass(frozen=True, slots=True)
class OutOfDialog:
    """A request outside of any dialog. `from_` and `to` are name-addrs without tags."""

    method: str
    uri: str
    from_: str
    to: str
    headers: Lines = ()
    call_id: str = ""
    cseq: int = 1
    # The user part of a Contact; without one, none is sent.
    contact_user: str = ""
    # Whose credentials answer a challenge.
    trunk: str = ""


class Core:
    """Commands and datagrams change it; what follows from them waits in `outputs`."""

    def __init__(
        self,
        sender: Sender,
        entropy: Callable[[int], bytes],
        dialogs_max: int,
        transactions_max: int,
        policy: Policy | None = None,
    ) -> None:
        self.sender = sender
        self.policy = policy or Policy()
        self.outputs: deque[Output] = deque()
        self.alarms = Alarms()
        self.transactions = Transactions(self.outputs, self.alarms, transactions_max)
        self._dialogs: dict[str, Dialog] = {}
        self._by_tag: dict[tuple[str, str], Dialog] = {}
        self._by_invite: dict[str, Dialog] = {}
        self._by_trunk: Counter[str] = Counter()
        self._dialogs_max = dialogs_max
        self.entropy = entropy
        self._secret = entropy(16)

    def start(self, request: Request, state: DialogState, now: float, *, answered: int = 0) -> None:
        """Send a request of a dialog, until it is answered; see `Client` for `answered`."""
        self.transactions.start(request, way_of(state), state.id, now, state, answered=answered)

    def request(self, asked: OutOfDialog, hop: Hop, now: float) -> str:
        """Send a request outside of any dialog; its answer is told under the id returned.

        NoListener where nobody could answer to us; HeaderError where a value cannot be sent.
        """
        flow = self.sender.towards(hop)
        headers: Lines = (
            ("From", f"{asked.from_};tag={self.token()}"),
            ("To", asked.to),
            ("Call-ID", asked.call_id or self.token()),
            ("CSeq", f"{asked.cseq} {asked.method}"),
            *asked.headers,
        )
        if asked.contact_user:
            headers += (("Contact", self.sender.contact(flow, user=asked.contact_user)),)
        made = standalone(asked.method, asked.uri, self.sender.via(flow, self.branch()), headers)
        request_id = self.token()
        self.transactions.start(made, Way(flow), request_id, now, trunk=asked.trunk)
        return request_id

    @property
    def dialog_count(self) -> int:
        return len(self._dialogs)

    @property
    def is_full(self) -> bool:
        return len(self._dialogs) >= self._dialogs_max

    def calls_of(self, trunk: str) -> int:
        """How many calls are up on it, in both directions."""
        return self._by_trunk[trunk]

    def token(self) -> str:
        """An unguessable word for tags, branches and Call-IDs."""
        return base64.b32encode(self.entropy(TOKEN_BYTES)).decode().lower().rstrip("=")

    def between(self, least_s: float, most_s: float) -> float:
        """A span drawn by chance, in units of 10 ms (RFC 3261 section 14.1)."""
        steps = round((most_s - least_s) * 100)
        return least_s + int.from_bytes(self.entropy(4), "big") % (steps + 1) / 100

    def branch(self) -> str:
        return MAGIC_COOKIE + self.token()

    def dialog(self, dialog_id: str) -> Dialog | None:
        return self._dialogs.get(dialog_id)

    def dialog_of(self, call_id: str, local_tag: str) -> Dialog | None:
        return self._by_tag.get((call_id, local_tag))

    def dialog_begun_by(self, invite: str) -> Dialog | None:
        """The dialog of an INVITE, named as `invited_as` does, however often it is repeated."""
        return self._by_invite.get(invite)

    def add(self, state: DialogState) -> Dialog:
        dialog = Dialog(state, invited_as=invited_as(state))
        self._dialogs[state.id] = dialog
        self._by_trunk[state.trunk] += 1
        self._by_tag[state.call_id, state.local_tag] = dialog
        if state.role == rows.UAS:
            self._by_invite[dialog.invited_as] = dialog
        return dialog

    def save(self, dialog: Dialog, state: DialogState) -> None:
        if state.trunk != dialog.state.trunk:
            self._by_trunk[dialog.state.trunk] -= 1
            self._by_trunk[state.trunk] += 1
        dialog.state = state
        self.outputs.append(Save(state))

    def end(self, dialog: Dialog, now: float, final_response: bytes = b"") -> None:
        """Save the dialog as terminated, and forget it."""
        state = dialog.state
        self.save(
            dialog,
            replace(
                state,
                status=rows.TERMINATED,
                server_request=b"",
                final_response=final_response or state.final_response,
                acknowledged=True,
                ended_us=rows.microseconds(now),
            ),
        )
        self._forget(dialog)

    def _forget(self, dialog: Dialog) -> None:
        state = dialog.state
        for kind in DIALOG_ALARMS:
            self.alarms.set(kind, state.id, None)
        if self._dialogs.pop(state.id, None) is not None:
            self._by_trunk[state.trunk] -= 1
        self._by_tag.pop((state.call_id, state.local_tag), None)
        self._by_invite.pop(dialog.invited_as, None)

    def transmit(self, data: bytes, way: Way) -> None:
        self.outputs.append(Transmit(data, *way))

    def capabilities(self, state: DialogState, uri: str) -> Lines:
        """What each response to a request for `uri` says of us, if it is no failure."""
        contact = self.sender.contact(state.flow, uri) + state.features
        return (("Contact", contact), ("Allow", ALLOW), ("Supported", SUPPORTED))

    def tell(self, event: Event) -> None:
        self.outputs.append(event)

    def reply(
        self, request: Request, flow: Flow, status: int, *, to_tag: str = "", headers: Lines = ()
    ) -> None:
        """Answer once and remember nothing, as a stateless UAS (RFC 3261 section 8.2.7).

        So a flood of forged requests costs no memory, and gets one response each.
        """
        tag = to_tag or self._stateless_tag(request)
        response = respond(request, status, tag, headers=headers)
        self.transmit(bytes(response), way_back(flow, request))

    def _stateless_tag(self, request: Request) -> str:
        # The same for each repetition, and of no use to whoever guesses others'.
        text = server_key(request).encode(errors="surrogateescape")
        return hashlib.sha256(self._secret + text).hexdigest()[:16]


def way_of(state: DialogState) -> Way:
    """How requests within a dialog go; over a new connection, to where its Contact says."""
    if not state.flow.transport.is_reliable:
        return Way(state.flow)
    hop = rows.contact_hop(state.routes, state.remote_target)
    if hop is None and state.resolved_hop:
        hop = rows.read_hop(state.resolved_hop)
    return Way(state.flow, hop.address if hop else None)


def invited_as(state: DialogState) -> str:
    """What tells the INVITE that a dialog was last invited by from all others."""
    return invite_key(state.call_id, state.remote_tag, state.server_branch)


def invite_key(call_id: str, remote_tag: str, branch: str) -> str:
    """It is held in memory only: a dialog's id, which others see, is drawn by chance."""
    return f"{call_id}\0{remote_tag}\0{branch}"
