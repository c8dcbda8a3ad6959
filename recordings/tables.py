"""The recording of a call, and its sealed pieces."""

from enum import StrEnum

from runtime import table

ADMITTED = """EXISTS (
    SELECT 1 FROM recording AS r
    WHERE r.id = NEW.call AND r.state != 'sealed'
    AND NEW.epoch BETWEEN r.first_epoch AND r.epoch
    AND NEW.captured_from_us >= r.opened_us
    AND (r.suspended_us IS NULL
        OR NEW.captured_from_us + NEW.samples * 1000000 / NEW.rate <= r.suspended_us))"""
"""What `rules.why_not` says of a chunk, held by the store against whoever adds one."""


class RecordingState(StrEnum):
    """A recording is open while its gate is, sealed once its last chunk is a row.

    Suspended, its gate is closed and may be opened again: somebody who has not agreed is heard.
    """

    OPEN = "open"
    SUSPENDED = "suspended"
    SEALED = "sealed"


@table(name="recording")
class Recording:
    """One per call, under its grant. `epoch` rises each time the gate is opened.

    `lost` says why the gate was last lost, if it was: there the recording has a gap.
    """

    id: str
    state: RecordingState
    epoch: int
    granted_us: int
    caller_key: str
    agent_key: str
    began_us: int
    lost: str | None
    sealed_us: int | None
    suspended_us: int | None = None
    """Since when it is suspended: nothing captured from then on is taken."""
    opened_us: int = 0
    """Since when it is open without a pause: nothing captured before is taken any more."""
    first_epoch: int = 0
    """The epoch under which it was opened then; `epoch` rises without a pause, too."""


@table(name="chunk", index=(("call",), ("path",)), append_only=True, admits=ADMITTED)
class Chunk:
    """One piece of ciphertext: about a second of one party (16-bit samples, `rate` a second).

    It lies in the file `path` from `offset` on, `bytes` long with its tag. `first_sample` counts,
    at `rate`, from the moment the call's media was opened.
    """

    id: str
    call: str
    party: str
    epoch: int
    n: int
    key_id: str
    first_sample: int
    samples: int
    sha256: str
    bytes: int
    path: str
    captured_from_us: int
    at_us: int
    offset: int = 0
    rate: int = 8_000
    wrapped_key: str = ""
    """The chunk's own key under the track's (`vault.wrapped`); the first chunks had none."""


@table(name="chunk_gap", index=(("call",),), append_only=True)
class ChunkGap:
    """So much of one party is missing, and why.

    Under the id of a chunk: all of it was not taken, or, where that is a row, is erased since.
    With more behind that id: so much of it is silent.
    """

    id: str
    call: str
    party: str
    epoch: int
    n: int
    from_us: int
    until_us: int
    why: str
    at_us: int
