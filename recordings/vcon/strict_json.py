"""JSON from strangers (RFC 8259): bounded in every direction, and with one meaning only."""

import json
import math
import re
import zlib
from typing import Any

from recordings.vcon.errors import VconError

BYTES_MAX = 256 * 1024 * 1024
DEPTH_MAX = 64
VALUES_MAX = 1_000_000
NUMBER_CHARACTERS_MAX = 64
GZIP = b"\x1f\x8b"

# What opens, closes or separates, outside of strings; a string with no end matches nothing.
_STRUCTURE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)
_CHANGES = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def parse(data: bytes) -> Any:
    """The value. VconError where it is too large, too deep, ambiguous, or not JSON at all."""
    check_size(data)
    _check_structure(data)
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except VconError:
        raise
    except (ValueError, RecursionError) as error:
        raise VconError(f"it is not JSON: {error}") from error


def parse_object(data: bytes) -> dict[str, Any]:
    value = parse(data)
    if not isinstance(value, dict):
        raise VconError("it is JSON, but not an object")
    return value  # pyright: ignore[reportUnknownVariableType]


def inflated(data: bytes) -> bytes:
    """What gzip packed (application/vcon+gzip), within the limit; other data as it is."""
    if not data.startswith(GZIP):
        return data
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(data, BYTES_MAX)
    except zlib.error as error:
        raise VconError(f"it cannot be unpacked: {error}") from error
    if not unpacker.eof:
        raise VconError(f"unpacked it is cut off, or larger than {BYTES_MAX} bytes")
    if unpacker.unused_data:
        raise VconError("there is something after what was packed")
    return plain


def check_size(data: bytes) -> None:
    if len(data) > BYTES_MAX:
        raise VconError(f"it is larger than {BYTES_MAX} bytes")


def _check_structure(data: bytes) -> None:
    """Before anything is built of it: a list of lists takes a hundred times its bytes."""
    depth = 0
    for count, found in enumerate(_STRUCTURE.finditer(data), start=1):
        depth += _CHANGES.get(data[found.start()], 0)
        if depth > DEPTH_MAX:
            raise VconError(f"it is nested deeper than {DEPTH_MAX}")
        if count > VALUES_MAX:
            raise VconError(f"it has more than {VALUES_MAX} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise VconError(f"an object says {twice[:40]!r} twice")
    return found


def _constant(name: str) -> Any:
    raise VconError(f"{name} is not JSON")


def _float(text: str) -> float:
    if len(text) > NUMBER_CHARACTERS_MAX or not math.isfinite(float(text)):
        raise VconError(f"{text[:40]} is no number that can be read")
    return float(text)


def _integer(text: str) -> int:
    if len(text) > NUMBER_CHARACTERS_MAX:
        raise VconError(f"{text[:40]} is no number that can be read")
    return int(text)
