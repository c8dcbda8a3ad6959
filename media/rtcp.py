"""RTCP (RFC 3550 section 6): what ends tell each other about a stream.

What comes in is hostile: counted before it is read, and skipped where it is of no use to us.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

VERSION = 2
PADDING = 0x20
COUNT = 0x1F
SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, BYE = 200, 201, 202, 203
CNAME = 1

COMPOUND_BYTES_MAX = 2_048
PACKETS_MAX = 16
"""In one compound. A mixer of 31 sources and more sends several compounds instead."""

BLOCKS_MAX = 31
TEXT_BYTES_MAX = 255

HEADER = struct.Struct(">BBH")
WORD = struct.Struct(">I")
SENDER_INFO = struct.Struct(">IQIII")
BLOCK = struct.Struct(">IIIIII")

NTP_EPOCH_S = 2_208_988_800
"""From 1900 to 1970."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How a stream arrives: RFC 3550 section 6.4.1."""

    ssrc: int
    fraction_lost: int
    """Of 256, since the last report."""

    lost: int
    """Packets since the beginning; negative where some came twice."""

    highest: int
    """The highest sequence number, with its rounds before it."""

    jitter: int
    """In ticks of the RTP clock."""

    last_sr: int = 0
    """The middle 32 bits of the time of the last sender report, 0 where there was none."""

    since_last_sr: int = 0
    """In 1/65536 of a second."""

    def serialize(self) -> bytes:
        lost = max(-0x80_0000, min(self.lost, 0x7F_FFFF)) & 0xFF_FFFF
        words = (self.highest, self.jitter, self.last_sr, self.since_last_sr)
        return BLOCK.pack(self.ssrc, self.fraction_lost << 24 | lost, *words)


@dataclass(frozen=True, slots=True)
class SenderReport:
    """RFC 3550 section 6.4.1. `ntp` as of `ntp_from_us`."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()

    def serialize(self) -> bytes:
        """Counters as they are: they wrap around at 2^32."""
        counted = (self.packets & 0xFFFF_FFFF, self.octets & 0xFFFF_FFFF)
        info = SENDER_INFO.pack(self.ssrc, self.ntp, self.timestamp & 0xFFFF_FFFF, *counted)
        return _packet(SENDER_REPORT, len(self.blocks), info + _joined(self.blocks))


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RFC 3550 section 6.4.2: of one who has sent nothing."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()

    def serialize(self) -> bytes:
        body = WORD.pack(self.ssrc) + _joined(self.blocks)
        return _packet(RECEIVER_REPORT, len(self.blocks), body)


@dataclass(frozen=True, slots=True)
class Description:
    """The canonical name of a source: RFC 3550 section 6.5."""

    ssrc: int
    cname: str

    def serialize(self) -> bytes:
        text = self.cname.encode()[:TEXT_BYTES_MAX]
        item = WORD.pack(self.ssrc) + bytes([CNAME, len(text)]) + text
        # The items end with one to four zeros, at a multiple of four octets.
        return _packet(DESCRIPTION, 1, item + bytes(4 - len(item) % 4))


@dataclass(frozen=True, slots=True)
class Bye:
    """Sources that end: RFC 3550 section 6.6."""

    ssrcs: tuple[int, ...]
    reason: str = ""

    def serialize(self) -> bytes:
        body = b"".join(map(WORD.pack, self.ssrcs))
        if self.reason:
            text = self.reason.encode()[:TEXT_BYTES_MAX]
            body += bytes([len(text)]) + text
        return _packet(BYE, len(self.ssrcs), body + bytes(-len(body) % 4))


Packet: TypeAlias = SenderReport | ReceiverReport | Description | Bye


def compound(*packets: Packet) -> bytes:
    """One datagram: a report first, as RFC 3550 section 6.1 has it, and then the others."""
    assert isinstance(packets[0], SenderReport | ReceiverReport), "a compound begins with a report"
    return b"".join(packet.serialize() for packet in packets)


def parse(data: bytes) -> list[Packet]:
    """Read a compound. ValueError if it is none; packets of other types are left out."""
    packets: list[Packet] = []
    for count, kind, body in _split(data):
        if kind == SENDER_REPORT:
            packets.append(_sender_report(count, body))
        elif kind == RECEIVER_REPORT:
            packets.append(ReceiverReport(_word(body, 0), _blocks(count, body[4:])))
        elif kind == DESCRIPTION:
            packets += _descriptions(count, body)
        elif kind == BYE:
            packets.append(_bye(count, body))
    return packets


def ntp_from_us(us: int) -> int:
    """Microseconds since 1970 as an NTP timestamp of 64 bits, in 2^-32 of a second since 1900."""
    seconds, rest = divmod(us, 1_000_000)
    return (seconds + NTP_EPOCH_S & 0xFFFF_FFFF) << 32 | (rest << 32) // 1_000_000


def ntp_middle(ntp: int) -> int:
    """The 32 bits of an NTP timestamp that reports echo: 1/65536 of a second."""
    return ntp >> 16 & 0xFFFF_FFFF


def round_trip_us(now: int, block: ReportBlock) -> int | None:
    """How long a report and its echo took, at `now` in microseconds since 1970.

    None where the block echoes nothing, or what it says cannot be: RFC 3550 section 6.4.1.
    """
    if not block.last_sr:
        return None
    units = ntp_middle(ntp_from_us(now)) - block.last_sr - block.since_last_sr & 0xFFFF_FFFF
    # Half of the range and above is negative: the clocks of both ends are not that exact.
    return None if units >= 1 << 31 else units * 1_000_000 >> 16


def _packet(kind: int, count: int, body: bytes) -> bytes:
    assert count <= BLOCKS_MAX, "RTCP counts with five bits"
    return HEADER.pack(VERSION << 6 | count, kind, len(body) // 4) + body


def _joined(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(block.serialize() for block in blocks)


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Count, type and body of each packet: RFC 3550 appendix A.2."""
    if len(data) > COMPOUND_BYTES_MAX:
        raise ValueError(f"RTCP compound of {len(data)} bytes")
    start = 0
    for number in range(PACKETS_MAX):
        if start + HEADER.size > len(data):
            raise ValueError("RTCP packet truncated")
        first, kind, words = HEADER.unpack_from(data, start)
        if first >> 6 != VERSION:
            raise ValueError(f"RTCP version {first >> 6}")
        if number == 0 and kind not in (SENDER_REPORT, RECEIVER_REPORT):
            raise ValueError("RTCP compound does not begin with a report")
        end = start + HEADER.size + 4 * int(words)
        if end > len(data):
            raise ValueError("RTCP packet truncated")
        body = data[start + HEADER.size : end]
        if first & PADDING:
            body = _without_padding(body, last=end == len(data))
        yield first & COUNT, kind, body
        if end == len(data):
            return
        start = end
    raise ValueError(f"RTCP compound of more than {PACKETS_MAX} packets")


