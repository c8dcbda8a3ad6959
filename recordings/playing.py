"""A recording as it sounds, a second at a time: tracks out of chunks, mixed on the fly.

Sample 0 is the instant the call's media began, as in an evidence pack, and a call takes the same
memory however long it was. Silence stands where nothing was sealed, or will not open.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from recordings import vault
from recordings.vault import PARTIES, SAMPLE_BYTES, Chunk, VaultError

BLOCK_S = 1

Read = Callable[[Chunk], bytes | None]
"""The PCM of a chunk at its own rate; None where there is none to be had."""


class Span(NamedTuple):
    """From one sample to before another, at `rate` samples a second."""

    begin: int
    end: int
    rate: int

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Its seconds, the last one shorter."""
        step = BLOCK_S * self.rate
        for begin in range(self.begin, self.end, step):
            yield begin, min(begin + step, self.end)


def whole(chunks: Sequence[Chunk]) -> Span:
    """From the beginning of the call's media to its last sample."""
    rate = vault.track_rate(chunks)
    samples = vault.track_samples(chunks, rate)
    if not 0 <= samples <= vault.TRACK_S_MAX * rate:
        raise VaultError(f"a track of {samples} samples is longer than {vault.TRACK_S_MAX} s")
    return Span(0, samples, rate)


def recorded(chunks: Sequence[Chunk]) -> Span:
    """From the first sample that was recorded, of whichever party."""
    full = whole(chunks)
    first = min((one.first_sample * (full.rate // one.rate) for one in chunks), default=0)
    return full._replace(begin=first)


def stereo(chunks: Sequence[Chunk], read: Read, span: Span) -> Iterator[bytes]:
    """Caller left, agent right."""
    sides = (mono([c for c in chunks if c.party == party], read, span) for party in PARTIES)
    for left, right in zip(*sides, strict=True):
        yield vault.stereo(left, right)


def mono(chunks: Iterable[Chunk], read: Read, span: Span) -> Iterator[bytes]:
    """One party. Where two chunks meet, that of the later epoch and number is heard."""
    waiting = sorted(chunks, key=lambda one: _begin(one, span.rate), reverse=True)
    sounding: list[tuple[Chunk, bytes]] = []
    for begin, end in span.blocks():
        while waiting and _begin(waiting[-1], span.rate) < end:
            chunk = waiting.pop()
            pcm = read(chunk)
            if pcm is not None:
                sounding.append((chunk, vault.raised(pcm, chunk.rate, span.rate)))
        block = bytearray((end - begin) * SAMPLE_BYTES)
        for chunk, pcm in sorted(sounding, key=lambda one: (one[0].epoch, one[0].n)):
            _place(block, (_begin(chunk, span.rate) - begin) * SAMPLE_BYTES, pcm)
        yield bytes(block)
        sounding = [
            (chunk, pcm)
            for chunk, pcm in sounding
            if _begin(chunk, span.rate) + len(pcm) // SAMPLE_BYTES > end
        ]


def _begin(chunk: Chunk, rate: int) -> int:
    return chunk.first_sample * (rate // chunk.rate)


def _place(block: bytearray, at: int, pcm: bytes) -> None:
    """As much of the PCM as falls into the block; `at` is in bytes, and may be before it."""
    begin, end = max(0, at), min(len(block), at + len(pcm))
    if begin < end:
        block[begin:end] = pcm[begin - at : end - at]
