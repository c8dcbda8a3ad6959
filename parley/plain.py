"""Rows as plain data, with what their keys open."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from runtime.keystore import KeyDestroyed
from runtime.sealed import Sealed, unseal

Key = Callable[[str], bytes]
"""The key of an id: raises KeyDestroyed."""

Plain = dict[str, Any]


def opened(sealed: Sealed[str], key: Key) -> str | None:
    """The words, or None where their key was destroyed."""
    try:
        return unseal(sealed, key(sealed.key_id))
    except KeyDestroyed:
        return None


def is_readable(sealed: Sealed[bytes], key: Key) -> bool:
    """Whether its key is still there."""
    try:
        return bool(key(sealed.key_id))
    except KeyDestroyed:
        return False


def fields_of(row: Any, *without: str) -> Plain:
    """The columns of a row, by name."""
    return {f.name: getattr(row, f.name) for f in fields(row) if f.name not in without}
