"""Committed rows for readers: aiosqlite over the same SQLite library that writes.

Two different SQLite libraries on one file in one process would break each other's file locks,
so aiosqlite is given connections of the writer's library.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import aiosqlite

from runtime.engines import sqlite
from runtime.tables import schema_of, to_row
from runtime.values import to_column

R = TypeVar("R")


class Reads(Protocol):
    """What a reader of committed rows can do."""

    async def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        ...

    async def rows(self, cls: type[R], **equals: Any) -> list[R]:
        """Typed rows with these values, in the order of the primary key."""
        ...

    async def close(self) -> None:
        """No more reading."""
        ...


class Reader:
    """Reads on a thread of its own; sees every commit that was acknowledged before."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> "Reader":
        """Open the file read-only; it must exist."""
        connect = cast("Any", lambda: cast(sqlite3.Connection, sqlite.open_reader(path)))
        connection = aiosqlite.Connection(connect, iter_chunk_size=64)
        # A reader holds nothing that is not on disk: no process has to wait for it when it ends.
        cast("Any", connection)._thread.daemon = True
        return cls(await connection)

    async def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        # In one step: what begins while another statement is under way sees what that one sees,
        # and would miss what was committed since.
        found = await self._connection.execute_fetchall(statement, list(values))
        return cast("list[tuple[Any, ...]]", list(found))

    async def rows(self, cls: type[R], **equals: Any) -> list[R]:
        """Typed rows with these values, in the order of the primary key."""
        statement = schema_of(cls).select_sql(tuple(equals))
        found = await self.sql(statement, [to_column(value) for value in equals.values()])
        return [to_row(cls, row) for row in found]

    async def close(self) -> None:
        """Close the connection and its thread."""
        await self._connection.close()
