"""A chunk without what must not be kept: opened in memory, silenced, and sealed again elsewhere.

It goes to a segment of the node's own, under a key of its own. The first ciphertext is nobody's
then: its key is forgotten, and its place is erased.
"""

import os
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from threading import Lock

import numpy as np

from media import recorder
from media.appending import Appender
from media.recorder import Track
from media.seal import KEY_BYTES, seal_into, sealed_bytes
from media.segment import FRAME_BYTES
from recordings import vault
from recordings.clearance import Span
from recordings.tables import Chunk

BOOT_BYTES = 8


class Silencer:
    """Blocks on the disk; may be used by several threads."""

    def __init__(self, recordings: Path) -> None:
        self._recordings = recordings
        self._lock = Lock()
        self._appender: Appender | None = None

    def silenced(self, chunk: Chunk, own: bytes, cuts: Iterable[Span]) -> tuple[Chunk, bytes]:
        """The row and the key of the same chunk, silent there. `own` is the key it had.

        VaultError where it does not open, OSError where the disk does not take it.
        """
        read = vault.Chunk(**{f.name: getattr(chunk, f.name) for f in fields(vault.Chunk)})
        ciphertext = vault.read_chunk(self._recordings, read)
        if ciphertext is None:
            raise vault.VaultError(f"chunk {chunk.id} is not there")
        pcm = vault.open_chunk(ciphertext, own, read)
        samples = np.frombuffer(pcm, "<i2").astype(np.int16)
        for cut in cuts:
            begin, end = _places(chunk, cut)
            samples[begin:end] = 0
        return self._again(chunk, samples)

    def _again(self, chunk: Chunk, samples: np.typing.NDArray[np.int16]) -> tuple[Chunk, bytes]:
        track = Track(chunk.party, chunk.key_id)
        place = (chunk.epoch, chunk.n, chunk.first_sample, samples, chunk.rate)
        piece = recorder.Chunk(chunk.call, track, *place)
        room = memoryview(bytearray(FRAME_BYTES + sealed_bytes(piece)))
        key = os.urandom(KEY_BYTES)
        sha256 = seal_into(piece, key, room)
        with self._lock:
            if self._appender is None:
                self._appender = Appender(self._recordings, os.urandom(BOOT_BYTES).hex())
            path, begin = self._appender.append(room)
        return replace(chunk, path=path, offset=begin + FRAME_BYTES, sha256=sha256), key


def _places(chunk: Chunk, cut: Span) -> tuple[int, int]:
    """From which sample of the chunk to before which: whole ones, outwards."""
    begin, end = (us - chunk.captured_from_us for us in cut)
    return max(0, begin * chunk.rate // 1_000_000), max(0, -(-end * chunk.rate // 1_000_000))
