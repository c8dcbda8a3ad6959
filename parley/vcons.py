"""The vCon of one call, gathered from the store at one moment."""

import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha512
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import apsw

from conversation.tables import Turn
from parley import newly, proving
from parley.plain import Key, Plain, fields_of, opened
from parley.record import record
from parley.sounding import chunks_of, why_silent
from recordings import playing, vault
from recordings.audio_files import MEDIATYPES, SUFFIXES, WRITERS
from recordings.heard import CLOCK, Vault, joined, silences
from recordings.rules import CARD_NUMBER
from recordings.vcon.conversation import Body, Conversation, Gap, LogProof, Track
from recordings.vcon.history import HIDDEN
from recordings.vcon.values import base64url, hash_token
from runtime.keystore import KeyDestroyed
from runtime.tables import select
from sessions.imported_tables import ImportedPart

INLINE_BYTES_MAX = 64 * 1024 * 1024
"""Of audio within a vCon: it is in memory several times over while it is signed."""

PIECE_BYTES = 1024 * 1024

_PASSPORT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

Write = Callable[[BinaryIO], None]


class TooMuchAudio(ValueError):
    """It does not fit into a vCon."""


class Shelf(Protocol):
    """Where the audio goes."""

    def keep(self, name: str, write: Write) -> Body:
        """Have it written there, and say what the vCon tells of it."""
        ...

    def clear(self) -> None:
        """Nothing came of it."""
        ...


class Inline:
    """Into the vCon itself."""

    def __init__(self) -> None:
        self._left = INLINE_BYTES_MAX

    def keep(self, name: str, write: Write) -> Body:
        file = _Bounded(self._left)
        write(file)
        content = file.getvalue()
        self._left -= len(content)
        return Body(_hash(io.BytesIO(content)), base64url=base64url(content))

    def clear(self) -> None:
        """Nothing of it is anywhere else."""


@dataclass(slots=True)
class Beside:
    """Into files of `folder`, which the recipient is to find below the address `url`."""

    folder: Path
    url: str
    written: list[Path] = field(default_factory=list[Path])

    def keep(self, name: str, write: Write) -> Body:
        path = self.folder / name
        with newly.made(path) as file:
            write(file)
            file.flush()
            file.seek(0)
            found = _hash(file)
        self.written.append(path)
        return Body(found, url=f"{self.url.rstrip('/')}/{name}")

    def clear(self) -> None:
        for path in self.written:
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Gathered:
    """`silent` says why it has no audio, where it has none; `unproved` likewise of the log."""

    told: Conversation
    silent: str | None
    unreadable: list[str]
    unproved: str | None


def gather(
    rows: apsw.Connection,
    call: str,
    *,
    key: Key,
    recordings: Path,
    verifier_key: str,
    uuid: str,
    created_us: int,
    audio: str,
    shelf: Shelf,
) -> Gathered:
    """Of a call that is sealed. TooMuchAudio where the shelf has no room for it."""
    found = record(rows, key, call)
    chunks = chunks_of(rows, call)
    opened = Vault(recordings, key)
    silent = why_silent(chunks, opened)
    tracks = [] if silent else _tracks(chunks, opened, audio, uuid, shelf)
    proof, unproved = _proof(rows, call, verifier_key)
    turns = sorted(select(rows, Turn, ("call",), (call,)), key=lambda one: (one.began_us, one.id))
    told = Conversation(
        uuid=uuid,
        created_us=created_us,
        record=found,
        turns=[_turn(turn, key) for turn in turns],
        tracks=tracks,
        gaps=[*_gaps(chunks, opened), *_refused(found)],
        proof=proof,
        passport=_passport(found),
        are_words_gone=_is_gone(key, found["call"]["words_key"]),
        imported=found["imported"],
        claimed=_claimed(rows, call, key),
    )
    return Gathered(told, silent, sorted(opened.unreadable), unproved)


