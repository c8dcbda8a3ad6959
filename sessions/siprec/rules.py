"""What is due between a call and a recorder of others: decided from rows, without I/O."""

from collections.abc import Sequence
from enum import Enum

from recordings.tables import Recording, RecordingState
from sessions.siprec.tables import RecordingSession, SessionState
from sessions.tables import Call, CallState

RETRY_S = (1, 2, 5, 10, 30, 60)
"""After which a recorder that failed is tried again; the last of it for all further tries."""

ATTEMPTS_MAX = 12
"""Sessions for one call and one recorder. After them the call goes on without."""


class Step(Enum):
    NOTHING = "nothing"
    BEGIN = "begin"
    WAIT = "wait"
    INVITE = "invite"
    TELL = "tell"
    END = "end"


def step(
    call: Call | None,
    recording: Recording | None,
    last: RecordingSession | None,
    now_us: int,
) -> Step:
    """The next step. `last` is the latest session of the call with this recorder.

    Nothing begins while the gate is closed: the first INVITE says who talks with whom already.
    """
    is_on = call is not None and call.state is CallState.ANSWERED
    goes_on = is_on and recording is not None and recording.state is not RecordingState.SEALED
    is_open = goes_on and recording is not None and recording.state is RecordingState.OPEN
    if last is None:
        return Step.BEGIN if is_open else Step.NOTHING
    if last.state is SessionState.OVER:
        if last.retry_us is None or not is_open:
            return Step.NOTHING
        return Step.BEGIN if last.retry_us <= now_us else Step.WAIT
    if not goes_on:
        return Step.END
    if last.state is SessionState.ORDERED:
        return Step.INVITE
    return Step.NOTHING if last.is_sending == is_open else Step.TELL


def latest(sessions: Sequence[RecordingSession], recorder: str) -> RecordingSession | None:
    """The latest session of a call with a recorder."""
    mine = [session for session in sessions if session.recorder == recorder]
    return max(mine, key=lambda session: session.attempt, default=None)


def retry_us(attempt: int, now_us: int) -> int | None:
    """When a recorder is tried again after so many tries; None where it is given up."""
    if attempt >= ATTEMPTS_MAX:
        return None
    return now_us + RETRY_S[min(attempt, len(RETRY_S)) - 1] * 1_000_000