def _without_padding(body: bytes, *, last: bool) -> bytes:
    if not last or not body or not 0 < body[-1] <= len(body):
        raise ValueError("RTCP padding")
    return body[: -body[-1]]


def _word(body: bytes, start: int) -> int:
    if start + WORD.size > len(body):
        raise ValueError("RTCP packet truncated")
    (word,) = WORD.unpack_from(body, start)
    return int(word)


def _sender_report(count: int, body: bytes) -> SenderReport:
    if len(body) < SENDER_INFO.size:
        raise ValueError("RTCP sender report truncated")
    ssrc, ntp, timestamp, packets, octets = SENDER_INFO.unpack_from(body)
    blocks = _blocks(count, body[SENDER_INFO.size :])
    return SenderReport(ssrc, ntp, timestamp, packets, octets, blocks)


def _blocks(count: int, body: bytes) -> tuple[ReportBlock, ...]:
    if count * BLOCK.size > len(body):
        raise ValueError("RTCP report block truncated")
    return tuple(map(_block, BLOCK.iter_unpack(body[: count * BLOCK.size])))


def _block(words: tuple[int, ...]) -> ReportBlock:
    ssrc, lost, *rest = words
    return ReportBlock(ssrc, lost >> 24, (lost & 0xFF_FFFF ^ 0x80_0000) - 0x80_0000, *rest)


def _descriptions(count: int, body: bytes) -> Iterator[Description]:
    """The canonical names among the items of each chunk."""
    start = 0
    for _ in range(count):
        ssrc = _word(body, start)
        start += WORD.size
        while (kind := _octet(body, start)) != 0:
            length = _octet(body, start + 1)
            text = body[start + 2 : start + 2 + length]
            if len(text) < length:
                raise ValueError("RTCP description truncated")
            if kind == CNAME:
                yield Description(ssrc, text.decode(errors="replace"))
            start += 2 + length
        start += 4 - start % 4


def _octet(body: bytes, place: int) -> int:
    if place >= len(body):
        raise ValueError("RTCP description truncated")
    return body[place]


def _bye(count: int, body: bytes) -> Bye:
    ssrcs = tuple(_word(body, 4 * n) for n in range(count))
    rest = body[4 * count :]
    reason = rest[1 : 1 + rest[0]] if rest else b""
    if rest and len(reason) < rest[0]:
        raise ValueError("RTCP reason truncated")
    return Bye(ssrcs, reason.decode(errors="replace"))
