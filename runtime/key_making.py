"""New keys, drawn by chance, each as the file it will be."""

import secrets

from runtime import wrapped
from runtime.kek import Kek
from runtime.wrapped import KEY_BYTES

ID_BYTES = 12
CHILD_ID_BYTES = 4


def new_id() -> str:
    return f"key_{secrets.token_hex(ID_BYTES)}"


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def below(call_key: str, key: bytes, count: int) -> dict[str, bytes]:
    """Files of new keys under the key of a call."""
    ids = [f"{call_key}{secrets.token_hex(CHILD_ID_BYTES)}" for _ in range(count)]
    return {key_id: under(call_key, key, key_id, new_key()) for key_id in ids}


def under(call_key: str, parent: bytes, key_id: str, key: bytes) -> bytes:
    bound_to, nonce = wrapped.context(key_id, call_key), secrets.token_bytes(wrapped.NONCE_BYTES)
    return wrapped.encode({call_key: wrapped.wrap(key, parent, bound_to, nonce)})


def under_kek(kek: Kek, key_id: str, key: bytes) -> bytes:
    return wrapped.encode({kek.id: kek.wrap(key, wrapped.context(key_id, kek.id))})
