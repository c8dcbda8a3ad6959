"""The call."""

from enum import StrEnum

from runtime import Sealed, table
from telephony.bridge import Part


class CallState(StrEnum):
    """`SEALED`: over, its recording closed, the log signed, what may not be kept forgotten."""

    OFFERED = "offered"
    ANSWERED = "answered"
    ENDED = "ended"
    SEALED = "sealed"


@table(name="call", index=(("state",), ("state", "ended_us")))
class Call:
    """One call. The media fields are all that is needed to open its leg again.

    `words_key` seals what is said and done in it; without consent it dies with the call.
    `caller_key` seals who called whom and from where, here, in the call's leg and dialog; it
    lives until the call is erased.
    """

    id: str
    state: CallState
    direction: str
    line: str
    remote: Sealed[str]
    local: Sealed[str]
    agent: str
    words_key: str
    caller_key: str
    offered_us: int
    answered_us: int | None
    ended_us: int | None
    ended_by: str | None
    forgotten: bool
    cause: str | None = None
    """Why it ended, as `telephony.causes` has it."""
    replaces: str | None = None
    """The call whose place it took (RFC 3891)."""


@table(name="leg", index=(("call",),))
class Leg:
    """The media of a call: RTP's sequence and timestamp are functions of `epoch_us`."""

    id: str
    call: str
    codec: str
    payload_type: int
    dtmf_payload_type: int | None
    port: int
    remote_host: Sealed[str]
    remote_port: int
    ssrc: int
    seq0: int
    ts0: int
    epoch_us: int
    process: int = 0
    """Which media process has it, and its port."""
    direction: str = "sendrecv"
    """As SDP says it of us: who sends, who receives."""
    srtp_suite: str = ""
    """Empty where media is not encrypted."""
    srtp_keys: Sealed[str] | None = None
    """Ours and theirs, as `keys_of` reads them."""
    srtp_roc: int = 0
    """The rollover counter of what is received."""
    rtcp_port: int | None = None
    """Where their reports go, where that is not the port after that of their media."""
    rtcp_mux: bool = False
    """Whether reports share the port of the media (RFC 5761)."""
    shared: bool = False
    """Whether the port is the one that many calls have in common."""
    dtmf_clock_rate: int = 8_000
    """Of the durations of keys."""


@table(name="leg_quality", index=(("call",),))
class LegQuality:
    """What a leg's media was like, as it was told when it closed; `remote_`: as they told us.

    Packets, and times as their names say. The process that told it counted: what another one
    carried before it was killed is not in it.
    """

    id: str
    call: str
    received: int
    lost: int
    late: int
    duplicated: int
    jitter_us: int
    round_trip_us: int | None
    mos_milli: int | None
    """The estimated MOS in thousandths (E-model); none where nothing was received."""
    concealed_ms: int
    remote_loss_permille: int
    remote_jitter_us: int
    at_us: int


@table(name="hold", index=(("call",),))
class Hold:
    """A pause of a call, by its "caller" or its "agent". Media is not waited for meanwhile.

    One that was asked for and never agreed to has no `since_us`.
    """

    id: str
    call: str
    by: str
    asked_us: int
    since_us: int | None
    until_us: int | None


class DialState(StrEnum):
    """`PLACED`: the INVITE is out. A call exists from then on, with the same id."""

    ORDERED = "ordered"
    PLACED = "placed"
    RINGING = "ringing"
    ANSWERED = "answered"
    FAILED = "failed"


@table(name="dial", index=(("basis",),))
class Dial:
    """An order to call whom a basis names, and how far it came. The id is the call's."""

    id: str
    basis: str
    by: str
    state: DialState
    cause: str | None
    ordered_us: int
    agent: str = ""
    """Who speaks for us; empty for the agent that answers here."""
    joins: str | None = None
    """The call that it joins when it is answered, as `part` says."""
    part: Part = Part.TALKS
    coached: str | None = None
    referrer: str | None = None
    """The call whose caller asked for it (RFC 3515)."""
    replaces: Sealed[str] | None = None
    """The call of others whose place it is to take, as a Replaces header (RFC 3891)."""
