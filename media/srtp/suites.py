"""The crypto suites, by their names in SDP."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from media.srtp.counter_mode import CounterMode
from media.srtp.derivation import Keys
from media.srtp.gcm import Gcm


class Transform(Protocol):
    """Seals and opens packets of one direction, by SSRC and packet index."""

    def seal_rtp(self, packet: bytes, start: int, ssrc: int, index: int, mki: bytes) -> bytes:
        """The sealed packet; `start` is the length of the header, `index` of 48 bits."""
        ...

    def open_rtp(self, packet: bytes, start: int, ssrc: int, index: int, mki: int) -> bytes:
        """The packet as it was. SrtpError if it is too short, or not sealed with these keys.

        `mki` is the length of the identifier that is left out.
        """
        ...

    def seal_rtcp(self, packet: bytes, ssrc: int, index: int, mki: bytes) -> bytes: ...

    def open_rtcp(self, packet: bytes, ssrc: int, mki: int) -> tuple[bytes, int]:
        """The packet as it was, and its index of 31 bits. SrtpError as above."""
        ...


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    key_bytes: int
    salt_bytes: int
    transform: Callable[[Keys, Keys], Transform]
    """From the session keys for RTP and for RTCP."""

    @property
    def master_bytes(self) -> int:
        """Key and salt together, as SDP carries them."""
        return self.key_bytes + self.salt_bytes


# RFC 4568 section 6.2: the tag of RTCP has 80 bits also where that of RTP has 32.
SUITES = {
    suite.name: suite
    for suite in (
        Suite("AES_CM_128_HMAC_SHA1_80", 16, 14, partial(CounterMode, tag_bytes=10)),
        Suite("AES_CM_128_HMAC_SHA1_32", 16, 14, partial(CounterMode, tag_bytes=4)),
        Suite("AES_256_CM_HMAC_SHA1_80", 32, 14, partial(CounterMode, tag_bytes=10)),
        Suite("AES_256_CM_HMAC_SHA1_32", 32, 14, partial(CounterMode, tag_bytes=4)),
        Suite("AEAD_AES_128_GCM", 16, 12, Gcm),
        Suite("AEAD_AES_256_GCM", 32, 12, Gcm),
    )
}
