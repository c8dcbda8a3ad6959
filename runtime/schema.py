"""What SQLite is told about a table, and the statements that serve it."""

import dataclasses
import typing
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from typing import Any

from runtime.errors import Refused
from runtime.sealed import Sealed
from runtime.values import Codec, codec_of, codecs_of, plain, to_column, without_none

_TYPES = {int: "INTEGER", str: "TEXT", bytes: "BLOB", bool: "INTEGER", Sealed: "TEXT"}
_IDENTITY = (str, bytes, bool)


@dataclass(frozen=True)
class Schema:
    """A table: its row class, its primary key, its indexes. What is slow is worked out once."""

    name: str
    row: type[Any]
    key: tuple[str, ...]
    index: tuple[tuple[str, ...], ...]
    append_only: bool
    admits: str = ""
    """A condition of SQL over the row NEW, and other tables: no other row can be added."""

    # -- what SQLite is told --

    def ddl(self) -> list[str]:
        """CREATE statements: STRICT, with triggers where rows may only be added."""
        columns = ", ".join(self.column(name) for name in self.columns)
        key = ", ".join(self.key)
        create = f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, PRIMARY KEY ({key}))"
        return [f"{create} STRICT, WITHOUT ROWID", *self.index_ddl()]

    def index_ddl(self) -> list[str]:
        """CREATE statements for the indexes and triggers, in a table that is there."""
        lines = [
            f"CREATE INDEX IF NOT EXISTS {self.name}_by_{'_'.join(columns)}"
            f" ON {self.name} ({', '.join(columns)})"
            for columns in self.index
        ]
        lines += self._append_only_triggers() if self.append_only else []
        return lines + ([self._admission_trigger()] if self.admits else [])

    def column(self, name: str) -> str:
        """The definition of one column; a field's default is the column's."""
        annotation = self._hints[name]
        base = without_none(annotation)
        null = "" if base is not annotation else " NOT NULL"
        return f"{name} {_column_type(base)}{null}{self._default(name)}"

    def _default(self, name: str) -> str:
        default = next(f.default for f in dataclasses.fields(self.row) if f.name == name)
        if default is dataclasses.MISSING:
            return ""
        value = to_column(default)
        if isinstance(value, str):
            return f" DEFAULT '{value.replace(chr(39), chr(39) * 2)}'"
        if isinstance(value, bytes):
            return f" DEFAULT x'{value.hex()}'"
        return " DEFAULT NULL" if value is None else f" DEFAULT {value}"

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

    def _admission_trigger(self) -> str:
        return (
            f"CREATE TRIGGER IF NOT EXISTS {self.name}_admitted BEFORE INSERT ON {self.name}"
            f" WHEN NOT ({self.admits})"
            f" BEGIN SELECT RAISE(ABORT, 'this {self.name} is not admitted'); END"
        )

    # -- the statements --

    @cached_property
    def insert_sql(self) -> str:
        marks = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"

    @cached_property
    def update_sql(self) -> str:
        return self._update(self.columns)

    @cached_property
    def delete_sql(self) -> str:
        return f"DELETE FROM {self.name} WHERE {self._where_key}"

    def select_sql(self, names: tuple[str, ...]) -> str:
        """Rows where each of `names` IS its value, in the order of the primary key."""
        if names not in self._selects:
            unknown = set(names) - set(self.columns)
            if unknown:
                raise Refused(f"{self.name} has no column {', '.join(sorted(unknown))}")
            where = " AND ".join(f"{name} IS ?" for name in names) or "1"
            self._selects[names] = (
                f"SELECT {', '.join(self.columns)} FROM {self.name}"
                f" WHERE {where} ORDER BY {', '.join(self.key)}"
            )
        return self._selects[names]

    def change_sql(self, names: tuple[str, ...], *, exists: bool) -> str:
        """Add or change a row of which only these columns are known."""
        unknown = set(names) - set(self.columns)
        if unknown:
            raise Refused(f"this release's {self.name} has no column {', '.join(sorted(unknown))}")
        if exists:
            return self._update(names)
        return (
            f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        )

    def _update(self, names: tuple[str, ...]) -> str:
        changes = ", ".join(f"{name} = ?" for name in names)
        return f"UPDATE {self.name} SET {changes} WHERE {self._where_key}"

    @cached_property
    def _where_key(self) -> str:
        return " AND ".join(f"{name} = ?" for name in self.key)

    @cached_property
    def _selects(self) -> dict[tuple[str, ...], str]:
        return {}

    # -- rows, plain values, columns --

    def key_of(self, row: Any) -> tuple[Any, ...]:
        """The primary key of a row."""
        if len(self.key) == 1:
            return (getattr(row, self.key[0]),)
        key: tuple[Any, ...] = attrgetter(*self.key)(row)
        return key

    def plain_of(self, row: Any) -> dict[str, Any]:
        """A row as it stands in a delta. Raises TypeError for a value its column can not hold."""
        found: dict[str, Any] = {}
        for name, accepted, identity in self._checks:
            value = getattr(row, name)
            if type(value) not in accepted:
                raise TypeError(f"{self.name}.{name} can not hold a {type(value).__name__}")
            found[name] = value if identity else plain(value)
        return found

    def columns_of(self, values: dict[str, Any]) -> list[Any]:
        """Plain values in the order of the columns, as SQLite stores them."""
        if not self._convert_out:
            return list(values.values())
        codecs = self.codecs
        return [
            value if codecs[name].to_column is None else codecs[name].to_column(value)  # type: ignore[misc]
            for name, value in values.items()
        ]

    def row_of(self, values: tuple[Any, ...]) -> Any:
        """A row from the values of all its columns, in their order."""
        if self._convert_in:
            pairs = zip(self._decoders, values, strict=True)
            return self.row(*[v if decode is None else decode(v) for decode, v in pairs])
        return self.row(*values)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.name for field in dataclasses.fields(self.row))

    @cached_property
    def codecs(self) -> dict[str, Codec]:
        return codecs_of(self.row)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return typing.get_type_hints(self.row)

    @cached_property
    def _checks(self) -> list[tuple[str, frozenset[type[Any]], bool]]:
        return [(name, *_accepted(self._hints[name])) for name in self.columns]

    @cached_property
    def _decoders(self) -> list[Any]:
        return [codec.from_column for codec in self.codecs.values()]

    @cached_property
    def _convert_in(self) -> bool:
        return any(self._decoders)

    @cached_property
    def _convert_out(self) -> bool:
        return any(codec.to_column for codec in self.codecs.values())


def _column_type(base: Any) -> str:
    base = typing.get_origin(base) or base
    if base in _TYPES:
        return _TYPES[base]
    if base is tuple or (isinstance(base, type) and issubclass(base, StrEnum)):
        return "TEXT"
    raise TypeError(f"no column can hold {base}")


def _accepted(annotation: Any) -> tuple[frozenset[type[Any]], bool]:
    """The exact types a column takes, and whether they stand in the log as they are."""
    base = without_none(annotation)
    kind: type[Any] = typing.get_origin(base) or base
    nothing = () if base is annotation else (type(None),)
    codec_of(base)  # Refuses at declaration what no row could hold.
    return frozenset((kind, *nothing)), kind in _IDENTITY
