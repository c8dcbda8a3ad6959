"""Sessions with recorders of others (RFC 7866), and who took us for a recorder."""

from enum import StrEnum

from runtime import table


class SessionState(StrEnum):
    """ORDERED: the INVITE may go out. UP: the recorder has answered. OVER is final."""

    ORDERED = "ordered"
    UP = "up"
    OVER = "over"


@table(name="recording_session", index=(("call",), ("state",)))
class RecordingSession:
    """One try to have a call recorded by `recorder`. The id is also that of its SIP dialog.

    `is_sending`: whether the recorder was last told that voices are in its streams, `since_us`.
    `why` it is over, and when it is tried again; None where it is not.
    """

    id: str
    call: str
    recorder: str
    attempt: int
    state: SessionState
    is_sending: bool
    since_us: int
    ordered_us: int
    up_us: int | None
    over_us: int | None
    why: str
    retry_us: int | None


@table(name="recording_elsewhere", index=(("call",),), append_only=True)
class RecordingElsewhere:
    """Somebody else records beside us, or wanted us to take what they record.

    An incident: what they have is under no gate of ours. `call` is empty where it became none.
    """

    id: str
    call: str
    how: str
    at_us: int
