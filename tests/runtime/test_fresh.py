"""Replay in a fresh process: what differs there is named, and stops nobody."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from parley import history
from runtime import fresh
from runtime import writer as writer_module
from runtime.execution import execute
from runtime.fresh import ReplayFailed, replay_elsewhere, surroundings
from runtime.replay import replay
from runtime.store import Store
from runtime.writer import Committed, Writer, action_of
from tests.parley.a_call import SECOND_US, agreed, refused
from tests.runtime.bank import Account, opened, paid
from tests.runtime.smuggled import located, shuffled, stamped

pytestmark = pytest.mark.anyio

BANK = "tests.runtime.bank"
SMUGGLED = "tests.runtime.smuggled"
NAMES = {f"name{n}": n for n in range(40)}


async def payments(store: Store) -> None:
    await store.act(opened, sender="ann", scope="x", account="a", cents=5)
    await store.act(opened, sender="ann", scope="y", account="b", cents=0)
    await store.act(paid, sender="ann", scope="x", source="a", target="b", cents=2)


def tamper(tmp_path: Path, statement: str) -> None:
    with closing(apsw.Connection(str(tmp_path / "parley.db"))) as connection:
        connection.execute(statement)


def forged(old: str, new: str) -> str:
    text = f"replace(CAST(entry AS TEXT), '{old}', '{new}')"
    return f"UPDATE log SET entry = CAST({text} AS BLOB)"


async def test_an_honest_log_is_identical_there(store: Store, tmp_path: Path) -> None:
    await payments(store)
    heard: list[tuple[int, int]] = []

    audit = replay_elsewhere(
        tmp_path / "parley.db", BANK, tell=lambda done, size: heard.append((done, size))
    )

    assert (audit.identical, audit.replayed, heard) == (True, 3, [(3, 3)])
    assert audit.state == replay(tmp_path / "parley.db").state


async def test_one_scope_is_replayed_there(store: Store, tmp_path: Path) -> None:
    await payments(store)

    audit = replay_elsewhere(tmp_path / "parley.db", BANK, "x")

    assert (audit.identical, audit.replayed) == (True, 2)


def test_all_that_must_not_matter_is_otherwise_there() -> None:
    here = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "tr_TR.UTF-8", "HOME": "/h"}

    there = surroundings(here)

    for name in ("PYTHONHASHSEED", "TZ", "LC_ALL", "PYTHONINTMAXSTRDIGITS"):
        assert there[name] != here.get(name)
    assert there["HOME"] == "/h"


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "3", "4"])
async def test_whole_calls_are_identical_under_any_hash_seed(tmp_path: Path, seed: str) -> None:
    first = await agreed(tmp_path, "call_a1")
    await refused(tmp_path, "call_b2", first.now_us + SECOND_US)
    there = {**surroundings(os.environ), "PYTHONHASHSEED": seed}

    audit = replay_elsewhere(tmp_path / "parley.db", history.__name__, environment=there)

    assert audit.identical
    assert audit.replayed == first.seqs["call_sealed"] + 7


async def test_an_order_that_depends_on_the_hash_seed_is_found(
    tmp_path: Path,
    clock: Callable[[], int],
    entropy: Callable[[int], bytes],
) -> None:
    """It is an alarm, not an outage: the store opens again, and goes on."""
    store = await Store.open(tmp_path / "parley.db", clock, entropy)
    await payments(store)
    said = await store.act(shuffled, sender="ann", names=NAMES)
    await store.close()

    audit = replay_elsewhere(tmp_path / "parley.db", SMUGGLED)

    (difference,) = [one for one in audit.differences if one.seq is not None]
    assert (difference.seq, difference.reducer) == (4, "tests.shuffled")
    assert "now answers" in difference.what
    assert audit.damaged == ()

    again = await Store.open(tmp_path / "parley.db", clock, entropy)
    ((kept,),) = await again.reader.sql("SELECT text FROM receipt WHERE text = ?", (said,))
    assert kept == said
    await again.act(opened, sender="ann", account="c", cents=1)
    assert await again.reader.rows(Account, id="c") == [Account(id="c", cents=1)]
    await again.close()


async def test_an_address_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, draws = iter(range(1, 9)), iter(range(1, 9))
    monkeypatch.setattr(writer_module, "execute", execute)  # Once: twice would find it already.
    writer = Writer(tmp_path / "parley.db", lambda: next(ticks), lambda n: bytes([next(draws)] * n))
    (outcome,) = writer.commit([action_of(located, {}, sender="ann")])
    writer.close()

    audit = replay_elsewhere(tmp_path / "parley.db", SMUGGLED)

    assert isinstance(outcome, Committed)
    assert (1, "tests.located") in [(one.seq, one.reducer) for one in audit.differences]


async def test_a_value_computed_at_import_is_found_without_an_action(
    store: Store, tmp_path: Path
) -> None:
    await payments(store)

    audit = replay_elsewhere(tmp_path / "parley.db", SMUGGLED)

    assert [(one.seq, one.reducer) for one in audit.differences] == [(None, "tests.stamped")]
    assert "computed when its module was imported" in audit.differences[0].what
    assert stamped.__module__ == SMUGGLED


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE account SET cents = 99 WHERE id = 'b'", ("account", "b", "cents: not what")),
        ("INSERT INTO account VALUES ('aa', 1)", ("account", "aa", "no entry of the log made")),
        ("INSERT INTO account VALUES ('z', 1)", ("account", "z", "no entry of the log made")),
        ("DELETE FROM account WHERE id = 'a'", ("account", "a", "it is gone")),
        ("DELETE FROM account WHERE id = 'b'", ("account", "b", "it is gone")),
        ("DROP TABLE account", ("account", "a", "it is gone")),
        ("ALTER TABLE account DROP COLUMN cents", ("account", "*", "no such column: cents")),
        ("UPDATE account SET cents = 9007199254740993", ("account", "a", "cents: not what")),
    ],
)
async def test_a_row_that_was_changed_behind_the_log_is_named(
    store: Store, tmp_path: Path, statement: str, row: tuple[str, str, str]
) -> None:
    await payments(store)
    tamper(tmp_path, statement)

    audit = replay(tmp_path / "parley.db")

    table, key, what = row
    damage = audit.damaged[0]
    assert (audit.differences, damage.table, damage.key) == ((), table, key)
    assert what in damage.what


@pytest.mark.parametrize(
    ("statement", "seq", "what"),
    [
        ("UPDATE log SET entry = x'00' WHERE seq = 3", 3, "cannot be read"),
        ("DELETE FROM log WHERE seq = 2", 2, "is missing"),
        (forged('"seq":2', '"seq":9'), 2, "says that it is entry 9"),
        (forged("tests.paid", "tests.gone"), 3, "no such reducer"),
        (forged('["receipt', '["gone'), 3, "there is no table gone"),
        (forged('"cents":2', '"cents":1'), 3, "now changes account a otherwise"),
    ],
)
async def test_an_entry_that_was_changed_is_named(
    store: Store, tmp_path: Path, statement: str, seq: int, what: str
) -> None:
    await payments(store)
    tamper(tmp_path, statement)

    audit = replay(tmp_path / "parley.db")

    assert audit.differences[0].seq == seq
    assert any(what in one.what for one in audit.differences)


async def test_what_is_written_meanwhile_is_not_seen(store: Store, tmp_path: Path) -> None:
    await payments(store)

    def write_meanwhile(done: int, size: int) -> None:
        tamper(tmp_path, "INSERT INTO account VALUES ('meanwhile', 1)")

    first = replay(tmp_path / "parley.db", tell=write_meanwhile)
    second = replay(tmp_path / "parley.db")

    assert first.identical
    assert [one.key for one in second.damaged] == ["meanwhile"]


async def test_a_process_that_ends_without_an_answer_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(ReplayFailed, match="unable to open database file"):
        fresh.replay_elsewhere(tmp_path / "nothing" / "here.db", BANK)
