"""The guard refuses, at registration, what a replay could not repeat; the rest is out of reach."""

import re
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import apsw
import pytest

from parley import history
from runtime import Context, reducers
from runtime.confinement import confined
from runtime.determinism import check, read
from runtime.engines import sqlite
from runtime.errors import Nondeterminism, Refused
from runtime.pure import BUILTINS
from runtime.reducers import Reducer
from runtime.tables import Rows, schema_of
from tests.runtime import bank
from tests.runtime.attacks import REFUSED
from tests.runtime.bank import Account


@pytest.mark.parametrize("function", REFUSED, ids=lambda one: one.__name__)
def test_it_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(Nondeterminism, match=re.escape(REFUSED[function])) as caught:
        check(function)
    assert re.match(r"tests/runtime/\w+\.py, line \d+: ", str(caught.value))


RATES = {"a": (1, 2), "b": (3, 4)}


class Colour(StrEnum):
    """Its order is that of the lines."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Money:
    """A value with behaviour of its own."""

    cents: int

    @property
    def whole(self) -> int:
        return self.cents // 100

    def plus(self, cents: int) -> "Money":
        return replace(self, cents=self.cents + cents)


def harmless(ctx: Context, names: dict[str, int], text: str) -> str:
    """Uses what may be used."""
    money = Money(RATES["a"][0]).plus(2**3)
    try:
        number = int(text)
    except ValueError:
        number = 0
    inner = [f"{name}:{count:04d}" for name, count in names.items() if (n := count) > 0 and n]
    return ", ".join([*inner, *sorted(Colour), str(money.whole), called_below(ctx, number)])


def called_below(ctx: Context, number: int) -> str:
    """Stands below what calls it."""
    if number < 0:
        raise Refused(f"{number!r} is negative")
    return f"at {ctx.now // 1_000} {ctx.rng.randrange(10)} {bank.opened.__name__ and ''}"


def test_an_honest_reducer_is_accepted_and_hashed() -> None:
    assert len(check(called_above)) == 64
    assert check(called_above) == check(called_above)


def called_above(ctx: Context, names: dict[str, int]) -> int:
    """As plain as can be."""
    return len(names) + RATES["a"][0] + Money(5).whole


def test_all_reducers_of_the_house_are_accepted() -> None:
    assert history.DECLARING
    assert len(reducers.settle()) > 20


def test_the_hash_is_of_all_that_the_code_is_made_of() -> None:
    before = check(called_above)
    RATES["a"] = (2, 2)
    try:
        assert check(called_above) != before
    finally:
        RATES["a"] = (1, 2)
    assert check(called_above) == before


def test_what_is_put_into_a_table_of_rules_later_is_not_seen() -> None:
    run = confined(called_above, read(called_above))
    RATES["a"] = (9, 9)
    try:
        assert run(None, {}) == 1
    finally:
        RATES["a"] = (1, 2)


def adds(ctx: Context, name: str) -> None:
    """Adds to a table of rules, through another name."""
    rates: Any = RATES
    rates[name] = (0, 0)


def test_a_table_of_rules_cannot_be_changed_from_within() -> None:
    run = confined(adds, read(adds))
    with pytest.raises(TypeError, match="does not support item assignment"):
        run(None, "c")
    assert "c" not in RATES


def calls_a_helper(ctx: Context) -> int:
    return helper(ctx)


def helper(ctx: Context) -> int:
    return 1


def test_a_function_put_in_the_place_of_one_that_was_read_is_not_called() -> None:
    run = confined(calls_a_helper, read(calls_a_helper))
    honest = helper
    globals()["helper"] = lambda ctx: 2
    try:
        assert run(None) == 1
    finally:
        globals()["helper"] = honest


def test_nothing_but_what_was_read_is_in_reach() -> None:
    run: Any = confined(calls_a_helper, read(calls_a_helper))
    assert set(run.__globals__) == {"__builtins__", "__name__", "helper"}
    inner = run.__globals__["helper"]
    assert isinstance(inner, types.FunctionType)
    assert set(inner.__globals__) == {"__builtins__", "__name__"}
    assert set(inner.__globals__["__builtins__"]) == BUILTINS


def complains(ctx: Context) -> None:
    raise Refused(f"{ctx} can not")


def test_an_error_does_not_tell_an_address() -> None:
    reducer = Reducer("tests.complains", complains, (), False)
    with pytest.raises(Refused, match="<object object> can not"):
        reducer.run(object(), {})


def lists(ctx: Context, names: dict[str, int]) -> list[str]:
    return list(names)


def test_a_dict_comes_in_the_same_order_live_and_from_the_log() -> None:
    reducer = Reducer("tests.lists", lists, (), False)
    live = reducer.run(None, {"names": {"b": 1, "a": 2}})
    replayed = reducer.run(None, {"names": {"a": 2, "b": 1}})
    assert live == replayed == ["a", "b"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT random()",
        "SELECT datetime('now')",
        "SELECT strftime('%s')",
        "SELECT CURRENT_TIMESTAMP",
        "SELECT sqlite_version()",
        "SELECT avg(1)",
        "SELECT group_concat('x')",
        "SELECT load_extension('x')",
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


def halves(ctx: Context, power: int) -> Any:
    return 2**power


def test_a_float_that_came_about_all_the_same_cannot_be_stored() -> None:
    assert Reducer("tests.halves", halves, (), False).run(None, {"power": 1}) == 2
    with pytest.raises(TypeError, match="float can not stand in the log"):
        Reducer("tests.halves", halves, (), False).run(None, {"power": -1})


def test_rows_come_in_the_order_of_their_key() -> None:
    """Also where SQLite is told to reverse what was not asked to be in order."""
    connection = sqlite.open_memory()
    for statement in schema_of(Account).ddl():
        connection.execute(statement)
    connection.execute("PRAGMA reverse_unordered_selects=ON")
    accounts = Rows(Account, connection, [])
    for name in ("b", "a", "c"):
        accounts.insert(Account(id=name, cents=1))

    assert [row.id for row in accounts.where(cents=1)] == ["a", "b", "c"]
    unordered = connection.execute("SELECT id FROM account").fetchall()
    assert unordered == [("c",), ("b",), ("a",)]


COMPUTED = """
import time
def pays(ctx, at={default}):
    return at
"""


def defined(tmp_path: Path, name: str, default: str) -> Callable[..., Any]:
    """The same code in a file of its own: a default is no part of a function's code."""
    path = tmp_path / f"{name}.py"
    path.write_text(COMPUTED.format(default=default))
    known: dict[str, Any] = {"__name__": "tests.runtime.attacks"}
    exec(compile(path.read_text(), str(path), "exec"), known)
    made: Callable[..., Any] = known["pays"]
    return made


def test_the_same_code_with_a_computed_default_is_refused(tmp_path: Path) -> None:
    plain, computed = defined(tmp_path, "one", "1"), defined(tmp_path, "two", "int(time.time())")
    assert plain.__code__ == computed.__code__
    check(plain)
    with pytest.raises(Nondeterminism, match="a default that is computed"):
        check(computed)
