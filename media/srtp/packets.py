"""What SRTP has to know of a packet before it is opened, and what it adds to RTCP."""

from media.rtp import FIXED_HEADER, VERSION
from media.srtp.errors import SrtpError

RTCP_HEADER_BYTES = 8
INDEX_BYTES = 4
ENCRYPTED = 0x8000_0000
"""The E flag before the 31 bits of an SRTCP index: RFC 3711 section 3.4."""


def rtp_header(packet: bytes) -> tuple[int, int, int]:
    """Sequence number, SSRC, and how long the header is with CSRCs and extension. SrtpError."""
    if len(packet) < FIXED_HEADER.size or packet[0] >> 6 != VERSION:
        raise SrtpError("no RTP packet")
    start = FIXED_HEADER.size + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    if start > len(packet):
        raise SrtpError("RTP header truncated")
    return int.from_bytes(packet[2:4]), int.from_bytes(packet[8:12]), start


def rtcp_ssrc(packet: bytes) -> int:
    """Whom the first packet of a compound is from. SrtpError if it is no RTCP."""
    if len(packet) < RTCP_HEADER_BYTES or packet[0] >> 6 != VERSION:
        raise SrtpError("no RTCP packet")
    return int.from_bytes(packet[4:8])
