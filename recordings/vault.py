"""The reading side of the sealed audio: where a chunk lies, how it opens, how a track sounds.

Audio is 16-bit little-endian PCM at 8 kHz; sample 0 of a track is the instant its leg began.
"""

import re
import struct
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SAMPLE_RATE = 8_000
SAMPLE_BYTES = 2
SAMPLE_US = 1_000_000 // SAMPLE_RATE
KEY_BYTES = 32
PARTIES = ("caller", "agent")
# Eight hours: a first_sample beyond it is an error of ours, not a call to make room for.
TRACK_SAMPLES_MAX = 8 * 3_600 * SAMPLE_RATE
EPOCH_MAX = 2**32 - 1
N_MAX = 2**64 - 1

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(r"[A-Za-z0-9_-]{1,64}-[0-9]{1,10}-[0-9]{1,20}\.chunk")


class VaultError(ValueError):
    """Sealed audio that cannot be what its row says."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The row of one sealed piece of one track. `sha256` and `bytes` are of the ciphertext."""

    call: str
    party: str
    epoch: int
    n: int
    key_id: str
    first_sample: int
    samples: int
    sha256: str
    bytes: int
    at_us: int
    captured_from_us: int

    @property
    def path(self) -> str:
        """Where the ciphertext lies, below the directory of recordings."""
        return chunk_path(self.call, self.party, self.epoch, self.n)


def chunk_path(call: str, party: str, epoch: int, n: int) -> str:
    if not _NAME.fullmatch(call) or not _NAME.fullmatch(party):
        raise VaultError(f"{call!r}, {party!r} cannot name a file")
    if not 0 <= epoch <= EPOCH_MAX or not 0 <= n <= N_MAX:
        raise VaultError(f"no chunk has epoch {epoch} and number {n}")
    return f"{call}/{party}-{epoch}-{n}.chunk"


def open_chunk(
    ciphertext: bytes, key: bytes, *, call: str, party: str, epoch: int, n: int
) -> bytes:
    """The PCM of a chunk, sealed with AES-256-GCM as exactly this piece of this track."""
    nonce = epoch.to_bytes(4, "big") + n.to_bytes(8, "big")
    try:
        pcm = AESGCM(key).decrypt(nonce, ciphertext, f"{call}|{party}|{epoch}|{n}".encode())
    except InvalidTag as error:
        raise VaultError(f"chunk {call}/{party}-{epoch}-{n} does not open with its key") from error
    if len(pcm) % SAMPLE_BYTES:
        raise VaultError(f"chunk {call}/{party}-{epoch}-{n} ends within a sample")
    return pcm


def track_samples(chunks: Iterable[Chunk]) -> int:
    """How many samples a timeline needs to hold all of these."""
    return max((chunk.first_sample + chunk.samples for chunk in chunks), default=0)


def timeline(chunks: Iterable[tuple[int, bytes]], samples: int) -> bytearray:
    """A track of `samples`, from (first sample, PCM) pairs. Gaps are silent, later pairs win."""
    if not 0 <= samples <= TRACK_SAMPLES_MAX:
        raise VaultError(f"a track of {samples} samples is longer than {TRACK_SAMPLES_MAX}")
    track = bytearray(samples * SAMPLE_BYTES)
    for first_sample, pcm in chunks:
        place(track, first_sample, pcm)
    return track


def place(track: bytearray, first_sample: int, pcm: bytes) -> None:
    """Put the PCM where it belongs on the track."""
    start = first_sample * SAMPLE_BYTES
    # A slice that reached past the end would quietly make the track longer.
    if start < 0 or start + len(pcm) > len(track):
        raise VaultError(f"a chunk at sample {first_sample} lies outside its track")
    track[start : start + len(pcm)] = pcm


def stereo(left: bytes | bytearray, right: bytes | bytearray) -> bytes:
    """Two tracks of equal length, sample by sample."""
    both = array("h", bytes(len(left) + len(right)))
    both[0::2] = array("h", bytes(left))
    both[1::2] = array("h", bytes(right))
    return both.tobytes()


def wav_header(pcm_bytes: int, channels: int) -> bytes:
    """The 44 bytes before the PCM of a canonical RIFF WAVE file."""
    frame = channels * SAMPLE_BYTES
    form = struct.pack("<HHIIHH", 1, channels, SAMPLE_RATE, SAMPLE_RATE * frame, frame, 16)
    riff = b"RIFF" + struct.pack("<I", 36 + pcm_bytes) + b"WAVE"
    return riff + b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", pcm_bytes)


def purge_orphans(directory: Path, known: Collection[str], before_us: int) -> list[str]:
    """Delete the chunk files without a row in `known`; the paths that were deleted.

    A crash between the file and its row leaves such a file. A file changed at or after
    `before_us` is left alone: its row may still be on the way.
    """
    orphans = [
        path
        for path in sorted(directory.glob("*/*.chunk"))
        if _is_chunk_file(path)
        and path.relative_to(directory).as_posix() not in known
        and path.stat().st_mtime_ns < before_us * 1_000
    ]
    for path in orphans:
        path.unlink()
    return [path.relative_to(directory).as_posix() for path in orphans]


def _is_chunk_file(path: Path) -> bool:
    plain = path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
    return plain and _FILE.fullmatch(path.name) is not None
