"""Tables are added to, never taken from; whoever would is told which column."""

from dataclasses import dataclass
from typing import Any

import apsw
import pytest

from runtime.engines import sqlite
from runtime.migration import NotAdditive, migrate
from runtime.schema import Schema
from runtime.tables import apply_delta


@dataclass(frozen=True)
class First:
    id: str
    cents: int


@dataclass(frozen=True)
class Longer:
    id: str
    cents: int
    currency: str = "it's EUR"
    note: str | None = None


@dataclass(frozen=True)
class WithoutDefault:
    id: str
    cents: int
    currency: str


@dataclass(frozen=True)
class Shorter:
    id: str


@dataclass(frozen=True)
class Retyped:
    id: str
    cents: str


def schema(row: type[Any], key: tuple[str, ...] = ("id",), **more: Any) -> Schema:
    return Schema("thing", row, key, more.get("index", ()), more.get("append_only", False))


@pytest.fixture
def stored() -> apsw.Connection:
    connection = sqlite.open_memory()
    migrate(connection, [schema(First)])
    connection.execute("INSERT INTO thing VALUES ('a', 5)")
    return connection


def test_a_column_is_added_with_its_default(stored: apsw.Connection) -> None:
    migrate(stored, [schema(Longer, index=(("currency",),))])

    assert stored.execute("SELECT * FROM thing").fetchall() == [("a", 5, "it's EUR", None)]
    assert migrate(stored, [schema(Longer, index=(("currency",),))]) == []


def test_code_that_does_not_know_a_column_leaves_it_as_it_is(stored: apsw.Connection) -> None:
    migrate(stored, [schema(Longer)])
    stored.execute("UPDATE thing SET currency = 'CHF'")
    old = schema(First)
    apply_delta(stored, old, ({"id": "a", "cents": 5}, {"id": "a", "cents": 6}))
    apply_delta(stored, old, (None, {"id": "b", "cents": 1}))

    assert stored.execute("SELECT id, cents, currency FROM thing ORDER BY id").fetchall() == [
        ("a", 6, "CHF"),
        ("b", 1, "it's EUR"),
    ]


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        (schema(WithoutDefault), "thing.currency is new: give the field a default"),
        (schema(Shorter), "thing.cents is stored but no longer declared"),
        (schema(Retyped), "thing.cents was 'cents INTEGER NOT NULL' and is now"),
        (schema(First, key=("id", "cents")), "the primary key of thing"),
    ],
)
def test_anything_else_is_refused_and_nothing_is_touched(
    stored: apsw.Connection, declared: Schema, complaint: str
) -> None:
    with pytest.raises(NotAdditive, match=complaint.replace("(", r"\(")):
        migrate(stored, [schema(Longer), declared])

    assert stored.execute("SELECT * FROM thing").fetchall() == [("a", 5)]


def test_a_table_can_become_append_only(stored: apsw.Connection) -> None:
    migrate(stored, [schema(First, append_only=True)])

    with pytest.raises(apsw.ConstraintError, match="append-only"):
        stored.execute("UPDATE thing SET cents = 6")
