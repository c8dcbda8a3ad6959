"""AES in counter mode with HMAC-SHA1: RFC 3711 sections 4.1.1 and 4.2.1."""

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from media.srtp.derivation import Keys
from media.srtp.errors import AuthenticationError, SrtpError
from media.srtp.packets import ENCRYPTED, INDEX_BYTES, RTCP_HEADER_BYTES

RTCP_TAG_BYTES = 10


class CounterMode:
    """Cipher and HMAC are set up once for a key: a packet costs a copy and a new counter."""

    def __init__(self, rtp: Keys, rtcp: Keys, tag_bytes: int) -> None:
        self._rtp, self._rtcp = _Half(rtp), _Half(rtcp)
        self._tag_bytes = tag_bytes

    def seal_rtp(self, packet: bytes, start: int, ssrc: int, index: int, mki: bytes) -> bytes:
        sealed = packet[:start] + self._rtp.crypt(packet[start:], ssrc, index)
        # RFC 3711 section 4.2: the rollover counter is authenticated, but not sent.
        tag = self._rtp.authenticate(sealed + (index >> 16).to_bytes(4))
        return sealed + mki + tag[: self._tag_bytes]

    def open_rtp(self, packet: bytes, start: int, ssrc: int, index: int, mki: int) -> bytes:
        end = len(packet) - self._tag_bytes - mki
        if end < start:
            raise SrtpError(f"SRTP packet of {len(packet)} bytes")
        sealed = packet[:end]
        tag = self._rtp.authenticate(sealed + (index >> 16).to_bytes(4))
        if not hmac.compare_digest(tag[: self._tag_bytes], packet[end + mki :]):
            raise AuthenticationError("SRTP packet of another key")
        return sealed[:start] + self._rtp.crypt(sealed[start:], ssrc, index)

    def seal_rtcp(self, packet: bytes, ssrc: int, index: int, mki: bytes) -> bytes:
        start = RTCP_HEADER_BYTES
        sealed = packet[:start] + self._rtcp.crypt(packet[start:], ssrc, index)
        sealed += (ENCRYPTED | index).to_bytes(INDEX_BYTES)
        return sealed + mki + self._rtcp.authenticate(sealed)[:RTCP_TAG_BYTES]

    def open_rtcp(self, packet: bytes, ssrc: int, mki: int) -> tuple[bytes, int]:
        start, end = RTCP_HEADER_BYTES, len(packet) - RTCP_TAG_BYTES - mki
        if end - INDEX_BYTES < start:
            raise SrtpError(f"SRTCP packet of {len(packet)} bytes")
        sealed, word = packet[: end - INDEX_BYTES], packet[end - INDEX_BYTES : end]
        tag = self._rtcp.authenticate(sealed + word)[:RTCP_TAG_BYTES]
        if not hmac.compare_digest(tag, packet[end + mki :]):
            raise AuthenticationError("SRTCP packet of another key")
        index = int.from_bytes(word)
        if not index & ENCRYPTED:
            return sealed, index
        index &= ~ENCRYPTED
        return sealed[:start] + self._rtcp.crypt(sealed[start:], ssrc, index), index


class _Half:
    """The keys of RTP, or those of RTCP, in use."""

    def __init__(self, keys: Keys) -> None:
        self._salt = int.from_bytes(keys.salt) << 16
        self._cipher = Cipher(AES(keys.encryption), CTR(bytes(16))).encryptor()
        self._hmac = hmac.new(keys.authentication, digestmod="sha1")

    def crypt(self, data: bytes, ssrc: int, index: int) -> bytes:
        """Encrypt or decrypt: the same sum with the key stream."""
        self._cipher.reset_nonce((self._salt ^ ssrc << 64 ^ index << 16).to_bytes(16))
        return self._cipher.update(data)

    def authenticate(self, data: bytes) -> bytes:
        keyed = self._hmac.copy()
        keyed.update(data)
        return keyed.digest()
