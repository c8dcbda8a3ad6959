"""The recording of a call as a file to be listened to: caller left, agent right."""

from dataclasses import fields
from pathlib import Path

import apsw

from parley import newly
from parley.plain import Key
from recordings import playing, vault
from recordings.audio_files import WRITERS
from recordings.heard import Vault
from recordings.tables import Chunk, ChunkGap
from runtime.tables import select


class NothingToHear(LookupError):
    """There is no audio, and the message says why."""


def chunks_of(rows: apsw.Connection, call: str) -> list[vault.Chunk]:
    names = [field.name for field in fields(vault.Chunk)]
    found = select(rows, Chunk, ("call",), (call,))
    return [vault.Chunk(**{name: getattr(row, name) for name in names}) for row in found]


def shredded_of(rows: apsw.Connection, call: str) -> set[str]:
    """The names of chunks that are rows, and were destroyed by themselves since."""
    gaps = {one.id for one in select(rows, ChunkGap, ("call",), (call,))}
    return {
        f"{one.call}/{one.party}-{one.epoch}-{one.n}"
        for one in select(rows, Chunk, ("call",), (call,))
        if one.id in gaps
    }


def write(
    rows: apsw.Connection, call: str, *, key: Key, recordings: Path, kind: str, path: Path
) -> list[str]:
    """As WAV or Opus. Answers the chunks that would not open; their place is silent."""
    chunks = chunks_of(rows, call)
    opened = Vault(recordings, key, shredded_of(rows, call))
    if why := why_silent(chunks, opened):
        raise NothingToHear(f"{call}: {why}")
    span = playing.whole(chunks)
    with newly.made(path) as file:
        WRITERS[kind](file, playing.stereo(chunks, opened.read, span), span, 2)
    return sorted(opened.unreadable)


def why_silent(chunks: list[vault.Chunk], opened: Vault) -> str | None:
    """Why there is nothing to hear at all; none where there is something."""
    if not chunks:
        return "nothing was recorded"
    if all(opened.is_shredded(one) or opened.is_erased(one) for one in chunks):
        return "its audio was erased: the keys are destroyed"
    return None
