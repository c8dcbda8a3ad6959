"""Signed checkpoints of the log: C2SP tlog-checkpoint in a C2SP signed note, Ed25519."""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from runtime.merkle import HASH_BYTES

TEXT_BYTES_MAX = 16 * 1024
SIGNATURES_MAX = 16
SIZE_MAX = 2**63 - 1
_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_KEY_BYTES = 32
_SIZE = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)
# C2SP signed-note: a key name is not empty and holds neither white space nor a plus.
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE_LINE = re.compile(r"\u2014 ([^\s+]+) ([0-9A-Za-z+/=]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first `size` leaves of the log named `origin` have this `root`."""

    origin: str
    size: int
    root: bytes


def sign(origin: str, size: int, root: bytes, key: Ed25519PrivateKey) -> str:
    """The signed note."""
    if not _NAME.fullmatch(origin) or not 0 <= size <= SIZE_MAX or len(root) != HASH_BYTES:
        raise ValueError(f"not a checkpoint: {origin!r}, {size}, {len(root)} bytes of root")
    body = f"{origin}\n{size}\n{_base64(root)}\n"
    signature = _key_id(origin, key.public_key()) + key.sign(body.encode())
    return f"{body}\n\u2014 {origin} {_base64(signature)}\n"


def parse(text: str) -> Checkpoint:
    """What the note claims, its signatures unread. ValueError when it is not a checkpoint."""
    return _parse_body(_split(text)[0])


def verify(text: str, origin: str, key: Ed25519PublicKey) -> Checkpoint:
    """What the note claims, now known to be signed by `key`. ValueError otherwise."""
    body, signatures = _split(text)
    checkpoint = _parse_body(body)
    if checkpoint.origin != origin:
        raise ValueError(f"the checkpoint is of log {checkpoint.origin!r}, not {origin!r}")
    for name, signature in signatures:
        # Lines of other keys are witnesses: C2SP says to ignore those that are not known.
        if name == origin and signature[:_KEY_ID_BYTES] == _key_id(origin, key):
            _verify_signature(key, signature[_KEY_ID_BYTES:], body)
            return checkpoint
    raise ValueError(f"the checkpoint bears no signature of {origin!r} with this key")


def verifier_key(origin: str, key: Ed25519PublicKey) -> str:
    """The vkey line of C2SP signed-note: name, key id, key."""
    if not _NAME.fullmatch(origin):
        raise ValueError(f"{origin!r} cannot name a key")
    return f"{origin}+{_key_id(origin, key).hex()}+{_base64(_ED25519 + key.public_bytes_raw())}"


def parse_verifier_key(text: str) -> tuple[str, Ed25519PublicKey]:
    """Origin and key of a vkey line. ValueError when it is not one."""
    # Base64 may hold a plus of its own.
    origin, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _unbase64(encoded)
    if not _NAME.fullmatch(origin) or len(raw) != 1 + _KEY_BYTES or raw[:1] != _ED25519:
        raise ValueError("not an Ed25519 verifier key")
    key = Ed25519PublicKey.from_public_bytes(raw[1:])
    if key_id != _key_id(origin, key).hex():
        raise ValueError("the id of the verifier key does not fit its name and key")
    return origin, key


def private_key_to_pem(key: Ed25519PrivateKey) -> bytes:
    """PKCS #8, unencrypted: the file's permissions guard it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private_key_from_pem(pem: bytes) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the log key is not an Ed25519 key")
    return key


def _split(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Body with its final newline, and (name, key id || signature) of each signature line."""
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX:
        raise ValueError(f"a checkpoint takes at most {TEXT_BYTES_MAX} bytes")
    # C2SP signed-note: nothing below U+0020 but newlines, so that no terminal is led astray.
    if _CONTROL.search(text):
        raise ValueError("a signed note holds no control characters")
    body, blank, lines = text.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise ValueError("not a signed note")
    signatures = [_parse_signature(line) for line in lines[:-1].split("\n")]
    if len(signatures) > SIGNATURES_MAX:
        raise ValueError(f"a checkpoint bears at most {SIGNATURES_MAX} signatures")
    return body + "\n", signatures


def _parse_signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise ValueError("not a signature line of a signed note")
    return match[1], _unbase64(match[2])


def _parse_body(body: str) -> Checkpoint:
    lines = body.split("\n")
    # Further lines are extensions, which C2SP tlog-checkpoint lets a reader ignore.
    if len(lines) < 4 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise ValueError("not a checkpoint: origin, size and root are due")
    root, size = _unbase64(lines[2]), int(lines[1])
    if len(root) != HASH_BYTES or size > SIZE_MAX:
        raise ValueError("not a checkpoint: its size or root is out of bounds")
    return Checkpoint(lines[0], size, root)


def _verify_signature(key: Ed25519PublicKey, signature: bytes, body: str) -> None:
    try:
        key.verify(signature, body.encode())
    except InvalidSignature as error:
        raise ValueError("the signature of the checkpoint is false") from error


def _key_id(origin: str, key: Ed25519PublicKey) -> bytes:
    return sha256(f"{origin}\n".encode() + _ED25519 + key.public_bytes_raw()).digest()[
        :_KEY_ID_BYTES
    ]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    # Stray bits in the last character would give one text two spellings.
    if _base64(data) != text:
        raise ValueError("not canonical base64")
    return data
