"""The key that wraps all others (KEK), wherever it is: in a file, a variable, a keyring, a KMS.

It is asked for when something is to be wrapped or opened, and let go of after that. Python cannot
wipe bytes: what was once in memory may stay there until the process ends.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runtime import wrapped
from runtime.key_errors import KekError
from runtime.wrapped import KEY_BYTES, NONCE_BYTES, WRAPPED_BYTES_MAX, NotWrapped


class Kek(Protocol):
    """Wraps and unwraps. `id` tells one from another and says nothing about it."""

    @property
    def id(self) -> str: ...

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        """Raises KekError."""
        ...

    def unwrap(self, data: bytes, bound_to: bytes) -> bytes:
        """Raises KekError, and NotWrapped for what it did not wrap, or not for this place."""
        ...


class Source(Protocol):
    """Where a KEK comes from."""

    @property
    def where(self) -> str:
        """For the operator."""
        ...

    def open(self) -> Kek:
        """To be used and let go of. Raises KekError."""
        ...

    def make(self) -> None:
        """Make one, where it is ours to make and there is none. Raises KekError."""
        ...


class Bytes:
    """A KEK that is 32 bytes in this process."""

    def __init__(self, kek: bytes) -> None:
        assert len(kek) == KEY_BYTES, "whoever reads a KEK measures it"
        self._kek = kek

    @property
    def id(self) -> str:
        return "kek_" + hmac.digest(self._kek, b"parley: which KEK is this", "sha256").hex()[:16]

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        # By chance: 2**32 keys under one KEK are far more than a house takes calls.
        return wrapped.wrap(key, self._kek, bound_to, secrets.token_bytes(NONCE_BYTES))

    def unwrap(self, data: bytes, bound_to: bytes) -> bytes:
        return wrapped.unwrap(data, self._kek, bound_to)


class Hook(Protocol):
    """What a key management service must do for us: the KEK never enters this process.

    Both raise anything they like where they cannot; `unwrap` also for another context.
    """

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Remote:
    """A KEK behind a hook. It is told from another by how it is named here."""

    where: str
    hook: Callable[[], Hook]

    @property
    def id(self) -> str:
        return "kek_" + hashlib.sha256(self.where.encode()).hexdigest()[:16]

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        try:
            found = self.hook().wrap(key, bound_to)
        except Exception as error:  # The hook's code is not ours.
            raise self._failed("wrap", error) from error
        if type(found) is not bytes or not 0 < len(found) <= WRAPPED_BYTES_MAX or key in found:
            raise KekError(f"{self.where}: wrap() answers bytes, {WRAPPED_BYTES_MAX} at most,"
                           " and never the key itself")  # fmt: skip
        return found

    def unwrap(self, data: bytes, bound_to: bytes) -> bytes:
        try:
            found = self.hook().unwrap(data, bound_to)
        except Exception as error:  # The hook's code is not ours.
            raise self._failed("unwrap", error) from error
        if type(found) is not bytes or len(found) != KEY_BYTES:
            raise NotWrapped(
                f"{self.where}: unwrap() did not answer the {KEY_BYTES} bytes of a key"
            )
        return found

    def open(self) -> "Remote":
        return self

    def make(self) -> None:
        """It is made where it lives."""

    def _failed(self, doing: str, error: Exception) -> KekError:
        why = f"{type(error).__name__}: {error}"
        return KekError(f"{self.where} did not {doing} a key: {why}; it is tried again")
