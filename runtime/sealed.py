"""Personal data as ciphertext: what the log, the rows and the backups see of it."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
SALT_BYTES = 16
_TEXT, _BYTES = b"t", b"b"

T = TypeVar("T", str, bytes)


@dataclass(frozen=True, slots=True)
class Sealed(Generic[T]):
    """AES-256-GCM under a key of the keystore, and a commitment to what is inside.

    `box` is nonce (12) || ciphertext || tag (16) of the opening: salt (16) || kind (1) || value.
    `commitment` is the SHA-256 of the opening. It can be shown to an auditor without the key;
    the salt is inside, so once the key is destroyed nobody can guess what was committed to.
    """

    key_id: str
    box: bytes
    commitment: bytes

    def __repr__(self) -> str:
        return f"<sealed {self.key_id}>"


def seal(value: T, key_id: str, key: bytes, entropy: Callable[[int], bytes]) -> Sealed[T]:
    """Seal text or bytes under `key` (32 bytes); nonce and salt are drawn from `entropy`."""
    nonce, salt = entropy(NONCE_BYTES), entropy(SALT_BYTES)
    kind, data = (_TEXT, value.encode()) if isinstance(value, str) else (_BYTES, value)
    opening = salt + kind + data
    box = nonce + AESGCM(key).encrypt(nonce, opening, key_id.encode())
    return Sealed(key_id, box, sha256(opening).digest())


def unseal(sealed: Sealed[T], key: bytes) -> T:
    """The plaintext. Raises cryptography's InvalidTag for another key or a changed box,
    ValueError where the commitment is to something else."""
    nonce, box = sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:]
    opening = AESGCM(key).decrypt(nonce, box, sealed.key_id.encode())
    if not compare_digest(sha256(opening).digest(), sealed.commitment):
        raise ValueError(f"{sealed!r} does not hold what was committed to")
    kind, data = opening[SALT_BYTES : SALT_BYTES + 1], opening[SALT_BYTES + 1 :]
    return data.decode() if kind == _TEXT else data  # type: ignore[return-value]


def to_json(sealed: Sealed[T]) -> dict[str, list[str]]:
    """As it stands in the log: `{"$sealed": [key id, base64 of box, base64 of commitment]}`."""
    box, commitment = base64.b64encode(sealed.box), base64.b64encode(sealed.commitment)
    return {"$sealed": [sealed.key_id, box.decode(), commitment.decode()]}


def from_json(value: dict[str, list[str]]) -> "Sealed[str]":
    """The inverse of `to_json`; who reads it knows whether text or bytes are inside."""
    key_id, box, commitment = value["$sealed"]
    return Sealed(
        key_id,
        base64.b64decode(box, validate=True),
        base64.b64decode(commitment, validate=True),
    )
