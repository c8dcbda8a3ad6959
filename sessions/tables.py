"""The call."""

from enum import StrEnum

from runtime import table


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
    """

    id: str
    state: CallState
    direction: str
    line: str
    remote: str
    local: str
    agent: str
    words_key: str
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
    remote_host: str
    remote_port: int
    ssrc: int
    seq0: int
    ts0: int
    epoch_us: int
