"""The reading side of the sealed audio: where a chunk lies, how it opens, how a track sounds.

Audio is 16-bit little-endian PCM at 8 or 16 kHz; sample 0 of a track is the instant its leg began.
"""

import base64
import binascii
import re
import struct
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.segment import boot_of
from recordings import segments
from recordings.segments import Range

SAMPLE_RATE = 8_000
RATES = (8_000, 16_000)
SAMPLE_BYTES = 2
KEY_BYTES = 32
NONCE_BYTES = 12
PARTIES = ("caller", "agent")
# A second of audio takes 32 KB; a minute is more than any setting of ours makes.
CHUNK_BYTES_MAX = 2 * 1024 * 1024
# Eight hours: a first_sample beyond it is an error of ours, not a call to make room for.
TRACK_S_MAX = 8 * 3_600

_FILE = re.compile(r"[A-Za-z0-9_-]{1,64}-[0-9]{1,10}-[0-9]{1,20}\.chunk")
_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,64}")


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
    path: str
    offset: int = 0
    rate: int = SAMPLE_RATE
    wrapped_key: str = ""

    @property
    def name(self) -> str:
        """What people are told it is."""
        return f"{self.call}/{self.party}-{self.epoch}-{self.n}"


def is_place(path: str) -> bool:
    """Whether chunks may lie there, below the directory of recordings and nowhere else.

    In a segment; or, as before there were segments, one in a file of its own.
    """
    folder, _, file = path.partition("/")
    alone = _FOLDER.fullmatch(folder) and _FILE.fullmatch(file)
    return boot_of(path) is not None or alone is not None


def read_chunk(recordings: Path, chunk: Chunk) -> bytes | None:
    """The ciphertext as it lies there, None where it does not. VaultError for no place of ours."""
    if not is_place(chunk.path) or chunk.offset < 0 or not 0 <= chunk.bytes <= CHUNK_BYTES_MAX:
        raise VaultError(f"chunk {chunk.name} cannot lie at {chunk.path!r}, {chunk.offset}")
    return segments.read(recordings, Range(chunk.path, chunk.offset, chunk.bytes))


def open_chunk(ciphertext: bytes, key: bytes, chunk: Chunk) -> bytes:
    """The PCM of a chunk, sealed with AES-256-GCM as exactly this piece of this track.

    `key` is the track's. The chunk's own lies in its row, wrapped under it; the first ones had
    none, and were sealed under the track's.
    """
    try:
        own = unwrapped(chunk.wrapped_key, key, bound(chunk)) if chunk.wrapped_key else key
        nonce = chunk.epoch.to_bytes(4, "big") + chunk.n.to_bytes(8, "big")
        pcm = AESGCM(own).decrypt(nonce, ciphertext, bound(chunk))
    except (InvalidTag, OverflowError, binascii.Error, ValueError) as error:
        raise VaultError(f"chunk {chunk.name} does not open with its key") from error
    if len(pcm) % SAMPLE_BYTES:
        raise VaultError(f"chunk {chunk.name} ends within a sample")
    return pcm


class Piece(Protocol):
    """What a chunk's ciphertext is bound to."""

    @property
    def call(self) -> str: ...
    @property
    def party(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def rate(self) -> int: ...


def bound(chunk: Piece) -> bytes:
    """The associated data of a chunk and of its key: call, party, epoch, n, and the rate."""
    place = f"{chunk.call}|{chunk.party}|{chunk.epoch}|{chunk.n}"
    # The first chunks had no other rate, and did not say it.
    return (place if chunk.rate == SAMPLE_RATE else f"{place}|{chunk.rate}").encode()


def wrapped(own: bytes, key: bytes, nonce: bytes, associated: bytes) -> str:
    """A chunk's own key under its track's: Base64 of the nonce (12 bytes, by chance) and a box."""
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, own, associated)).decode()


def unwrapped(text: str, key: bytes, associated: bytes) -> bytes:
    """The reverse. InvalidTag or ValueError where it is not that chunk's key."""
    data = base64.b64decode(text, validate=True)
    return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], associated)


def track_rate(chunks: Iterable[Chunk]) -> int:
    """The rate at which all of these can be put on one timeline: the highest of theirs."""
    rates = {chunk.rate for chunk in chunks}
    if not rates <= set(RATES):
        raise VaultError(f"a recording has {sorted(rates)} samples a second, not one of {RATES}")
    return max(rates, default=SAMPLE_RATE)


def raised(pcm: bytes, rate: int, to: int) -> bytes:
    """PCM at `to` samples a second, the same rate or twice it: between two samples their mean.

    Simple on purpose: whoever verifies a pack does the same, to the bit.
    """
    if rate == to:
        return pcm
    if 2 * rate != to:
        raise VaultError(f"{rate} samples a second cannot be made {to}")
    samples = array("h", pcm)
    both = array("h", bytes(2 * len(pcm)))
    both[0::2] = samples
    both[1::2] = array("h", map(_mean, samples, [*samples[1:], *samples[-1:]]))
    return both.tobytes()


def _mean(one: int, other: int) -> int:
    return (one + other) >> 1


def track_samples(chunks: Iterable[Chunk], rate: int) -> int:
    """How many samples, at `rate`, a timeline needs to hold all of these."""
    ends = ((chunk.first_sample + chunk.samples) * (rate // chunk.rate) for chunk in chunks)
    return max(ends, default=0)


def timeline(chunks: Iterable[tuple[int, bytes]], samples: int, rate: int) -> bytearray:
    """A track of `samples`, from (first sample, PCM) pairs. Gaps are silent, later pairs win."""
    if not 0 <= samples <= TRACK_S_MAX * rate:
        raise VaultError(f"a track of {samples} samples is longer than {TRACK_S_MAX} s")
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


def wav_header(pcm_bytes: int, channels: int, rate: int) -> bytes:
    """The 44 bytes before the PCM of a canonical RIFF WAVE file."""
    frame = channels * SAMPLE_BYTES
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, 16)
    riff = b"RIFF" + struct.pack("<I", 36 + pcm_bytes) + b"WAVE"
    return riff + b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", pcm_bytes)


def old_calls(directory: Path) -> list[str]:
    """The calls of before there were segments: each has a folder, and a file for each chunk."""
    folders = (path for path in directory.glob("*/") if not path.is_symlink())
    return sorted(path.name for path in folders if _FOLDER.fullmatch(path.name))


def purge_orphans(directory: Path, call: str, known: Collection[str], before_us: int) -> list[str]:
    """Delete the files of such a call whose path is not in `known`. Answers what was deleted.

    A file changed at or after `before_us` is left alone: its row may still be on the way.
    """
    orphans = [
        path
        for path in sorted((directory / call).glob("*.chunk"))
        if _is_chunk_file(path)
        and f"{call}/{path.name}" not in known
        and path.stat().st_mtime_ns < before_us * 1_000
    ]
    for path in orphans:
        path.unlink()
    return [f"{call}/{path.name}" for path in orphans]


def _is_chunk_file(path: Path) -> bool:
    plain = path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
    return plain and _FILE.fullmatch(path.name) is not None
