"""How sealed chunks stand one after the other in a file, so that a segment alone can be read.

    segment: magic, boot and number, then frames
    frame:   whose chunk this is (FRAME_BYTES, with a CRC-32), then its ciphertext and tag

Integers are big-endian, names are padded with NUL. A frame says in clear what the row of the
chunk says; what it says is only proved where the ciphertext opens under it (see `media.seal`).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

MAGIC = b"parley audio 1\n\0"
FRAME_MAGIC = b"\x8apc1"
NAME_BYTES_MAX = 64
TAG_BYTES = 16
SAMPLE_BYTES = 2

_HEADER = struct.Struct(">16s16sI")
# Length of the ciphertext, rate, epoch, n, first sample; call, party, key id.
_FRAME = struct.Struct(">4sIIIQQ64s64s64s")
_CHECK = struct.Struct(">I")
_PATH = re.compile(r"([0-9a-f]{16})-[0-9]{1,10}\.seg")

HEADER_BYTES = _HEADER.size
FRAME_BYTES = _FRAME.size + _CHECK.size


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands before a ciphertext of `length` bytes, its tag included."""

    call: str
    party: str
    key_id: str
    epoch: int
    n: int
    rate: int
    first_sample: int
    length: int


def path(boot: str, number: int) -> str:
    """The name of a segment: unguessable, as its boot is (16 hex digits)."""
    return f"{boot}-{number}.seg"


def boot_of(path: str) -> str | None:
    """The boot of the process which made this segment; None for the name of something else."""
    match = _PATH.fullmatch(path)
    return match[1] if match else None


def header(boot: str, number: int) -> bytes:
    return _HEADER.pack(MAGIC, boot.encode(), number)


def encode(frame: Frame) -> bytes:
    """FRAME_BYTES. ValueError for a name or a number which has no room there."""
    names = [name.encode() for name in (frame.call, frame.party, frame.key_id)]
    if max(map(len, names)) > NAME_BYTES_MAX:
        raise ValueError(f"a name is longer than {NAME_BYTES_MAX} bytes")
    numbers = (frame.length, frame.rate, frame.epoch, frame.n, frame.first_sample)
    try:
        fields = _FRAME.pack(FRAME_MAGIC, *numbers, *names)
    except struct.error as error:
        raise ValueError(f"a chunk cannot be numbered like this: {error}") from error
    return fields + _CHECK.pack(crc32(fields))


def decode(data: bytes) -> Frame | None:
    """The frame in FRAME_BYTES, or None where there is none."""
    if len(data) != FRAME_BYTES or not data.startswith(FRAME_MAGIC):
        return None
    if _CHECK.unpack_from(data, _FRAME.size) != (crc32(data[: _FRAME.size]),):
        return None
    _, length, rate, epoch, n, first_sample, *names = _FRAME.unpack_from(data)
    try:
        call, party, key_id = (name.rstrip(b"\0").decode() for name in names)
    except UnicodeDecodeError:
        return None
    return Frame(call, party, key_id, epoch, n, rate, first_sample, length)


def frames(data: bytes) -> Iterator[tuple[int, Frame]]:
    """Every whole chunk in a segment or a part of one: where its ciphertext begins, whose it is.

    What was erased or torn between two chunks is passed over.
    """
    at = 0
    while (at := data.find(FRAME_MAGIC, at)) >= 0:
        begin = at + FRAME_BYTES
        frame = decode(data[at:begin])
        if frame is None or begin + frame.length > len(data):
            at += 1
            continue
        yield begin, frame
        at = begin + frame.length
