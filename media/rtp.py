"""RTP packets and the arithmetic of their counters (RFC 3550)."""

import struct
from dataclasses import dataclass

from media.units import FRAME_SAMPLES, FRAME_US

VERSION = 2
FIXED_HEADER = struct.Struct(">BBHII")
EXTENSION_HEADER = struct.Struct(">HH")


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None

    @classmethod
    def parse(cls, data: bytes) -> "RtpPacket":
        """Read one datagram. ValueError if it is no RTP packet."""
        if len(data) < FIXED_HEADER.size:
            raise ValueError(f"RTP header truncated: {len(data)} bytes")
        first, second, sequence, timestamp, ssrc = FIXED_HEADER.unpack_from(data)
        if first >> 6 != VERSION:
            raise ValueError(f"RTP version {first >> 6}")
        end = _without_padding(data) if first & 0x20 else len(data)
        start = FIXED_HEADER.size
        csrcs: tuple[int, ...] = ()
        if count := first & 0x0F:
            csrcs, start = _csrcs(data, start, count)
        extension = None
        if first & 0x10:
            extension, start = _extension(data, start)
        if start > end:
            raise ValueError("RTP padding overlaps the header")
        return cls(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=data[start:end],
            marker=second > 0x7F,
            csrcs=csrcs,
            extension=extension,
        )

    def serialize(self) -> bytes:
        """The packet as it goes on the wire, without padding."""
        first = VERSION << 6 | len(self.csrcs) | (0x10 if self.extension else 0)
        second = self.payload_type | (0x80 if self.marker else 0)
        header = FIXED_HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc)
        if self.csrcs:
            header += struct.pack(f">{len(self.csrcs)}I", *self.csrcs)
        if self.extension is not None:
            profile, content = self.extension
            assert len(content) % 4 == 0, "an RTP extension is counted in 32-bit words"
            header += EXTENSION_HEADER.pack(profile, len(content) // 4) + content
        return header + self.payload


def _csrcs(data: bytes, start: int, count: int) -> tuple[tuple[int, ...], int]:
    end = start + 4 * count
    if end > len(data):
        raise ValueError("RTP CSRC list truncated")
    return struct.unpack_from(f">{count}I", data, start), end


def _extension(data: bytes, start: int) -> tuple[tuple[int, bytes], int]:
    """RFC 3550 section 5.3.1: a profile-defined word, then a length in 32-bit words."""
    content = start + EXTENSION_HEADER.size
    if content > len(data):
        raise ValueError("RTP extension truncated")
    profile, words = EXTENSION_HEADER.unpack_from(data, start)
    end = content + 4 * int(words)
    if end > len(data):
        raise ValueError("RTP extension truncated")
    return (int(profile), data[content:end]), end


def _without_padding(data: bytes) -> int:
    """RFC 3550 section 5.1: the last octet counts the padding, itself included."""
    padding = data[-1]
    if padding == 0 or padding > len(data) - FIXED_HEADER.size:
        raise ValueError(f"RTP padding of {padding} octets")
    return len(data) - padding


def sequence_delta(later: int, earlier: int) -> int:
    """`later - earlier` modulo 2^16, as the nearest signed number."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def timestamp_delta(later: int, earlier: int) -> int:
    """`later - earlier` modulo 2^32, as the nearest signed number."""
    return ((later - earlier + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


@dataclass(frozen=True, slots=True)
class RtpClock:
    """Sequence number and timestamp as functions of the wall clock.

    Nothing is counted, so a restarted process goes on in the same stream.
    """

    sequence_base: int
    timestamp_base: int
    epoch: int  # Microseconds UTC.
    frame_ticks: int = FRAME_SAMPLES
    """What the timestamp grows by in 20 ms."""

    def n(self, now: int) -> int:
        """How many 20 ms frames lie between the epoch and `now`; negative before the epoch."""
        return (now - self.epoch) // FRAME_US

    def sequence(self, now: int) -> int:
        return (self.sequence_base + self.n(now)) & 0xFFFF

    def timestamp(self, now: int) -> int:
        return (self.timestamp_base + self.frame_ticks * self.n(now)) & 0xFFFF_FFFF
