"""Typed rows: a frozen dataclass is a table, its fields are the columns."""

import dataclasses
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar, dataclass_transform

import apsw

from runtime.errors import Refused
from runtime.sealed import Sealed
from runtime.values import from_column, hints_of, row_to_plain, to_column, typed_row, without_none

Delta = tuple[str, dict[str, Any] | None, dict[str, Any] | None]
"""Table, old row or None, new row or None: what one change did."""


@dataclass(frozen=True)
class Schema:
    """What SQLite is told about a table, and the statements that serve it."""

    name: str
    row: type[Any]
    key: tuple[str, ...]
    index: tuple[tuple[str, ...], ...]
    append_only: bool

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.name for field in dataclasses.fields(self.row))

    def ddl(self) -> list[str]:
        """CREATE statements: STRICT, with triggers where rows may only be added."""
        hints = hints_of(self.row)
        columns = ", ".join(f"{name} {_column_type(hints[name])}" for name in self.columns)
        key = ", ".join(self.key)
        lines = [
            f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, PRIMARY KEY ({key}))"
            " STRICT, WITHOUT ROWID"
        ]
        lines += [
            f"CREATE INDEX IF NOT EXISTS {self.name}_by_{'_'.join(columns)}"
            f" ON {self.name} ({', '.join(columns)})"
            for columns in self.index
        ]
        return lines + (self._append_only_triggers() if self.append_only else [])

    def _append_only_triggers(self) -> list[str]:
        # INSERT OR REPLACE would slip past the first two: the third refuses an existing key.
        same = " AND ".join(f"{name} IS NEW.{name}" for name in self.key)
        guard = f"SELECT RAISE(ABORT, '{self.name} is append-only')"
        start = f"CREATE TRIGGER IF NOT EXISTS {self.name}"
        return [
            f"{start}_no_update BEFORE UPDATE ON {self.name} BEGIN {guard}; END",
            f"{start}_no_delete BEFORE DELETE ON {self.name} BEGIN {guard}; END",
            f"{start}_no_replace BEFORE INSERT ON {self.name}"
            f" WHEN EXISTS (SELECT 1 FROM {self.name} WHERE {same}) BEGIN {guard}; END",
        ]


_TYPES = {int: "INTEGER", str: "TEXT", bytes: "BLOB", bool: "INTEGER", Sealed: "TEXT"}
_SCHEMAS: dict[type[Any], Schema] = {}


def _column_type(annotation: Any) -> str:
    base = without_none(annotation)
    null = "" if base is not annotation else " NOT NULL"
    if base in _TYPES:
        return _TYPES[base] + null
    if typing.get_origin(base) is tuple or (isinstance(base, type) and issubclass(base, StrEnum)):
        return "TEXT" + null
    raise TypeError(f"no column can hold {annotation}")


R = TypeVar("R")


@dataclass_transform(frozen_default=True)
def table(
    *,
    key: tuple[str, ...] = ("id",),
    index: tuple[tuple[str, ...], ...] = (),
    name: str = "",
    append_only: bool = False,
) -> Callable[[type[R]], type[R]]:
    """Make a class a table: its rows are frozen, its name is the class's in snake case.

    A frozen dataclass of pure code can be made a table from outside, so that the code need
    not know where its state is kept.
    """

    def declare(cls: type[R]) -> type[R]:
        row = cls if dataclasses.is_dataclass(cls) else dataclass(frozen=True, slots=True)(cls)
        _SCHEMAS[row] = Schema(name or _snake(cls.__name__), row, key, index, append_only)
        return row

    return declare


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def schema_of(row: type[Any]) -> Schema:
    """The schema of a row's class. Raises KeyError for a class that is not a table."""
    return _SCHEMAS[row]


def all_schemas() -> list[Schema]:
    """Every table that has been declared, by name."""
    return sorted(_SCHEMAS.values(), key=lambda schema: schema.name)


