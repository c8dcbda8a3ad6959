"""Session keys from a master key (RFC 3711 section 4.3; for 256 bits RFC 6188, for GCM RFC 7714).

The key derivation rate is 0, as RFC 4568 has it unless it is told otherwise: keys are derived once.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

RTP_LABELS = (0, 1, 2)
RTCP_LABELS = (3, 4, 5)
"""Of encryption, authentication and salt: RFC 3711 section 4.3.2."""

AUTHENTICATION_BYTES = 20


@dataclass(frozen=True, slots=True)
class Keys:
    """The session keys of one direction, for RTP or for RTCP."""

    encryption: bytes
    authentication: bytes
    salt: bytes


def session_keys(key: bytes, salt: bytes, labels: tuple[int, int, int]) -> Keys:
    """Derived from master key and salt; the salt of GCM has 12 octets instead of 14."""
    encryption, authentication, salting = labels
    return Keys(
        derive(key, salt, encryption, len(key)),
        derive(key, salt, authentication, AUTHENTICATION_BYTES),
        derive(key, salt, salting, len(salt)),
    )


def derive(key: bytes, salt: bytes, label: int, length: int) -> bytes:
    """`length` octets of the key stream for a label: RFC 3711 section 4.3.3."""
    # A short salt is filled up at its end: RFC 7714 section 11.
    start = int.from_bytes(salt.ljust(14, b"\0")) ^ label << 48
    cipher = Cipher(AES(key), CTR((start << 16).to_bytes(16)))
    return cipher.encryptor().update(bytes(length))
