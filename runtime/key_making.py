"""New keys, drawn by chance, each as the file it will be."""

import secrets
from dataclasses import dataclass

from runtime import wrapped
from runtime.kek import Kek
from runtime.wrapped import KEY_BYTES

ID_BYTES = 12
CHILD_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Made:
    """The key of a call, and the files of it and of the keys under it."""

    call_key: str
    key: bytes
    files: dict[str, bytes]


def loose(kek: Kek, count: int) -> dict[str, bytes]:
    """Files of new keys of no call."""
    return {(key_id := _id()): under_kek(kek, key_id, _key()) for _ in range(count)}


def family(kek: Kek, children: int) -> Made:
    call_key, key = f"{_id()}x", _key()
    file = {call_key: under_kek(kek, call_key, key)}
    return Made(call_key, key, file | below(call_key, key, children))


def below(call_key: str, key: bytes, count: int) -> dict[str, bytes]:
    """Files of new keys under the key of a call."""
    ids = [f"{call_key}{secrets.token_hex(CHILD_ID_BYTES)}" for _ in range(count)]
    return {key_id: under(call_key, key, key_id, _key()) for key_id in ids}


def under(call_key: str, parent: bytes, key_id: str, key: bytes) -> bytes:
    """The file of a key under the key of a call."""
    bound_to, nonce = wrapped.context(key_id, call_key), secrets.token_bytes(wrapped.NONCE_BYTES)
    return wrapped.encode({call_key: wrapped.wrap(key, parent, bound_to, nonce)})


def under_kek(kek: Kek, key_id: str, key: bytes) -> bytes:
    """The file of a key under the KEK."""
    return wrapped.encode({kek.id: kek.wrap(key, wrapped.context(key_id, kek.id))})


def _id() -> str:
    return f"key_{secrets.token_hex(ID_BYTES)}"


def _key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)
