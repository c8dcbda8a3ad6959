"""Keys for rows that name them as they like."""

from runtime.keystore import Keystore

KEY = b"k" * 32


class SomeKeys(Keystore):
    """Has every key, and it is always the same."""

    def key(self, key_id: str) -> bytes:
        return KEY
