"""The chunks of a call as sound: read from the vault, opened, and told where they will not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from recordings import vault
from recordings.vault import PARTIES, Chunk, VaultError
from runtime.keystore import KeyDestroyed

Key = Callable[[str], bytes]
"""The key of an id: raises KeyDestroyed."""


class Why(StrEnum):
    """Why a track is silent somewhere."""

    GATE_CLOSED = "gate_closed"
    NOT_SEALED = "not_sealed"
    UNREADABLE = "unreadable"
    ERASED = "erased"


class Silence(NamedTuple):
    """In samples of 16 kHz, from the beginning of the call's media."""

    party: str
    begin: int
    end: int
    why: Why


CLOCK = 16_000
"""The rate of which all rates of ours are a part."""


class Vault:
    """Opens the chunks of one call, and keeps in mind which would not."""

    def __init__(self, recordings: Path, key: Key) -> None:
        self._recordings, self._key = recordings, key
        self._keys: dict[str, bytes | None] = {}
        self.unreadable: set[str] = set()
        """Names of chunks whose key is here, and which are missing or changed."""

    def is_erased(self, chunk: Chunk) -> bool:
        return self._key_of(chunk) is None

    def read(self, chunk: Chunk) -> bytes | None:
        key = self._key_of(chunk)
        if key is None:
            return None
        try:
            ciphertext = vault.read_chunk(self._recordings, chunk)
            pcm = None if ciphertext is None else vault.open_chunk(ciphertext, key, chunk)
        except VaultError:
            pcm = None
        if pcm is None or len(pcm) != chunk.samples * vault.SAMPLE_BYTES:
            self.unreadable.add(chunk.name)
            return None
        return pcm

    def _key_of(self, chunk: Chunk) -> bytes | None:
        if chunk.key_id not in self._keys:
            try:
                self._keys[chunk.key_id] = self._key(chunk.key_id)
            except KeyDestroyed:
                self._keys[chunk.key_id] = None
        return self._keys[chunk.key_id]


def silences(chunks: Sequence[Chunk], opened: Vault) -> Iterator[Silence]:
    """Where nothing is to be heard, between the first chunk and the last, and why.

    What could not be read is known once the tracks were read.
    """
    begin, end = min(map(_begin, chunks), default=0), max(map(_end, chunks), default=0)
    for party in PARTIES:
        track = sorted((c for c in chunks if c.party == party), key=_begin)
        first, last = (_begin(track[0]), _end(track[-1])) if track else (end, end)
        if begin < first:
            yield Silence(party, begin, first, Why.NOT_SEALED)
        if last < end:
            yield Silence(party, last, end, Why.NOT_SEALED)
        for chunk in track:
            if opened.is_erased(chunk):
                yield Silence(party, _begin(chunk), _end(chunk), Why.ERASED)
            elif chunk.name in opened.unreadable:
                yield Silence(party, _begin(chunk), _end(chunk), Why.UNREADABLE)
        for one, other in pairwise(track):
            if _end(one) < _begin(other):
                why = Why.NOT_SEALED if one.epoch == other.epoch else Why.GATE_CLOSED
                yield Silence(party, _end(one), _begin(other), why)


def joined(found: Iterable[Silence]) -> list[Silence]:
    """What follows at once, for the same reason, is one silence."""
    whole: list[Silence] = []
    for one in sorted(found):
        last = whole[-1] if whole else None
        if last and (last.party, last.end, last.why) == (one.party, one.begin, one.why):
            whole[-1] = last._replace(end=one.end)
        else:
            whole.append(one)
    return whole


def _begin(chunk: Chunk) -> int:
    return chunk.first_sample * (CLOCK // chunk.rate)


def _end(chunk: Chunk) -> int:
    return (chunk.first_sample + chunk.samples) * (CLOCK // chunk.rate)