def _turn(turn: Turn, key: Key) -> Plain:
    """As a plain row, whose cause names the key that was pressed, where that can be read."""
    cause = turn.cause
    if turn.digit is not None:
        cause = f"{cause}:{opened(turn.digit, key) or HIDDEN}"
    return {**fields_of(turn, "digit"), "cause": cause}


def _tracks(
    chunks: list[vault.Chunk], opened: Vault, audio: str, uuid: str, shelf: Shelf
) -> list[Track]:
    span = playing.recorded(chunks)
    found: list[Track] = []
    for party in vault.PARTIES:
        own = [chunk for chunk in chunks if chunk.party == party]
        name = f"{uuid}-{party}.{SUFFIXES[audio]}"

        def write(file: BinaryIO, own: list[vault.Chunk] = own) -> None:
            WRITERS[audio](file, playing.mono(own, opened.read, span), span, 1)

        found.append(
            Track(
                party=party,
                start_us=_begins_us(chunks),
                duration_us=(span.end - span.begin) * 1_000_000 // span.rate,
                mediatype=MEDIATYPES[audio],
                filename=name,
                body=shelf.keep(name, write),
            )
        )
    return found


def _begins_us(chunks: list[vault.Chunk]) -> int:
    """When the first sample was heard that was recorded."""
    return min(chunks, key=lambda one: one.first_sample / one.rate).captured_from_us


def _gaps(chunks: list[vault.Chunk], opened: Vault) -> list[Gap]:
    if not chunks:
        return []
    begins_us = _begins_us(chunks)
    first = min(one.first_sample * (CLOCK // one.rate) for one in chunks)
    return [
        Gap(
            gap.party,
            begins_us + (gap.begin - first) * 1_000_000 // CLOCK,
            (gap.end - gap.begin) * 1_000_000 // CLOCK,
            gap.why,
        )
        for gap in joined(silences(chunks, opened))
    ]


def _refused(found: Plain) -> list[Gap]:
    """Pieces of audio that came and were not taken, or were destroyed since."""
    recording = found["recording"] or {"gaps": ()}
    return [
        Gap(
            gap["party"],
            gap["from_us"],
            gap["until_us"] - gap["from_us"],
            "shredded" if gap["why"] == CARD_NUMBER else "not_taken",
            gap["why"],
        )
        for gap in recording["gaps"]
    ]


def _proof(
    rows: apsw.Connection, call: str, verifier_key: str
) -> tuple[LogProof | None, str | None]:
    try:
        proof = proving.of_entry(rows, proving.last_entry(rows, call))
    except proving.NotProved as why:
        return None, str(why)
    return LogProof(proof.text, verifier_key, proof.stamp), None


def _claimed(rows: apsw.Connection, call: str, key: Key) -> list[Plain]:
    """What the vCon of a call of others says of why it may be kept."""
    found: list[Plain] = []
    for part in select(rows, ImportedPart, ("call",), (call,)):
        if part.kind == "attachment" and part.purpose == "lawful_basis" and part.body is not None:
            text = opened(part.body, key)
            found += [] if text is None else [json.loads(text)]
    return found


def _is_gone(key: Key, key_id: str) -> bool:
    try:
        key(key_id)
    except KeyDestroyed:
        return True
    return False


def _passport(found: Plain) -> str | None:
    """The first token of an Identity header (RFC 8224), which stands before its parameters."""
    headers: Sequence[str] = (found["identity"] or {"identity": ()})["identity"]
    tokens = (header.partition(";")[0].strip() for header in headers)
    return next((token for token in tokens if _PASSPORT.fullmatch(token)), None)


class _Bounded(io.BytesIO):
    def __init__(self, left: int) -> None:
        super().__init__()
        self._left = left

    def write(self, data: Any, /) -> int:
        if self.tell() + memoryview(data).nbytes > self._left:
            raise TooMuchAudio(
                f"more than {INLINE_BYTES_MAX // 1024 // 1024} MB of audio do not go into a vCon:"
                " --external URL keeps it in files beside, --audio opus makes it smaller"
            )
        return super().write(data)


def _hash(file: BinaryIO) -> str:
    digest = sha512()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return hash_token(digest.digest())
