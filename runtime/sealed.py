"""Personal data as ciphertext: what the log, the rows and the backups see of it."""

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """AES-256-GCM under a key of the keystore: `box` is nonce (12) || ciphertext || tag (16)."""

    key_id: str
    box: bytes

    def __repr__(self) -> str:
        return f"<sealed {self.key_id}>"


def seal(text: str, key_id: str, key: bytes, nonce: bytes) -> Sealed:
    """Seal `text` under `key` (32 bytes). A nonce (12 random bytes) serves once per key."""
    assert len(nonce) == NONCE_BYTES, "AES-GCM takes a nonce of 96 bits"
    return Sealed(key_id, nonce + AESGCM(key).encrypt(nonce, text.encode(), key_id.encode()))


def unseal(sealed: Sealed, key: bytes) -> str:
    """The plaintext. Raises cryptography's InvalidTag for another key or a changed box."""
    nonce, box = sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:]
    return AESGCM(key).decrypt(nonce, box, sealed.key_id.encode()).decode()


def to_json(sealed: Sealed) -> dict[str, list[str]]:
    """As it stands in the log: `{"$sealed": [key id, base64]}`."""
    return {"$sealed": [sealed.key_id, base64.b64encode(sealed.box).decode()]}


def from_json(value: dict[str, list[str]]) -> Sealed:
    """The inverse of `to_json`."""
    key_id, box = value["$sealed"]
    return Sealed(key_id, base64.b64decode(box, validate=True))
