"""What may be a piece of a recording: one gate's audio, of while it was open without a pause."""

from collections.abc import Iterable

from recordings.tables import Chunk, ChunkGap, Recording, RecordingState

SECOND_US = 1_000_000

CARD_NUMBER = "card number"
"""Why something is not there that was recorded, and must not be kept."""


def ends_us(chunk: Chunk) -> int:
    """When the last sample of a chunk was captured."""
    return chunk.captured_from_us + chunk.samples * SECOND_US // chunk.rate


def standing(chunks: Iterable[Chunk], gaps: Iterable[ChunkGap]) -> list[Chunk]:
    """The chunks that are still to be heard: of one that was shredded, a gap says so."""
    gone = {gap.id for gap in gaps}
    return [chunk for chunk in chunks if chunk.id not in gone]


def why_not(recording: Recording, chunk: Chunk) -> str | None:
    """Why a chunk may not be sealed now; none where it may.

    Epochs follow each other without a pause where a codec changes or a process dies: the last
    chunk of the one before is still taken. Once the recording was paused and went on, or whoever
    agreed to it has withdrawn, it is not.
    """
    if recording.state is RecordingState.SEALED or chunk.epoch > recording.epoch:
        return f"no gate is open under epoch {chunk.epoch} of {chunk.call}"
    if chunk.epoch < recording.first_epoch:
        return f"chunk {chunk.id} is of an epoch that is over"
    if chunk.captured_from_us < recording.opened_us:
        return f"chunk {chunk.id} began before its gate was opened"
    if recording.suspended_us is not None and ends_us(chunk) > recording.suspended_us:
        return f"chunk {chunk.id} goes on after the recording was suspended"
    return None
