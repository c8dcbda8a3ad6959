"""Python values <-> the plain values of the log and the columns of SQLite.

A value is a str, int, bool, bytes, None, a `StrEnum`, a `Sealed`, a row, or a list or dict of
those. There are no floats: they would make a replay depend on the machine.
"""

import dataclasses
import json
import types
import typing
from enum import StrEnum
from typing import Any, cast

from runtime.sealed import Sealed, from_json, to_json

Plain = Any  # str | int | bool | bytes | None | list[Plain] | dict[str, Plain]


def plain(value: Any) -> Plain:
    """`value` as the log writes it. Raises TypeError for what can not be replayed exactly."""
    if value is None or type(value) in (str, int, bool, bytes):
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Sealed):
        return to_json(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)
        return {str(k): plain(v) for k, v in entries.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return row_to_plain(value)
    raise TypeError(f"{type(value).__name__} can not stand in the log: use str, int, bool or bytes")


def row_to_plain(row: Any) -> dict[str, Plain]:
    """A row as `{column: plain value}`, in the order of its columns."""
    return {name: plain(getattr(row, name)) for name in row.__dataclass_fields__}


def typed(value: Plain, annotation: Any) -> Any:
    """The inverse of `plain`, led by a type annotation. Raises TypeError where they disagree."""
    if annotation is Any:
        return value
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union):
        return _typed_union(value, typing.get_args(annotation))
    if origin in (list, tuple):
        items = [typed(item, typing.get_args(annotation)[0]) for item in value]
        return tuple(items) if origin is tuple else items
    if origin is dict:
        # The log sorts its keys: an order of the sender's would not come back in a replay.
        return {k: typed(value[k], typing.get_args(annotation)[1]) for k in sorted(value)}
    if annotation is Sealed:
        return from_json(value)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return annotation(value)
    if isinstance(annotation, type) and dataclasses.is_dataclass(cast("Any", annotation)):
        return typed_row(annotation, value)
    if annotation in (None, type(None)) and value is None:
        return None
    if type(value) is not annotation:
        raise TypeError(f"{annotation} was wanted, {type(value).__name__} was given")
    return value


def _typed_union(value: Plain, options: tuple[Any, ...]) -> Any:
    if value is None and type(None) in options:
        return None
    (option,) = [one for one in options if one is not type(None)]
    return typed(value, option)


def typed_row(cls: type[Any], values: dict[str, Plain]) -> Any:
    """A row of `cls` from `{column: plain value}`."""
    hints = hints_of(cls)
    return cls(**{name: typed(value, hints[name]) for name, value in values.items()})


_HINTS: dict[type[Any], dict[str, Any]] = {}


def hints_of(cls: type[Any]) -> dict[str, Any]:
    """The resolved annotations of `cls`, kept because resolving them is slow."""
    if cls not in _HINTS:
        _HINTS[cls] = typing.get_type_hints(cls)
    return _HINTS[cls]


def to_column(value: Any) -> str | int | bytes | None:
    """A value as SQLite stores it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Sealed):
        return json.dumps(to_json(value), separators=(",", ":"))
    if isinstance(value, tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return cast("str | int | bytes | None", value)


def from_column(value: str | int | bytes | None, annotation: Any) -> Any:
    """The inverse of `to_column`."""
    base = without_none(annotation)
    if value is None:
        return None
    if base is bool:
        return bool(value)
    if base is Sealed or typing.get_origin(base) is tuple:
        return typed(json.loads(cast(str, value)), base)
    return typed(value, base)


def without_none(annotation: Any) -> Any:
    """`X` for `X | None`, else the annotation itself."""
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return annotation
    (base,) = [one for one in typing.get_args(annotation) if one is not type(None)]
    return base
