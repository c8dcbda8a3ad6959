"""All rows as one hash, and where the rows of two databases differ."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from runtime.schema import Schema

_ENCODER = json.JSONEncoder(separators=(",", ":"), default=bytes.hex)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """A row that is not what the log makes of it. `key` is the primary key, parts joined by /."""

    table: str
    key: str
    what: str


def state_hash(rows: apsw.Connection, schemas: Iterable[Schema]) -> str:
    """SHA-256 in hex over every row of every table: tables by name, rows by primary key.

    Each row is a line of JSON, `[table, column, ...]`, with bytes in hex. A table without rows
    adds nothing, so declaring one changes no hash.
    """
    digest = hashlib.sha256()
    for schema in sorted(schemas, key=_by_name):
        for row in _in_order(rows, schema):
            digest.update(f"{_ENCODER.encode([schema.name, *row])}\n".encode())
    return digest.hexdigest()


def damages(
    live: apsw.Connection, rebuilt: apsw.Connection, schemas: Iterable[Schema]
) -> Iterator[Damage]:
    """The rows of `live` that are not those of `rebuilt`, table by table, in key order."""
    for schema in sorted(schemas, key=_by_name):
        try:
            yield from _merge(schema, _in_order(live, schema), _in_order(rebuilt, schema))
        except apsw.SQLError as error:
            yield Damage(schema.name, "*", f"the table cannot be read: {error}")


def _merge(schema: Schema, live: Iterator[Row], rebuilt: Iterator[Row]) -> Iterator[Damage]:
    places = [schema.columns.index(name) for name in schema.key]
    here, there = next(live, None), next(rebuilt, None)
    while here is not None or there is not None:
        ours = None if here is None else [here[place] for place in places]
        theirs = None if there is None else [there[place] for place in places]
        # SQLite compares text by its UTF-8 bytes, which is the order of code points: Python's.
        if theirs is None or (ours is not None and ours < theirs):
            yield Damage(schema.name, _name(ours), "no entry of the log made this row")
            here = next(live, None)
        elif ours is None or theirs < ours:
            yield Damage(schema.name, _name(theirs), "the log made this row, and it is gone")
            there = next(rebuilt, None)
        else:
            if here != there:
                columns = _unlike(schema, here, there)
                yield Damage(schema.name, _name(ours), f"{columns}: not what the log says")
            here, there = next(live, None), next(rebuilt, None)


def _unlike(schema: Schema, here: Row | None, there: Row | None) -> str:
    pairs = zip(schema.columns, here or (), there or (), strict=True)
    return ", ".join(name for name, one, other in pairs if one != other)


def _by_name(schema: Schema) -> str:
    return schema.name


def _name(key: list[Any] | None) -> str:
    return "/".join(str(part) for part in key or ())


def _in_order(rows: apsw.Connection, schema: Schema) -> Iterator[Row]:
    """A table which the file does not have yet has no rows."""
    known = rows.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (schema.name,)
    )
    if known.fetchone() is not None:
        columns, key = ", ".join(schema.columns), ", ".join(schema.key)
        yield from rows.execute(f"SELECT {columns} FROM {schema.name} ORDER BY {key}")
