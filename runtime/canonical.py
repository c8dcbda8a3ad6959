"""Canonical JSON (RFC 8785) for the values a log entry is made of."""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any, cast

# RFC 8785 section 3.2.2.3: beyond this an IEEE 754 double no longer holds every integer.
INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 64
BYTES_KEY = "$bytes"

_ALWAYS_PLAIN = frozenset((str, bool, bytes, type(None)))
_LAST_OF_BMP = "\uffff"


def encode(value: object) -> bytes:
    """The one UTF-8 encoding of a plain value.

    Plain is dict with str keys, list, tuple (comes back as a list), str, int, bool, None, and
    bytes, written {"$bytes": base64}. TypeError for any other type, ValueError for a value out
    of range: an integer beyond 2^53-1, a lone surrogate, nesting beyond DEPTH_MAX.
    """
    _check(value, DEPTH_MAX)
    return encode_plain(value)


def encode_plain(value: object) -> bytes:
    """The same for a value that is known to be plain, as `values.plain` makes them."""
    text = _BY_CODE_POINT.encode(value)
    # RFC 8785 section 3.2.3 sorts by UTF-16 code units, which is another order only here.
    if not text.isascii() and max(text) > _LAST_OF_BMP:
        text = _AS_IT_STANDS.encode(_by_code_unit(value))
    try:
        return text.encode()
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


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is dict:
        _check_keys(cast("dict[object, object]", value))
        _check_items(cast("dict[object, object]", value).values(), depth)
    elif kind is list or kind is tuple:
        _check_items(cast("list[object]", value), depth)
    elif isinstance(value, int):
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise ValueError(f"integer {value:#x} is beyond 2^53-1")
    # An enumeration is written as the text or number it is.
    elif not isinstance(value, (str, bytes)) and value is not None:
        raise TypeError(f"a log entry cannot hold a {kind.__name__}")


def _check_items(items: Iterable[object], depth: int) -> None:
    if depth == 0:
        raise ValueError(f"value is nested deeper than {DEPTH_MAX}")
    for item in items:
        if type(item) not in _ALWAYS_PLAIN:
            _check(item, depth - 1)


def _check_keys(value: dict[object, object]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"the keys of a log entry are text, not {type(key).__name__}")
    if BYTES_KEY in value:
        raise ValueError(f"the key {BYTES_KEY} is kept for bytes")


def _by_code_unit(value: object) -> object:
    """The same value, the keys of its objects in the order of their UTF-16 code units."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        ordered = sorted(items, key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
        return {key: _by_code_unit(item) for key, item in ordered}
    if isinstance(value, (list, tuple)):
        return [_by_code_unit(item) for item in cast("list[object]", value)]
    return value


def _tag_bytes(value: bytes) -> dict[str, str]:
    return {BYTES_KEY: base64.b64encode(value).decode()}


# On checked values, what the standard library writes is RFC 8785 but for the order of keys.
_BY_CODE_POINT = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    check_circular=False,
    default=_tag_bytes,
)
_AS_IT_STANDS = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_tag_bytes)


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