class Rows(Generic[R]):
    """One table inside one transaction. Each change is noted as a delta."""

    def __init__(self, cls: type[R], connection: apsw.Connection, deltas: list[Delta]) -> None:
        self._cls = cls
        self._schema = schema_of(cls)
        self._connection = connection
        self._deltas = deltas

    def get(self, *key: str | int) -> R | None:
        """The row with this primary key, or None."""
        found = self._select(self._schema.key, key)
        return found[0] if found else None

    def one(self, *key: str | int) -> R:
        """The row with this primary key. Raises `Refused` where there is none."""
        row = self.get(*key)
        if row is None:
            raise Refused(f"there is no {self._schema.name} {'/'.join(map(str, key))}")
        return row

    def where(self, **equals: str | int | bool | None) -> list[R]:
        """All rows with these values, in the order of the primary key."""
        return self._select(tuple(equals), tuple(equals.values()))

    def insert(self, row: R) -> R:
        """Add a row. Raises `Refused` where its key exists."""
        if self.get(*self._key(row)) is not None:
            raise Refused(f"{self._schema.name} {'/'.join(map(str, self._key(row)))} exists")
        return self._write(None, row)

    def replace(self, row: R) -> R:
        """Write a row over the one with its key. Raises `Refused` where there is none."""
        before = self.one(*self._key(row))
        return row if before == row else self._write(before, row)

    def delete(self, row: R) -> None:
        """Remove the row with this row's key."""
        before = self.one(*self._key(row))
        apply_delta(self._connection, self._schema, (row_to_plain(before), None))
        self._deltas.append((self._schema.name, row_to_plain(before), None))

    def _key(self, row: R) -> tuple[str | int, ...]:
        return tuple(getattr(row, name) for name in self._schema.key)

    def _write(self, before: R | None, row: R) -> R:
        old = None if before is None else row_to_plain(before)
        self._deltas.append((self._schema.name, old, row_to_plain(row)))
        _upsert(self._connection, self._schema, row, exists=before is not None)
        return row

    def _select(self, names: tuple[str, ...], values: tuple[Any, ...]) -> list[R]:
        return select(self._connection, self._cls, names, values)


def select(
    connection: apsw.Connection, cls: type[R], names: tuple[str, ...], values: tuple[Any, ...]
) -> list[R]:
    """Rows of `cls` where each of `names` IS its value, in the order of the primary key."""
    schema = schema_of(cls)
    unknown = set(names) - set(schema.columns)
    assert not unknown, f"{schema.name} has no column {unknown}"
    where = " AND ".join(f"{name} IS ?" for name in names) or "1"
    sql = (
        f"SELECT {', '.join(schema.columns)} FROM {schema.name}"
        f" WHERE {where} ORDER BY {', '.join(schema.key)}"
    )
    return [to_row(cls, row) for row in connection.execute(sql, [to_column(v) for v in values])]


def to_row(cls: type[R], values: tuple[Any, ...]) -> R:
    """A row from the values of all its columns, in their order."""
    hints = hints_of(cls)
    names = schema_of(cls).columns
    return cls(**{n: from_column(v, hints[n]) for n, v in zip(names, values, strict=True)})


def _upsert(connection: apsw.Connection, schema: Schema, row: Any, *, exists: bool) -> None:
    values = [to_column(getattr(row, name)) for name in schema.columns]
    if not exists:
        marks = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO {schema.name} VALUES ({marks})", values)
        return
    changes = ", ".join(f"{name} = ?" for name in schema.columns)
    where = " AND ".join(f"{name} = ?" for name in schema.key)
    key = [to_column(getattr(row, name)) for name in schema.key]
    connection.execute(f"UPDATE {schema.name} SET {changes} WHERE {where}", values + key)


def apply_delta(
    connection: apsw.Connection,
    schema: Schema,
    change: tuple[dict[str, Any] | None, dict[str, Any] | None],
) -> None:
    """Make one logged change again, as recovery and time travel do."""
    old, new = change
    if new is not None:
        _upsert(connection, schema, typed_row(schema.row, new), exists=old is not None)
        return
    assert old is not None, "a delta has an old row, a new row, or both"
    where = " AND ".join(f"{name} = ?" for name in schema.key)
    connection.execute(
        f"DELETE FROM {schema.name} WHERE {where}", [old[name] for name in schema.key]
    )
