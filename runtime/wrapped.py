"""A key as it lies on disk: wrapped under its parent, AES-256-GCM, and bound to its place.

A file holds one line for each key that opens it: `parley-key/1 PARENT BASE64`. There are two only
while one KEK takes the place of another. What is wrapped is bound to the id of the key and of its
parent: under another name, or another parent, it opens nothing.

The ids say who is whose: `key_<24 hex>` is wrapped under the KEK, and so is a call's key,
`key_<24 hex>x`; what is wrapped under that adds eight digits, `key_<24 hex>x<8 hex>`.
"""

import base64
import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
WRAPPED_BYTES_MAX = 4_096
"""What a key management service may make of 32 bytes."""

FORMAT = "parley-key/1"
PARENTS_MAX = 2

_ID = re.compile(r"key_[0-9A-Za-z]+", re.ASCII)
_CALL = re.compile(r"key_[0-9a-f]{24}x", re.ASCII)
_CHILD = re.compile(r"(key_[0-9a-f]{24}x)[0-9a-f]{8}", re.ASCII)


class NotWrapped(ValueError):
    """These bytes are no wrapped key, or not one that this parent opens here."""


def is_id(text: str) -> bool:
    """Whether this is the id of a key, and the name of a file."""
    return _ID.fullmatch(text) is not None


def is_call_key(key_id: str) -> bool:
    """Whether other keys are wrapped under this one."""
    return _CALL.fullmatch(key_id) is not None


def parent_of(key_id: str) -> str | None:
    """The call's key that this one is wrapped under; None where it is the KEK itself."""
    found = _CHILD.fullmatch(key_id)
    return found[1] if found else None


def context(key_id: str, parent: str) -> bytes:
    """What a wrapped key is bound to, as associated data."""
    return f"{FORMAT} {key_id} {parent}".encode()


def wrap(key: bytes, parent_key: bytes, bound_to: bytes, nonce: bytes) -> bytes:
    """nonce (12) || ciphertext || tag (16). Never the same nonce twice under one parent."""
    return nonce + AESGCM(parent_key).encrypt(nonce, key, bound_to)


def unwrap(wrapped: bytes, parent_key: bytes, bound_to: bytes) -> bytes:
    """The key. Raises NotWrapped."""
    try:
        return AESGCM(parent_key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise NotWrapped(
            "it was wrapped under another key, for another place, or changed"
        ) from error


def unwrap_child(key_id: str, call_key: str, parent: bytes, data: bytes) -> bytes:
    """The key in a file, under the key of a call. Raises NotWrapped."""
    found = decode(data).get(call_key)
    if found is None:
        raise NotWrapped(f"it is not wrapped under {call_key}")
    return unwrap(found, parent, context(key_id, call_key))


def encode(wrappings: Mapping[str, bytes]) -> bytes:
    """A file, of what each parent made of the key."""
    return b"".join(
        f"{FORMAT} {parent} {base64.b64encode(wrapped).decode()}\n".encode()
        for parent, wrapped in wrappings.items()
    )


def decode(data: bytes) -> dict[str, bytes]:
    """What each parent made of the key. Raises NotWrapped."""
    lines = data.split(b"\n")
    if len(data) > 2 * PARENTS_MAX * WRAPPED_BYTES_MAX or not 2 <= len(lines) <= PARENTS_MAX + 1:
        raise NotWrapped("it is no file of a wrapped key")
    found: dict[str, bytes] = {}
    for line in lines[:-1]:
        parts = line.split(b" ")
        if len(parts) != 3 or parts[0] != FORMAT.encode() or not parts[1].isascii():
            raise NotWrapped("it is no file of a wrapped key")
        try:
            found[parts[1].decode()] = base64.b64decode(parts[2], validate=True)
        except ValueError as error:
            raise NotWrapped("it is no file of a wrapped key") from error
    if lines[-1]:
        raise NotWrapped("its last line is cut short")
    return found
