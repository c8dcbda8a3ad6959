"""How a chunk is sealed: its cipher, its nonce, its name; what the sealer is told and tells."""

import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.recorder import Chunk
from media.units import pcm

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
    """The chunk is on disk. `path` is relative to the folder of recordings."""

    job: SealJob
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SealFailed:
    job: SealJob
    reason: str


def nonce(chunk: Chunk) -> bytes:
    """Never used twice: the gate's epoch rises at every opening, n within it."""
    return NONCE.pack(chunk.epoch, chunk.n)


def associated_data(chunk: Chunk) -> bytes:
    return f"{chunk.call}|{chunk.track.party}|{chunk.epoch}|{chunk.n}".encode()


def seal(chunk: Chunk) -> bytes:
    """Ciphertext and tag of the chunk's L16 little-endian samples: AES-256-GCM."""
    cipher = AESGCM(chunk.track.key)
    return cipher.encrypt(nonce(chunk), pcm(chunk.samples), associated_data(chunk))


def chunk_path(chunk: Chunk) -> str:
    return f"{chunk.call}/{chunk.track.party}-{chunk.epoch}-{chunk.n}.chunk"
