"""The recording of a call as a file to be listened to: caller left, agent right."""

from dataclasses import fields
from pathlib import Path

import apsw

from parley import newly
from parley.plain import Key
from recordings import playing, vault
from recordings.audio_files import WRITERS
from recordings.heard import Vault
from recordings.rules import standing
from recordings.tables import Chunk, ChunkGap
from runtime.tables import select


class NothingToHear(LookupError):
    """There is no audio, and the message says why."""


def chunks_of(rows: apsw.Connection, call: str) -> list[vault.Chunk]:
    """The pieces of a recording that are to be heard."""
    names = [field.name for field in fields(vault.Chunk)]
    chunks = select(rows, Chunk, ("call",), (call,))
    found = standing(chunks, select(rows, ChunkGap, ("call",), (call,)))
    return [vault.Chunk(**{name: getattr(row, name) for name in names}) for row in found]


def write(
    rows: apsw.Connection, call: str, *, key: Key, recordings: Path, kind: str, path: Path
) -> list[str]:
    """As WAV or Opus. Answers the chunks that would not open; their place is silent."""
    chunks, opened = chunks_of(rows, call), Vault(recordings, key)
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
    if all(map(opened.is_erased, chunks)):
        return "its audio was erased: the keys are destroyed"
    return None
