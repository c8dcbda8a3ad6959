"""The RTP headers (RFC 3550 section 5.1) of a whole batch of datagrams, as columns of numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.rtp import EXTENSION_HEADER, FIXED_HEADER, VERSION

FIXED_BYTES = FIXED_HEADER.size
PADDING, EXTENSION, CSRC_COUNT = 0x20, 0x10, 0x0F
MARKER, PAYLOAD_TYPE = 0x80, 0x7F

# The header as it lies on the wire, without CSRCs and extension: 12 bytes.
FIXED = np.dtype(
    [("first", "u1"), ("second", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")]
)


@dataclass(frozen=True, slots=True)
class Headers:
    """One row for each datagram. Where `valid` is false the rest says nothing, of a length 0."""

    valid: NDArray[np.bool_]
    payload_type: NDArray[np.uint8]
    marker: NDArray[np.bool_]
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    ssrc: NDArray[np.uint32]
    payload_offset: NDArray[np.int32]
    payload_length: NDArray[np.int32]


def parse(data: NDArray[np.uint8], lengths: NDArray[np.int32]) -> Headers:
    """Read uint8[n, stride], of which row i is a datagram of lengths[i] bytes.

    Valid is what `RtpPacket.parse` accepts. What lies behind the length of a row does not matter.
    """
    fixed = np.ascontiguousarray(data[:, :FIXED_BYTES]).view(FIXED)[:, 0]
    first: NDArray[np.uint8] = fixed["first"]
    second: NDArray[np.uint8] = fixed["second"]
    start = (FIXED_BYTES + 4 * (first & CSRC_COUNT)).astype(np.int32)
    end = lengths.astype(np.int32)
    valid = (first >> 6 == VERSION) & (start <= end)
    if (first & (EXTENSION | PADDING)).any():
        _skip_extension(data, end, valid, first, start)
        _cut_padding(data, end, valid, first)
        valid &= start <= end
    return Headers(
        valid=valid,
        payload_type=second & np.uint8(PAYLOAD_TYPE),
        marker=second >= MARKER,
        sequence=fixed["sequence"].astype(np.uint16),
        timestamp=fixed["timestamp"].astype(np.uint32),
        ssrc=fixed["ssrc"].astype(np.uint32),
        payload_offset=np.where(valid, start, 0),
        payload_length=np.where(valid, end - start, 0),
    )


def _skip_extension(
    data: NDArray[np.uint8],
    end: NDArray[np.int32],
    valid: NDArray[np.bool_],
    first: NDArray[np.uint8],
    start: NDArray[np.int32],
) -> None:
    """Move `start` behind extensions: RFC 3550 section 5.3.1."""
    rows = np.nonzero(valid & (first & EXTENSION > 0))[0]
    content = start[rows] + EXTENSION_HEADER.size
    whole = content <= end[rows]
    valid[rows[~whole]] = False
    rows, content = rows[whole], content[whole]
    words = data[rows, content - 2].astype(np.int32) << 8 | data[rows, content - 1]
    start[rows] = content + 4 * words


def _cut_padding(
    data: NDArray[np.uint8],
    end: NDArray[np.int32],
    valid: NDArray[np.bool_],
    first: NDArray[np.uint8],
) -> None:
    """Move `end` before the padding, whose last octet counts it: RFC 3550 section 5.1."""
    rows = np.nonzero(valid & (first & PADDING > 0))[0]
    padding = data[rows, end[rows] - 1]
    valid[rows[padding == 0]] = False
    end[rows] -= padding


def build(
    out: NDArray[np.uint8],
    *,
    payload_type: NDArray[np.uint8],
    marker: NDArray[np.bool_],
    sequence: NDArray[np.integer],
    timestamp: NDArray[np.integer],
    ssrc: NDArray[np.integer],
) -> None:
    """Write headers into the first 12 bytes of the rows of uint8[n, stride].

    Sequence numbers and timestamps are taken modulo 2^16 and 2^32.
    """
    fixed = np.empty(len(out), FIXED)
    fixed["first"] = VERSION << 6
    fixed["second"] = payload_type | np.where(marker, MARKER, 0).astype(np.uint8)
    fixed["sequence"] = sequence & 0xFFFF
    fixed["timestamp"] = timestamp & 0xFFFF_FFFF
    fixed["ssrc"] = ssrc
    out[:, :FIXED_BYTES] = fixed.view(np.uint8).reshape(len(out), FIXED_BYTES)


def sequence_deltas(later: NDArray[np.uint16], earlier: NDArray[np.uint16]) -> NDArray[np.int16]:
    """`later - earlier` modulo 2^16, as the nearest signed numbers."""
    return (later - earlier).view(np.int16)


def timestamp_deltas(later: NDArray[np.uint32], earlier: NDArray[np.uint32]) -> NDArray[np.int32]:
    """`later - earlier` modulo 2^32, as the nearest signed numbers."""
    return (later - earlier).view(np.int32)
