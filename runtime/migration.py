"""Tables brought up to what the code declares: added to, never taken from.

An entry of years ago must still be readable, and a version that is rolled back must still find
its columns; so a column may be added (with a default), and nothing may be removed or changed.
"""

from collections.abc import Iterable

import apsw

from runtime.errors import Refused
from runtime.schema import Schema
from runtime.tables import all_schemas


class NotAdditive(Refused):
    """A declared table does not extend the stored one; the message says in what."""


def migrate(connection: apsw.Connection, schemas: Iterable[Schema] | None = None) -> list[str]:
    """Create and extend tables inside the caller's transaction. Answers what was done.

    Raises NotAdditive. Every table is looked at before the first is touched.
    """
    due = [
        statement
        for schema in (all_schemas() if schemas is None else schemas)
        for statement in additions(connection, schema)
    ]
    for statement in due:
        connection.execute(statement)
    return due


def additions(connection: apsw.Connection, schema: Schema) -> list[str]:
    """The statements that make the stored table the declared one."""
    stored = {
        name: f"{name} {kind}{' NOT NULL' if notnull else ''}"
        for name, kind, notnull in connection.execute(
            'SELECT name, type, "notnull" FROM pragma_table_info(?)', (schema.name,)
        )
    }
    if not stored:
        return schema.ddl()
    _refuse_changes(connection, schema, stored)
    add = [name for name in schema.columns if name not in stored]
    for name in add:
        if " DEFAULT " not in schema.column(name):
            raise NotAdditive(f"{schema.name}.{name} is new: give the field a default value")
    lines = [f"ALTER TABLE {schema.name} ADD COLUMN {schema.column(name)}" for name in add]
    known = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE tbl_name = ? AND type != 'table'", (schema.name,)
        )
    }
    return lines + [line for line in schema.index_ddl() if line.split()[5] not in known]


def _refuse_changes(connection: apsw.Connection, schema: Schema, stored: dict[str, str]) -> None:
    for name, was in stored.items():
        if name not in schema.columns:
            raise NotAdditive(f"{schema.name}.{name} is stored but no longer declared: keep it")
        now = schema.column(name).partition(" DEFAULT ")[0]
        if now != was:
            raise NotAdditive(f"{schema.name}.{name} was {was!r} and is now {now!r}: add another")
    key = tuple(
        name
        for (name,) in connection.execute(
            "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (schema.name,)
        )
    )
    if key != schema.key:
        raise NotAdditive(f"the primary key of {schema.name} is {key}, and can not become another")
