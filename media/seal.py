"""How a chunk is sealed: its cipher, its nonce, its frame; what the sealer is told and tells.

Each chunk has a key of its own, which is in memory only until the node knows that the chunk may
be kept: its row has that key, wrapped under the track's. Without a row, nobody can open it.
"""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.recorder import Chunk
from media.segment import FRAME_BYTES, SAMPLE_BYTES, TAG_BYTES, Frame, encode
from media.units import SAMPLE_RATE

KEY_BYTES = 32
NONCE = struct.Struct(">IQ")


@dataclass(frozen=True, slots=True)
class SealJob:
    leg: str
    chunk: Chunk
    at_us: int  # When the chunk's first sample was heard, microseconds UTC.


@dataclass(frozen=True, slots=True)
class GateMark:
    """Follows the last job of a gate through the sealer, so that its end is told last."""

    leg: str
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The chunk is on disk: `size` bytes at `offset` of a segment in the folder of recordings.

    `key` is the chunk's own, and nowhere else.
    """

    job: SealJob
    path: str
    size: int
    sha256: str
    key: bytes = field(repr=False)
    offset: int = 0

    @property
    def rate(self) -> int:
        return self.job.chunk.rate


@dataclass(frozen=True, slots=True)
class SealFailed:
    job: SealJob
    reason: str


def nonce(chunk: Chunk) -> bytes:
    """Which chunk of its track it is: the gate's epoch rises at every opening, n within it."""
    return NONCE.pack(chunk.epoch, chunk.n)


def associated_data(chunk: Chunk) -> bytes:
    """Call, party, epoch and n; and the rate, where it is not the 8 kHz of the first chunks."""
    place = f"{chunk.call}|{chunk.track.party}|{chunk.epoch}|{chunk.n}"
    return (place if chunk.rate == SAMPLE_RATE else f"{place}|{chunk.rate}").encode()


def sealed_bytes(chunk: Chunk) -> int:
    """How long the ciphertext of a chunk is, with its tag."""
    return SAMPLE_BYTES * len(chunk.samples) + TAG_BYTES


def seal_into(chunk: Chunk, key: bytes, room: memoryview) -> str:
    """Write frame, ciphertext and tag of the chunk's L16 little-endian samples: AES-256-GCM.

    `key` seals this chunk and nothing else. `room` begins with FRAME_BYTES for the frame and
    sealed_bytes after them. Answers the SHA-256 of the ciphertext, in hex. ValueError for a chunk
    which has no frame.
    """
    end = FRAME_BYTES + sealed_bytes(chunk)
    room[:FRAME_BYTES] = encode(frame_of(chunk))
    # The samples as they lie in memory: a copy would cost as much as the cipher.
    samples = np.ascontiguousarray(chunk.samples, "<i2").view(np.uint8).data
    AESGCM(key).encrypt_into(nonce(chunk), samples, associated_data(chunk), room[FRAME_BYTES:end])
    return hashlib.sha256(room[FRAME_BYTES:end]).hexdigest()


def frame_of(chunk: Chunk) -> Frame:
    track = chunk.track
    numbers = (chunk.epoch, chunk.n, chunk.rate, chunk.first_sample, sealed_bytes(chunk))
    return Frame(chunk.call, track.party, track.key_id, *numbers)
