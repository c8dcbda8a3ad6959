"""The sending end of a stream: seals packets under indexes that it is given."""

from media.srtp.derivation import RTCP_LABELS, RTP_LABELS, session_keys
from media.srtp.packets import rtcp_ssrc, rtp_header
from media.srtp.suites import Suite, Transform

INDEX_END = 1 << 48
RTCP_INDEX_END = 1 << 31


def transform(suite: Suite, master: bytes) -> Transform:
    """The suite with the keys of one direction. ValueError for a master of another length."""
    if len(master) != suite.master_bytes:
        raise ValueError(f"{suite.name} has a master of {suite.master_bytes} bytes")
    key, salt = master[: suite.key_bytes], master[suite.key_bytes :]
    rtp, rtcp = session_keys(key, salt, RTP_LABELS), session_keys(key, salt, RTCP_LABELS)
    return suite.transform(rtp, rtcp)


class Sender:
    """One stream with one SSRC.

    Indexes only ever grow, also across a restart: two packets under one index give away the
    difference of what is in them, and with GCM the key of its tags.
    """

    def __init__(self, suite: Suite, master: bytes, mki: bytes = b"") -> None:
        self._transform = transform(suite, master)
        self._mki = mki
        self._last = self._rtcp_last = -1

    def protect(self, packet: bytes, index: int) -> bytes:
        """Seal RTP. `index` is ROC << 16 | sequence number; ValueError if it was used before."""
        sequence, ssrc, start = rtp_header(packet)
        if sequence != index & 0xFFFF or not self._last < index < INDEX_END:
            raise ValueError(f"SRTP index {index} for sequence {sequence} after {self._last}")
        self._last = index
        return self._transform.seal_rtp(packet, start, ssrc, index, self._mki)

    def protect_rtcp(self, packet: bytes, index: int) -> bytes:
        """Seal a compound of RTCP under an index of 31 bits; ValueError if it was used before."""
        ssrc = rtcp_ssrc(packet)
        if not self._rtcp_last < index < RTCP_INDEX_END:
            raise ValueError(f"SRTCP index {index} after {self._rtcp_last}")
        self._rtcp_last = index
        return self._transform.seal_rtcp(packet, ssrc, index, self._mki)
