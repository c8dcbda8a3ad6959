"""Replay: the reducers, run again, do what the log says they did."""

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.replay import audit, entries, rebuild
from runtime.store import Store
from runtime.tables import select
from tests.runtime.bank import Account, opened, paid

pytestmark = pytest.mark.anyio


async def history(store: Store) -> None:
    await store.act(opened, sender="ann", scope="x", account="a", cents=5)
    await store.act(opened, sender="ann", scope="y", account="b", cents=0)
    await store.act(paid, sender="ann", scope="x", source="a", target="b", cents=2)


async def test_an_honest_log_replays_identically(store: Store, tmp_path: Path) -> None:
    await history(store)

    report = audit(entries(tmp_path / "parley.db"))

    assert (report.replayed, report.differences) == (3, ())


async def test_a_log_that_says_otherwise_is_found_out(store: Store, tmp_path: Path) -> None:
    await history(store)
    log = list(entries(tmp_path / "parley.db"))
    log[2] = replace(log[2], args={**log[2].args, "cents": 3})

    report = audit(log)

    assert {one.seq for one in report.differences} == {3}


async def test_one_scope_is_replayed_over_the_rows_of_all(store: Store, tmp_path: Path) -> None:
    await history(store)

    report = audit(entries(tmp_path / "parley.db"), scope="x")

    assert (report.replayed, report.differences) == (2, ())


async def test_the_rows_can_be_seen_as_they_were(store: Store, tmp_path: Path) -> None:
    await history(store)

    then = rebuild(entries(tmp_path / "parley.db", until_seq=2))

    assert select(then, Account, (), ()) == [Account(id="a", cents=5), Account(id="b", cents=0)]


async def test_rows_are_not_rebuilt_from_changes_that_do_not_fit(
    store: Store, tmp_path: Path
) -> None:
    await history(store)
    log = list(entries(tmp_path / "parley.db"))

    with pytest.raises(ValueError, match=r"entry 1, tests\.opened: its changes do not fit"):
        rebuild([*log, log[0]])


async def test_entries_are_those_of_the_moment_at_which_they_were_asked_for(
    store: Store, tmp_path: Path
) -> None:
    await history(store)
    log = entries(tmp_path / "parley.db")
    first = next(log)
    await store.act(opened, sender="ann", scope="x", account="c", cents=5)

    assert [first.seq, *(entry.seq for entry in log)] == [1, 2, 3]
