"""Typed rows: a frozen dataclass is a table, its fields are the columns."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, dataclass_transform

import apsw

from runtime.declared import HOUSE, current
from runtime.engines import sqlite
from runtime.errors import Refused
from runtime.schema import Schema
from runtime.values import to_column

Delta = tuple[str, dict[str, Any] | None, dict[str, Any] | None]
"""Table, old row or None, new row or None: what one change did."""

Executes = apsw.Connection | apsw.Cursor
"""What statements are run on; a cursor that is kept saves making one for each."""

R = TypeVar("R")

_SCHEMAS: dict[type[Any], Schema] = {}


@dataclass_transform(frozen_default=True)
def table(
    *,
    key: tuple[str, ...] = ("id",),
    index: tuple[tuple[str, ...], ...] = (),
    name: str = "",
    append_only: bool = False,
    admits: str = "",
) -> Callable[[type[R]], type[R]]:
    """Make a class a table: its rows are frozen, its name is the class's in snake case.

    A frozen dataclass of pure code can be made a table from outside, so that the code need
    not know where its state is kept. A field with a default can be added in a later version.
    `admits` is for the house's own tables: SQL that each row NEW has to fulfil.
    """

    def declare(cls: type[R]) -> type[R]:
        row = cls if dataclasses.is_dataclass(cls) else dataclass(frozen=True, slots=True)(cls)
        prefix = current().prefix
        own_name = name or _snake(cls.__name__)
        if prefix and not own_name.startswith(f"{prefix}_"):
            own_name = f"{prefix}_{own_name}"  # A module's tables do not meet the house's.
        if prefix and admits:
            raise TypeError(f"{own_name}: conditions in SQL are for the tables of the house")
        schema = Schema(own_name, row, key, index, append_only, admits)
        known = current().schemas
        assert schema.name not in known, f"two tables are called {schema.name}"
        _SCHEMAS[row] = known[schema.name] = schema
        return row

    return declare


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def schema_of(row: type[Any]) -> Schema:
    """The schema of a row's class. Raises KeyError for a class that is not a table."""
    return _SCHEMAS[row]


def all_schemas() -> list[Schema]:
    """Every table that the house has declared or adopted, by name."""
    return sorted(HOUSE.schemas.values(), key=lambda schema: schema.name)


class Rows(Generic[R]):
    """One table inside one transaction. Each change is noted as a delta.

    A row that was read or written once is remembered: nobody else writes meanwhile.
    """

    def __init__(self, cls: type[R], connection: Executes, deltas: list[Delta]) -> None:
        self._schema = schema_of(cls)
        self._connection = connection
        self._deltas = deltas
        self._known: dict[tuple[Any, ...], R | None] = {}

    def get(self, *key: str | int) -> R | None:
        """The row with this primary key, or None."""
        if key in self._known:
            return self._known[key]
        found = self._select(self._schema.key, key)
        row = self._known[key] = found[0] if found else None
        return row

    def one(self, *key: str | int) -> R:
        """The row with this primary key. Raises `Refused` where there is none."""
        row = self.get(*key)
        if row is None:
            raise Refused(f"there is no {self._schema.name} {_name(key)}")
        return row

    def where(self, **equals: str | int | bool | None) -> list[R]:
        """All rows with these values, in the order of the primary key."""
        values = tuple(to_column(value) for value in equals.values())
        return self._select(tuple(equals), values)

    def insert(self, row: R) -> R:
        """Add a row. Raises `Refused` where its key exists."""
        schema, key = self._schema, self._schema.key_of(row)
        new = schema.plain_of(row)
        if self._known.get(key) is not None:
            raise Refused(f"{schema.name} {_name(key)} exists")
        try:
            self._connection.execute(schema.insert_sql, schema.columns_of(new))
        except apsw.ConstraintError as error:
            if self._select(schema.key, key):
                raise Refused(f"{schema.name} {_name(key)} exists") from error
            raise
        self._deltas.append((schema.name, None, new))
        self._known[key] = row
        return row

    def replace(self, row: R) -> R:
        """Write a row over the one with its key. Raises `Refused` where there is none."""
        schema, key = self._schema, self._schema.key_of(row)
        before = self.one(*key)
        if before == row:
            return row
        new = schema.plain_of(row)
        self._connection.execute(schema.update_sql, [*schema.columns_of(new), *key])
        self._deltas.append((schema.name, schema.plain_of(before), new))
        self._known[key] = row
        return row

    def delete(self, row: R) -> None:
        """Remove the row with this row's key. Raises `Refused` where there is none."""
        schema, key = self._schema, self._schema.key_of(row)
        before = self.one(*key)
        self._connection.execute(schema.delete_sql, key)
        self._deltas.append((schema.name, schema.plain_of(before), None))
        self._known[key] = None

    def _select(self, names: tuple[str, ...], values: tuple[Any, ...]) -> list[R]:
        schema = self._schema
        found = sqlite.fetch(self._connection, schema.select_sql(names), values)
        return [schema.row_of(values) for values in found]


def _name(key: tuple[Any, ...]) -> str:
    return "/".join(map(str, key))


def select(
    connection: apsw.Connection, cls: type[R], names: tuple[str, ...], values: tuple[Any, ...]
) -> list[R]:
    """Rows of `cls` where each of `names` IS its value, in the order of the primary key."""
    schema = schema_of(cls)
    found = connection.execute(schema.select_sql(names), [to_column(v) for v in values])
    return [schema.row_of(row) for row in found]


def to_row(cls: type[R], values: tuple[Any, ...]) -> R:
    """A row from the values of all its columns, in their order."""
    return cast(R, schema_of(cls).row_of(values))


def apply_delta(
    connection: apsw.Connection,
    schema: Schema,
    change: tuple[dict[str, Any] | None, dict[str, Any] | None],
) -> None:
    """Make one logged change again, as recovery and time travel do.

    Only the columns that it names: an older version of the code may not have known them all.
    """
    old, new = change
    if new is None:
        assert old is not None, "a delta has an old row, a new row, or both"
        connection.execute(schema.delete_sql, [old[name] for name in schema.key])
        return
    values = [to_column(value) for value in new.values()]
    sql = schema.change_sql(tuple(new), exists=old is not None)
    connection.execute(sql, values if old is None else [*values, *(new[n] for n in schema.key)])
