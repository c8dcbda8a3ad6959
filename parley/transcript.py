"""The words of a call, as readers see them: plain data."""

import json

import apsw

from parley.plain import Key, Plain, fields_of, opened
from recordings.tables import Chunk
from runtime.tables import select
from sessions.tables import Call
from transcripts.effective import effective, revised
from transcripts.tables import Revision, Segment


class NoOriginal(LookupError):
    """The words as they were said are not there, or not to be seen; the message says why."""


def segments(rows: apsw.Connection, key: Key, call: str) -> list[Plain]:
    """Every segment in the order of the call. What a destroyed key sealed is None, and `erased`."""
    changes = revised(select(rows, Revision, ("call",), (call,)))
    return [_segment(segment, changes.get(segment.id, []), key) for segment in in_order(rows, call)]


def in_order(rows: apsw.Connection, call: str) -> list[Segment]:
    found = select(rows, Segment, ("call",), (call,))
    return sorted(found, key=lambda one: (one.start_us, one.id))


def _segment(segment: Segment, changes: list[Revision], key: Key) -> Plain:
    text = opened(effective(segment, changes), key)
    words = None
    # Once the text was changed, the times are of words that are not shown.
    if segment.words is not None and not changes:
        words = opened(segment.words, key)
    return {
        **fields_of(segment, "call", "words"),
        "text": text,
        "erased": text is None,
        "words": None if words is None else json.loads(words),
        "revisions": [_revision(one, key) for one in changes],
    }


def _revision(row: Revision, key: Key) -> Plain:
    why = opened(row.why, key)
    return {**fields_of(row, "id", "call", "segment", "text"), "why": why}


def originals(rows: apsw.Connection, key: Key, call: str) -> dict[str, str]:
    """Of each segment that was changed, its words as they were kept.

    Raises NoOriginal where something was destroyed: nothing that is left would be the original.
    """
    changes = revised(select(rows, Revision, ("call",), (call,)))
    found: dict[str, str] = {}
    for segment in in_order(rows, call):
        if segment.destroyed:
            kinds = ", ".join(one.partition(":")[0].replace("_", " ") for one in segment.destroyed)
            raise NoOriginal(
                f"{segment.id} has no original: what was said there ({kinds}) was never kept;"
                " leave out --original"
            )
        text = opened(segment.text, key)
        if text is None:
            raise NoOriginal(f"the words of {call} are erased: their key is not here")
        if segment.id in changes:
            found[segment.id] = text
    return found


def with_originals(shown: list[Plain], found: dict[str, str]) -> list[Plain]:
    """The segments with the words that were kept in the place of what came later."""
    return [{**one, "text": found.get(one["id"], one["text"])} for one in shown]


def begins_us(rows: apsw.Connection, call: Call, shown: list[Plain]) -> int:
    """When the audio of the call begins; without any, when the first words were said."""
    chunks = select(rows, Chunk, ("call",), (call.id,))
    if chunks:
        first = min(chunks, key=lambda chunk: chunk.captured_from_us)
        return first.captured_from_us - first.first_sample * 1_000_000 // first.rate
    starts: list[int] = [one["start_us"] for one in shown]
    return min(starts, default=call.answered_us or call.offered_us)
