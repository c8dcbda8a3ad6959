"""What a user agent asks for and tells. The order is a promise: see Save."""

from __future__ import annotations

from dataclasses import dataclass, field

from telephony.address import Address
from telephony.flow import Flow
from telephony.sip.dialog import DialogState
from telephony.sip.message import Response
from telephony.sip.reason import Reason


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this message. Over a connection which is gone, a new one is opened `otherwise`."""

    data: bytes
    flow: Flow
    otherwise: Address | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """Make this durable before any later Transmit is sent."""

    state: DialogState


@dataclass(frozen=True, slots=True)
class Resolve:
    """Find out where this URI leads (RFC 3263), and say so with `resolved`."""

    dialog_id: str
    uri: str


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody calls: ring, accept or reject. `sdp` is none for a late offer."""

    dialog_id: str
    from_uri: str
    from_display: str
    to_uri: str
    request_uri: str
    sdp: bytes | None
    flow: Flow
    trunk: str
    # Of the headers in incoming.KEPT_HEADERS, those present, in order.
    headers: tuple[tuple[str, str], ...]
    # Our dialog which it takes the place of; accepting it hangs that one up.
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before we answered."""

    dialog_id: str
    reasons: tuple[Reason, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Our 2xx arrived. `sdp` is the answer to an offer which it carried."""

    dialog_id: str
    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class Ringing:
    """A provisional response other than 100 came."""

    dialog_id: str
    status: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Our call was answered."""

    dialog_id: str
    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Our call was refused."""

    dialog_id: str
    status: int
    reason: str
    reasons: tuple[Reason, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Progressed:
    """Early media: a provisional response to our INVITE describes it, of the fork named."""

    dialog_id: str
    status: int
    fork: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class Offered:
    """They offer within the call: `agree` or `disagree`. `sdp` is none where we are to offer.

    It came in a re-INVITE, UPDATE or PRACK, or in a 2xx which the ACK is to answer: `method`.
    """

    dialog_id: str
    sdp: bytes | None
    method: str = "INVITE"


@dataclass(frozen=True, slots=True)
class Renegotiated:
    """Our offer within the call was accepted; `sdp` answers it."""

    dialog_id: str
    sdp: bytes


@dataclass(frozen=True, slots=True)
class NotRenegotiated:
    """Our offer was refused: all is as it was before. 491 where it always met theirs."""

    dialog_id: str
    status: int


@dataclass(frozen=True, slots=True)
class InfoReceived:
    dialog_id: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class HungUp:
    """An answered call is over: "remote", or "local" once our BYE was answered or given up."""

    dialog_id: str
    reason: str
    reasons: tuple[Reason, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """No ACK came for our 2xx in 64*T1; a BYE follows (RFC 3261 section 13.3.1.4)."""

    dialog_id: str


@dataclass(frozen=True, slots=True)
class Responded:
    """A request of ours outside of any dialog was answered; 408 when nobody did."""

    request_id: str
    response: Response


@dataclass(frozen=True, slots=True)
class Failed:
    """A call which was not answered is over without a response from the other side."""

    dialog_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Transferring:
    """A transfer which we asked for goes on: the status is what its target last said."""

    dialog_id: str
    refer_id: str
    status: int


@dataclass(frozen=True, slots=True)
class Transferred:
    """A transfer is over: 2xx and we hang up, else the call goes on.

    202: it was accepted, and nobody told how it ended.
    """

    dialog_id: str
    refer_id: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Referred:
    """The peer asks us to call somebody: accept_refer and tell how it goes, or reject_refer.

    `replaces` is the header the INVITE shall have; `referred_by` is what they claim to be.
    """

    dialog_id: str
    refer_to: str
    replaces: str
    referred_by: str


@dataclass(frozen=True, slots=True)
class MetadataAsked:
    """The recorder wants to be told all about the session (RFC 7866 section 9.2)."""

    dialog_id: str


@dataclass(frozen=True, slots=True)
class TakenForRecorder:
    """Somebody who records wanted us to take what they record (RFC 7866); they were refused."""

    call_id: str
    from_uri: str


Event = (
    Invited
    | Cancelled
    | Acknowledged
    | Ringing
    | Accepted
    | Rejected
    | Progressed
    | Offered
    | Renegotiated
    | NotRenegotiated
    | InfoReceived
    | HungUp
    | Unacknowledged
    | Failed
    | Responded
    | Transferring
    | Transferred
    | Referred
    | MetadataAsked
    | TakenForRecorder
)
Output = Transmit | Save | Resolve | Event
