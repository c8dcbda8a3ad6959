"""Canonical JSON (RFC 8785) for the values a log entry is made of."""

import base64
import binascii
import json
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring as _quote
from typing import Any, cast

# RFC 8785 section 3.2.2.3: beyond this an IEEE 754 double no longer holds every integer.
INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 64
BYTES_KEY = "$bytes"


def encode(value: object) -> bytes:
    """The one UTF-8 encoding of a plain value.

    Plain is dict with str keys, list, tuple (comes back as a list), str, int, bool, None, and
    bytes, written {"$bytes": base64}. TypeError for any other type, ValueError for a value out
    of range: an integer beyond 2^53-1, a lone surrogate, nesting beyond DEPTH_MAX.
    """
    pieces: list[str] = []
    _write(value, pieces.append, DEPTH_MAX)
    try:
        return "".join(pieces).encode()
    except UnicodeEncodeError as error:
        raise ValueError("text holds a lone surrogate, which UTF-8 cannot carry") from error


def decode(data: bytes) -> Any:
    """What `encode` was given. ValueError for anything that is not such JSON."""
    try:
        return json.loads(
            data.decode(),
            object_hook=_restore_bytes,
            parse_int=_parse_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error


def _write(value: object, put: Callable[[str], None], depth: int) -> None:
    kind = type(value)
    if kind is str:
        put(_quote(cast(str, value)))
    elif kind is int:
        put(_integer(cast(int, value)))
    elif value is None:
        put("null")
    elif kind is bool:
        put("true" if value else "false")
    elif kind is dict:
        _write_object(cast("dict[str, object]", value), put, depth)
    elif kind is list or kind is tuple:
        _write_array(cast("list[object]", value), put, depth)
    elif kind is bytes:
        put(f'{{"{BYTES_KEY}":"{base64.b64encode(cast(bytes, value)).decode()}"}}')
    else:
        _write_subclass(value, put)


def _write_object(value: dict[str, object], put: Callable[[str], None], depth: int) -> None:
    if depth == 0:
        raise ValueError(f"value is nested deeper than {DEPTH_MAX}")
    if BYTES_KEY in value:
        raise ValueError(f"the key {BYTES_KEY} is kept for bytes")
    before = "{"
    for key in _sorted_keys(value):
        put(before)
        put(_quoted_key(key))
        _write(value[key], put, depth - 1)
        before = ","
    put("}" if value else "{}")


def _write_array(value: list[object], put: Callable[[str], None], depth: int) -> None:
    if depth == 0:
        raise ValueError(f"value is nested deeper than {DEPTH_MAX}")
    before = "["
    for item in value:
        put(before)
        _write(item, put, depth - 1)
        before = ","
    put("]" if value else "[]")


def _write_subclass(value: object, put: Callable[[str], None]) -> None:
    """Enumerations are written as the text or number they are."""
    if isinstance(value, str):
        put(_quote(str.__str__(value)))
    elif isinstance(value, int):
        put(_integer(int(value)))
    else:
        raise TypeError(f"a log entry cannot hold a {type(value).__name__}")


def _integer(value: int) -> str:
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise ValueError(f"integer {value:#x} is beyond 2^53-1")
    return int.__repr__(value)


def _sorted_keys(value: dict[str, object]) -> list[str]:
    try:
        if "".join(value).isascii():
            return sorted(value)
        # RFC 8785 section 3.2.3 sorts by UTF-16 code units, not by code points.
        return sorted(value, key=lambda key: key.encode("utf-16-be"))
    except TypeError as error:
        raise TypeError("the keys of a log entry are text") from error


@lru_cache(maxsize=4096)
def _quoted_key(key: str) -> str:
    return _quote(key) + ":"


def _restore_bytes(value: dict[str, Any]) -> Any:
    encoded = value.get(BYTES_KEY)
    if encoded is None:
        return value
    if len(value) != 1 or type(encoded) is not str:
        raise ValueError(f"{BYTES_KEY} stands alone, with text")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{BYTES_KEY} is not base64") from error


def _parse_integer(text: str) -> int:
    value = int(text)
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise ValueError("integer is beyond 2^53-1")
    return value


def _refuse_number(text: str) -> None:
    raise ValueError(f"{text} is not an integer")
