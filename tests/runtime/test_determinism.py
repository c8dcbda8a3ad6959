"""The guard refuses, at registration, what a replay could not repeat."""

import os
import random
import time
from collections.abc import Callable
from typing import Any

import apsw
import pytest

from runtime import Context
from runtime.determinism import check
from runtime.engines import sqlite
from runtime.errors import Nondeterminism


def reads_a_clock(ctx: Context) -> float:
    return time.time()


def draws_a_number(ctx: Context) -> float:
    return random.random()


def asks_the_environment(ctx: Context) -> str | None:
    return os.environ.get("HOME")


def opens_a_file(ctx: Context) -> str:
    return open("x").read()


def iterates_a_set(ctx: Context) -> list[str]:
    return [one for one in {"a", "b"}]  # noqa: C416, PLC0208


def makes_a_set(ctx: Context, names: list[str]) -> list[str]:
    return list(set(names))


def hashes(ctx: Context, name: str) -> int:
    return hash(name)


def divides(ctx: Context, cents: int) -> float:
    return cents / 2


def has_a_float(ctx: Context) -> int:
    return int(0.1)


def imports(ctx: Context) -> int:
    import math  # noqa: PLC0415

    return math.floor(1)


def swallows(ctx: Context) -> None:
    try:
        ctx.new_id("x")
    except Exception:
        return


def reaches_inside(ctx: Context) -> Any:
    return ctx._connection  # pyright: ignore[reportPrivateUsage]


async def waits(ctx: Context) -> None:
    return


def hides_it_in_a_helper(ctx: Context) -> float:
    return reads_a_clock(ctx)


@pytest.mark.parametrize(
    "function",
    [
        reads_a_clock,
        draws_a_number,
        asks_the_environment,
        opens_a_file,
        iterates_a_set,
        makes_a_set,
        hashes,
        divides,
        has_a_float,
        imports,
        swallows,
        reaches_inside,
        waits,
        hides_it_in_a_helper,
    ],
)
def test_it_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(Nondeterminism, match=function.__name__ + "|reads_a_clock"):
        check(function)


def harmless(ctx: Context, names: list[str]) -> str:
    return ", ".join(sorted(names)) + f" at {ctx.now // 1_000}"


def test_an_honest_reducer_is_accepted_and_hashed() -> None:
    assert len(check(harmless)) == 64
    assert check(harmless) == check(harmless)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT random()",
        "SELECT datetime('now')",
        "SELECT strftime('%s')",
        "SELECT CURRENT_TIMESTAMP",
        "CREATE TABLE t (at TEXT DEFAULT CURRENT_TIMESTAMP); INSERT INTO t DEFAULT VALUES",
        "PRAGMA synchronous=OFF",
        "ATTACH ':memory:' AS other",
    ],
)
def test_sqlite_refuses_it_too(statement: str) -> None:
    connection = sqlite.open_memory()
    sqlite.confine(connection)

    with pytest.raises((apsw.AuthError, apsw.SQLError), match="not authorized"):
        connection.execute(statement)
