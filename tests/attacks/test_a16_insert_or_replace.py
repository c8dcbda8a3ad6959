"""Attack A16: who has the file writes over a row that may only be added.

A raw connection of another SQLite library, without our code: what holds is in the schema.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parley import history
from runtime.schema import Schema
from runtime.tables import all_schemas
from tests.parley.a_call import agreed

assert len(history.DECLARING) > 1, "a store has the tables of all that was imported"

APPEND_ONLY = [schema for schema in all_schemas() if schema.append_only]
FILLED = ("consent_event", "chunk", "segment")
"""What a whole call has: of the others, a row is made up."""

VALUES: dict[str, Any] = {"TEXT": "x", "INTEGER": 1, "BLOB": b"x"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    asyncio.run(agreed(folder))
    return folder


@pytest.fixture
def raw(data: Path) -> Iterator[sqlite3.Connection]:
    """Whatever it does is taken back."""
    connection = sqlite3.connect(data / "parley.db", isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.execute("ROLLBACK")
    connection.close()


def names(raw: sqlite3.Connection, schema: Schema) -> list[tuple[str, str]]:
    found = raw.execute(f"PRAGMA table_info({schema.name})").fetchall()
    return [(name, kind) for _, name, kind, *_ in found]


def rows(raw: sqlite3.Connection, schema: Schema) -> list[tuple[Any, ...]]:
    """All of it; with one row at least."""
    query = f"SELECT * FROM {schema.name} ORDER BY {', '.join(schema.key)}"
    if found := raw.execute(query).fetchall():
        return found
    columns = names(raw, schema)
    marks = ", ".join("?" * len(columns))
    # What the store admits at all is another claim; here a row is to be there.
    raw.execute(f"DROP TRIGGER IF EXISTS {schema.name}_admitted")
    raw.execute(
        f"INSERT INTO {schema.name} VALUES ({marks})", [VALUES[kind] for _, kind in columns]
    )
    return raw.execute(query).fetchall()


def attacks(raw: sqlite3.Connection, schema: Schema, row: tuple[Any, ...]) -> Iterator[str]:
    columns = [name for name, _ in names(raw, schema)]
    key = " AND ".join(f"{name} IS {_quoted(row[columns.index(name)])}" for name in schema.key)
    other = next((name for name in columns if name not in schema.key), columns[0])
    values = ", ".join(map(_quoted, row))
    yield f"UPDATE {schema.name} SET {other} = {other} WHERE {key}"
    yield f"UPDATE OR REPLACE {schema.name} SET {schema.key[0]} = {schema.key[0]}"
    yield f"DELETE FROM {schema.name} WHERE {key}"
    yield f"DELETE FROM {schema.name}"
    yield f"INSERT OR REPLACE INTO {schema.name} VALUES ({values})"
    yield f"REPLACE INTO {schema.name} VALUES ({values})"
    yield f"INSERT INTO {schema.name} VALUES ({values})"
    yield (
        f"INSERT INTO {schema.name} VALUES ({values}) ON CONFLICT ({', '.join(schema.key)})"
        f" DO UPDATE SET {other} = excluded.{other}"
    )


def _quoted(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bytes():
            return f"x'{value.hex()}'"
        case int():
            return str(value)
        case _:
            return "'" + str(value).replace("'", "''") + "'"


@pytest.mark.parametrize("schema", APPEND_ONLY, ids=lambda schema: schema.name)
@pytest.mark.parametrize("recursive", ["OFF", "ON"])
def test_what_may_only_be_added_is_never_written_over(
    data: Path, schema: Schema, recursive: str
) -> None:
    raw = sqlite3.connect(data / "parley.db", isolation_level=None)
    raw.execute(f"PRAGMA recursive_triggers = {recursive}")
    raw.execute("BEGIN IMMEDIATE")
    try:
        before = rows(raw, schema)
        for attack in attacks(raw, schema, before[0]):
            with pytest.raises(sqlite3.IntegrityError, match=r"is append-only|is not admitted"):
                raw.execute(attack)
            assert rows(raw, schema) == before, attack
    finally:
        raw.execute("ROLLBACK")
        raw.close()


def test_a_whole_call_has_rows_in_those_that_matter(raw: sqlite3.Connection) -> None:
    for name in FILLED:
        assert raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
    assert {*FILLED} <= {schema.name for schema in APPEND_ONLY}


def test_the_same_is_found_where_nothing_guards_it(raw: sqlite3.Connection) -> None:
    """The attack works where the triggers are gone: what is tested is them."""
    for name in ("no_update", "no_delete", "no_replace"):
        raw.execute(f"DROP TRIGGER consent_event_{name}")
    before = raw.execute("SELECT * FROM consent_event ORDER BY id").fetchall()
    values = ", ".join(map(_quoted, before[0][:-1])) + ", 0"
    raw.execute(f"INSERT OR REPLACE INTO consent_event VALUES ({values})")
    assert raw.execute("SELECT * FROM consent_event ORDER BY id").fetchall() != before
