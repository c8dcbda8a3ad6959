"""Python values <-> the plain values of the log and the columns of SQLite.

A value is a str, int, bool, bytes, None, a `StrEnum`, a `Sealed`, a row, or a list or dict of
those. There are no floats: they would make a replay depend on the machine. What an annotation
asks for is worked out once (`codec_of`), because every action passes through here.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast

from runtime.canonical import BYTES_KEY, DEPTH_MAX, INTEGER_MAX
from runtime.sealed import Sealed, from_json, to_json

Plain = Any  # str | int | bool | bytes | None | list[Plain] | dict[str, Plain]


def plain(value: Any, depth: int = DEPTH_MAX) -> Plain:
    """`value` as the log writes it. Raises TypeError for what can not be replayed exactly,
    ValueError for what canonical JSON has no room for."""
    kind = cast("type[Any]", type(value))
    if kind is str or value is None or kind is bool or kind is bytes:
        return value
    if kind is int:
        return _in_range(value)
    if depth == 0:
        raise ValueError(f"a value is nested deeper than {DEPTH_MAX}")
    if kind is dict:
        return _plain_dict(value, depth)
    if kind is list or kind is tuple:
        return [plain(item, depth - 1) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if kind is Sealed:
        return to_json(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return row_to_plain(value)
    raise TypeError(f"{kind.__name__} can not stand in the log: use str, int, bool or bytes")


def _plain_dict(value: dict[Any, Any], depth: int) -> dict[str, Plain]:
    if BYTES_KEY in value:
        raise ValueError(f"the key {BYTES_KEY} is kept for bytes")
    return {str(key): plain(item, depth - 1) for key, item in value.items()}


def _in_range(value: int) -> int:
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise ValueError(f"integer {value:#x} is beyond 2^53-1")
    return value


@dataclass(frozen=True, slots=True)
class Codec:
    """What one annotation needs. `to_column` and `from_column` are None where nothing changes."""

    typed: Callable[[Plain], Any]
    """The inverse of `plain`. Raises TypeError or ValueError where they disagree."""
    to_column: Callable[[Plain], Any] | None
    """From a plain value to what SQLite stores."""
    from_column: Callable[[Any], Any] | None
    """From what SQLite stores to the Python value."""


@cache
def codec_of(annotation: Any) -> Codec:
    """The codec of a type annotation. Raises TypeError for one that no value can have."""
    base = without_none(annotation)
    if base is not annotation:
        inner = codec_of(base)
        return Codec(
            lambda value: None if value is None else inner.typed(value),
            _unless_none(inner.to_column),
            _unless_none(inner.from_column),
        )
    if base is bool:
        return Codec(_exactly(bool), int, bool)
    if base is Any:
        return Codec(lambda value: value, None, None)
    if base in (str, int, bytes):
        return Codec(_exactly(base), None, None)
    return _codec_of_type(base)


def _codec_of_type(base: Any) -> Codec:
    origin = typing.get_origin(base) or base
    if origin is Sealed:
        return Codec(from_json, _dump, lambda text: from_json(json.loads(text)))
    if origin in (list, tuple):
        typed = _typed_items(origin, codec_of(typing.get_args(base)[0]).typed)
        return Codec(typed, _dump, lambda text: typed(json.loads(text)))
    if origin is dict:
        inner = codec_of(typing.get_args(base)[1]).typed
        # The log sorts its keys: an order of the sender's would not come back in a replay.
        return Codec(lambda value: {k: inner(value[k]) for k in sorted(value)}, _dump, json.loads)
    if isinstance(base, type) and issubclass(base, StrEnum):
        return Codec(base, None, base)
    if isinstance(base, type) and dataclasses.is_dataclass(cast("Any", base)):
        return Codec(lambda value: typed_row(base, value), None, None)
    raise TypeError(f"no value can be a {base}")


def _exactly(kind: type[Any]) -> Callable[[Plain], Any]:
    def typed(value: Plain) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{kind.__name__} was wanted, {type(value).__name__} was given")
        return value

    return typed


def _typed_items(origin: Any, inner: Callable[[Plain], Any]) -> Callable[[Plain], Any]:
    return lambda value: origin(inner(item) for item in value)


def _unless_none(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return convert and (lambda value: None if value is None else convert(value))


def _dump(value: Plain) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def row_to_plain(row: Any) -> dict[str, Plain]:
    """A row as `{column: plain value}`, in the order of its columns."""
    return {name: plain(getattr(row, name)) for name in row.__dataclass_fields__}


def typed(value: Plain, annotation: Any) -> Any:
    """The inverse of `plain`, led by a type annotation. Raises TypeError where they disagree."""
    return codec_of(annotation).typed(value)


def typed_row(cls: type[Any], values: dict[str, Plain]) -> Any:
    """A row of `cls` from `{column: plain value}`; a column that is missing has its default."""
    codecs = codecs_of(cls)
    return cls(**{name: codecs[name].typed(value) for name, value in values.items()})


_CODECS: dict[type[Any], dict[str, Codec]] = {}


def codecs_of(cls: type[Any]) -> dict[str, Codec]:
    """The codec of each field of a dataclass, in the order of its fields."""
    if cls not in _CODECS:
        hints = typing.get_type_hints(cls)
        fields = dataclasses.fields(cls)
        _CODECS[cls] = {field.name: codec_of(hints[field.name]) for field in fields}
    return _CODECS[cls]


def to_column(value: Any) -> str | int | bytes | None:
    """A value as SQLite stores it."""
    value = plain(value)
    if isinstance(value, bool):
        return int(value)
    return _dump(value) if isinstance(value, (dict, list)) else cast("str | int | bytes", value)


def without_none(annotation: Any) -> Any:
    """`X` for `X | None`, else the annotation itself: the same object, not only an equal one."""
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return annotation
    (base,) = [one for one in typing.get_args(annotation) if one is not type(None)]
    return base
