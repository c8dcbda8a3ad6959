"""The arguments of an operation, as an operator asked for it."""

from collections.abc import Mapping
from typing import Any, cast

OPERATOR = "operator"
"""Who acts: whoever reaches the data directory."""

Args = Mapping[str, Any]


class Misused(Exception):
    """The operation does not take such arguments; the message says which it wants."""


def text(asked: Args, name: str, default: str | None = None) -> str:
    """An argument that is text. Raises Misused."""
    value = asked.get(name, default)
    if not isinstance(value, str):
        raise Misused(f"{name!r} is missing, or no text")
    return value


def texts(asked: Args, name: str) -> list[str]:
    value = asked.get(name, [])
    if not isinstance(value, list):
        raise Misused(f"{name!r} is a list of texts")
    items = cast("list[object]", value)
    if not all(isinstance(item, str) for item in items):
        raise Misused(f"{name!r} is a list of texts")
    return cast("list[str]", items)


def octets(asked: Args, name: str) -> bytes:
    value = asked.get(name)
    if not isinstance(value, bytes):
        raise Misused(f'{name!r} is missing, or not {{"$bytes": base64}}')
    return value


def request_of(asked: Args, step: str) -> str | None:
    """The request id of one step, so that an operation of several is done once too."""
    if "request" not in asked:
        return None
    return f"{OPERATOR}/{text(asked, 'request')}/{step}"
