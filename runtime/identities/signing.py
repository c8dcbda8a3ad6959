"""What an identity signs, and how anybody checks it: Ed25519 (RFC 8032), HMAC-SHA256 (RFC 2104).

The same bytes are signed with the identity's key, or authenticated with the key of a login.
"""

import base64
import binascii
import hmac
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runtime import canonical
from runtime.log import Entry

VERSION = 1
SIGNATURE_BYTES = 64
MAC_KEY_BYTES = 32
_MAC_PURPOSE = b"parley login mac "

Proof = dict[str, str]
"""Kept in the entry: {"identity", "key", "sig"}, the last two base64; or {"login"}, an id."""


def message(
    origin: str,
    identity: str,
    reducer: str,
    *,
    scope: str | None,
    request: str,
    args: dict[str, Any],
) -> bytes:
    """The bytes that stand for one action: canonical JSON (RFC 8785) of all that it does.

    `origin` is the log's name, `args` are plain values. Raises ValueError or TypeError for
    what a log entry could not hold.
    """
    asked = {
        "v": VERSION,
        "log": origin,
        "identity": identity,
        "reducer": reducer,
        "scope": scope,
        "request": request,
        "args": args,
    }
    return canonical.encode(asked)


def sign(key: Ed25519PrivateKey, data: bytes) -> str:
    """The signature of `message(...)`, base64."""
    return base64.b64encode(key.sign(data)).decode()


def verify(key: bytes, data: bytes, signature: str) -> bool:
    """Whether `signature` (base64) over `data` was made with the public `key` (32 bytes)."""
    try:
        raw = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(key).verify(raw, data)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    # Stray bits in the last character would give one signature two spellings.
    return base64.b64encode(raw).decode() == signature


def proof_of(identity: str, key: bytes, signature: str) -> Proof:
    """What an entry keeps of a signed action."""
    return {"identity": identity, "key": base64.b64encode(key).decode(), "sig": signature}


def is_proof(proof: Proof, identity: str, key: bytes, data: bytes) -> bool:
    """Whether it says of these bytes that this identity signed them with this key."""
    expected = proof_of(identity, key, proof.get("sig", ""))
    return proof == expected and verify(key, data, expected["sig"])


def verify_entry(entry: Entry, key: bytes, origin: str) -> None:
    """Check a signed entry of the log, from the entry alone and the identity's public key.

    The key stands in the log too: in the entry that registered the identity. Raises ValueError
    where the entry is not exactly what the identity signed.
    """
    data = message(
        origin,
        entry.actor,
        entry.reducer,
        scope=entry.scope,
        request=entry.request or "",
        args=entry.args,
    )
    if entry.proof is None or "sig" not in entry.proof:
        raise ValueError(f"entry {entry.seq} bears no signature")
    if not is_proof(entry.proof, entry.actor, key, data):
        raise ValueError(f"entry {entry.seq} is not what {entry.actor} signed with this key")


def mac_key(secret: bytes, login: str) -> bytes:
    """The key of a login: 32 bytes from the server's secret (HKDF, RFC 5869); never stored."""
    info = _MAC_PURPOSE + login.encode()
    return HKDF(algorithm=SHA256(), length=MAC_KEY_BYTES, salt=None, info=info).derive(secret)


def mac(key: bytes, data: bytes) -> str:
    """HMAC-SHA256 of `message(...)` under the key of a login, base64."""
    return base64.b64encode(hmac.digest(key, data, "sha256")).decode()


def verify_mac(key: bytes, data: bytes, given: str) -> bool:
    """Whether `given` (base64) is that MAC. Takes the same time whatever differs."""
    return hmac.compare_digest(mac(key, data).encode(), given.encode("utf-8", "replace"))
