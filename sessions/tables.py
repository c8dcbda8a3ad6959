"""The call."""

from enum import StrEnum

from runtime import Sealed, table


class CallState(StrEnum):
    """`SEALED`: over, its recording closed, the log signed, what may not be kept forgotten."""

    OFFERED = "offered"
    ANSWERED = "answered"
    ENDED = "ended"
    SEALED = "sealed"


@table(name="call", index=(("state",),))
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
