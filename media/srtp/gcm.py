"""AES in Galois/Counter Mode: RFC 7714 sections 8 and 9."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.srtp.derivation import Keys
from media.srtp.errors import AuthenticationError, SrtpError
from media.srtp.packets import ENCRYPTED, INDEX_BYTES, RTCP_HEADER_BYTES

TAG_BYTES = 16
IV_BYTES = 12


class Gcm:
    def __init__(self, rtp: Keys, rtcp: Keys) -> None:
        self._rtp, self._rtcp = AESGCM(rtp.encryption), AESGCM(rtcp.encryption)
        self._rtp_salt, self._rtcp_salt = int.from_bytes(rtp.salt), int.from_bytes(rtcp.salt)

    def seal_rtp(self, packet: bytes, start: int, ssrc: int, index: int, mki: bytes) -> bytes:
        header, iv = packet[:start], _iv(self._rtp_salt, ssrc, index)
        return header + self._rtp.encrypt(iv, packet[start:], header) + mki

    def open_rtp(self, packet: bytes, start: int, ssrc: int, index: int, mki: int) -> bytes:
        header, sealed = packet[:start], packet[start : len(packet) - mki]
        iv = _iv(self._rtp_salt, ssrc, index)
        return header + _opened(self._rtp, iv, sealed, header)

    def seal_rtcp(self, packet: bytes, ssrc: int, index: int, mki: bytes) -> bytes:
        header, word = packet[:RTCP_HEADER_BYTES], (ENCRYPTED | index).to_bytes(INDEX_BYTES)
        iv = _iv(self._rtcp_salt, ssrc, index)
        return (
            header + self._rtcp.encrypt(iv, packet[RTCP_HEADER_BYTES:], header + word) + word + mki
        )

    def open_rtcp(self, packet: bytes, ssrc: int, mki: int) -> tuple[bytes, int]:
        end = len(packet) - mki - INDEX_BYTES
        if end < RTCP_HEADER_BYTES + TAG_BYTES:
            raise SrtpError(f"SRTCP packet of {len(packet)} bytes")
        word = packet[end : end + INDEX_BYTES]
        index = int.from_bytes(word) & ~ENCRYPTED
        iv = _iv(self._rtcp_salt, ssrc, index)
        if int.from_bytes(word) & ENCRYPTED:
            header = packet[:RTCP_HEADER_BYTES]
            sealed = packet[RTCP_HEADER_BYTES:end]
            return header + _opened(self._rtcp, iv, sealed, header + word), index
        # RFC 7714 section 9.3: only authenticated, with nothing encrypted before the tag.
        clear = packet[: end - TAG_BYTES]
        _opened(self._rtcp, iv, packet[end - TAG_BYTES : end], clear + word)
        return clear, index


def _iv(salt: int, ssrc: int, index: int) -> bytes:
    """RFC 7714 sections 8.1 and 9.1: two octets of zeros, SSRC, and 48 bits of packet index."""
    return (salt ^ ssrc << 48 ^ index).to_bytes(IV_BYTES)


def _opened(cipher: AESGCM, iv: bytes, sealed: bytes, beside: bytes) -> bytes:
    if len(sealed) < TAG_BYTES:
        raise SrtpError(f"{len(sealed)} bytes hold no tag of GCM")
    try:
        return cipher.decrypt(iv, sealed, beside)
    except InvalidTag:
        raise AuthenticationError("SRTP packet of another key") from None
