"""Damage is found on open and named by its first entry; what is sound opens."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from runtime import integrity
from runtime.engines import sqlite, wal, witness
from runtime.errors import StoreDamaged
from runtime.integrity import Growing, check
from runtime.log import Entry, leaf_of
from runtime.merkle import root
from runtime.migration import NotAdditive
from runtime.opening import Depth, examine
from runtime.scrub import Scrub
from runtime.store import Store
from tests.runtime.bank import opened
from tests.runtime.damage import act, at_rest, flip, killed, sql, writer

DEPTHS = pytest.mark.parametrize("depth", Depth)


def first_bad(path: Path, depth: Depth = Depth.ALL) -> int:
    with pytest.raises(StoreDamaged) as found:
        writer(path, depth)
    assert "restore a backup" in str(found.value)
    return found.value.seq


def entry(path: Path, seq: int) -> bytes:
    connection = sqlite.open_reader(path)
    (data,) = connection.execute("SELECT entry FROM log WHERE seq = ?", (seq,)).fetchone() or (b"",)
    connection.close()
    return bytes(data)


@DEPTHS
def test_a_sound_store_opens_and_goes_on(tmp_path: Path, depth: Depth) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    store = writer(path, depth)
    act(store, 41, 1)
    assert store.size == 41
    store.close()


def test_the_folded_frontier_is_that_of_the_tree() -> None:
    leaves = [leaf_of(str(n).encode()) for n in range(2_500)]
    growing = Growing()
    for n, leaf in enumerate(leaves, 1):
        growing.add(leaf)
        if n in (1, 1_023, 1_024, 1_025, 2_048, 2_500):
            assert growing.frontier().root == root(leaves[:n])
            assert growing.frontier().size == n


@DEPTHS
def test_changed_bytes_are_named(tmp_path: Path, depth: Depth) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    data = entry(path, 17).replace(b'"cents":17', b'"cents":71')
    sql(path, "UPDATE log SET entry = ? WHERE seq = 17", data)
    assert first_bad(path, depth) == 17


@DEPTHS
def test_changed_bytes_with_a_leaf_that_fits_are_named_by_the_chain(
    tmp_path: Path, depth: Depth
) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    data = entry(path, 30).replace(b'"cents":30', b'"cents":31')
    sql(path, "UPDATE log SET entry = ?, leaf = ? WHERE seq = 30", data, leaf_of(data))
    assert first_bad(path, depth) == 30


@DEPTHS
def test_a_missing_entry_is_named(tmp_path: Path, depth: Depth) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    sql(path, "DELETE FROM log WHERE seq = 9")
    assert first_bad(path, depth) == 9


@DEPTHS
def test_a_log_cut_short_is_named(tmp_path: Path, depth: Depth) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    sql(path, "DELETE FROM log WHERE seq > 31")
    assert first_bad(path, depth) == 32


@DEPTHS
def test_an_entry_that_is_no_bytes_is_named(tmp_path: Path, depth: Depth) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'log'"
    )
    connection.close()
    sql(path, "UPDATE log SET entry = 'text' WHERE seq = 12")
    assert first_bad(path, depth) == 12


@DEPTHS
def test_a_row_of_the_end_that_was_changed_is_named_after_the_last_entry(
    tmp_path: Path, depth: Depth
) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    connection = sqlite.open_reader(path)
    ((frontier,),) = connection.execute("SELECT frontier FROM head").fetchall()
    connection.close()
    assert isinstance(frontier, bytes)
    bad = bytes([*frontier[:-1], frontier[-1] ^ 1])
    sql(path, "UPDATE head SET frontier = ?", bad)
    assert first_bad(path, depth) == 41
    sql(path, "UPDATE head SET frontier = ?", bad[:-1])
    assert first_bad(path, depth) in (1, 41)


def test_a_log_written_anew_is_not_the_one_that_was_signed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    connection = sqlite.open_reader(path)
    notes = connection.execute("SELECT size, at_us, note FROM checkpoint").fetchall()
    connection.close()
    other = tmp_path / "other.db"
    store = writer(other)
    act(store, 2, 40)  # The same length, with another history.
    store.close()
    sql(other, "INSERT INTO checkpoint VALUES (?, ?, ?)", *notes[0])
    assert first_bad(other) == 1


def test_a_checkpoint_beyond_the_log_says_what_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    at_rest(path, entries=40, signed=40)
    connection = sqlite.open_reader(path)
    notes = connection.execute("SELECT size, at_us, note FROM checkpoint").fetchall()
    connection.close()
    other = tmp_path / "other.db"
    at_rest(other, entries=30, signed=5)
    sql(other, "INSERT INTO checkpoint VALUES (?, ?, ?)", *notes[0])
    assert first_bad(other) == 31


def test_the_scrub_reads_what_the_tail_left_out(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    at_rest(path, entries=300)
    store = writer(path)
    found: list[StoreDamaged] = []
    Scrub(path, store.end, found.append).wait()
    assert found == []
    act(store, 301, 5)  # What is appended meanwhile is no damage.
    Scrub(path, store.end, found.append).wait()
    assert found == []
    sql(path, "UPDATE log SET entry = ? WHERE seq = 207", b"nothing like it")
    Scrub(path, store.end, found.append).wait()
    assert [one.seq for one in found] == [207]
    store.close()


@pytest.mark.anyio
async def test_a_scrub_that_finds_damage_breaks_the_store(
    tmp_path: Path,
    clock: Callable[[], int],
    entropy: Callable[[int], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "s.db"
    at_rest(path, entries=300)
    sql(path, "UPDATE log SET entry = ? WHERE seq = 7", b"nothing like it")
    monkeypatch.setattr(integrity.check_tail, "__defaults__", (100,))
    store = await Store.open(path, clock, entropy, Depth.TAIL)
    await store.act(opened, sender="ann", account="z", cents=1)  # It serves at once.
    broken = await asyncio.wait_for(store.broken, 10)
    assert isinstance(broken, StoreDamaged)
    assert broken.seq == 7
    await store.close()


def test_a_log_shorter_than_what_was_acknowledged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    killed(path, entries=12)
    wal.path_of(path).unlink()
    assert first_bad(path) == 1
    assert first_bad(path, Depth.TAIL) == 1


@DEPTHS
def test_a_write_ahead_log_cut_short_is_named(tmp_path: Path, depth: Depth) -> None:
    path = tmp_path / "s.db"
    killed(path, entries=12)
    log = wal.path_of(path)
    log.write_bytes(log.read_bytes()[: -(4_096 + 24)])
    assert first_bad(path, depth) == 12


def test_a_torn_tail_that_nobody_was_told_of_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    killed(path, entries=12)
    witness.path_of(path).unlink()  # As after a power cut: it is never flushed.
    log = wal.path_of(path)
    log.write_bytes(log.read_bytes()[:-100])
    store = writer(path)
    assert store.size == 11
    store.close()


def test_a_write_ahead_log_damaged_in_the_middle_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    killed(path, entries=60)  # More than all tables take.
    witness.path_of(path).unlink()
    log = wal.path_of(path)
    flip(log, log.stat().st_size // 2)
    before = log.read_bytes()
    bad = first_bad(path)
    assert 1 < bad < 60
    assert log.read_bytes() == before
    assert first_bad(path) == bad


def test_a_replaced_file_is_not_the_one_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    other = tmp_path / "other.db"
    store = writer(other)
    act(store, 2, 40)
    store.close()
    other.replace(path)
    assert first_bad(path) == 40


def test_a_file_that_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    path.unlink()
    assert first_bad(path) == 1
    assert not path.exists()


def test_a_witness_of_nonsense_vouches_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    at_rest(path)
    for nonsense in (b"", b"x" * 56, witness.path_of(path).read_bytes()[:-1] + b"\x00"):
        witness.path_of(path).write_bytes(nonsense)
        writer(path).close()
        assert witness.read(path) is not None


def test_a_store_at_work_can_be_examined(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = writer(path)
    act(store, 1, 10)
    assert examine(path, at_work=True).frontier.size == 10
    store.close()
    assert examine(path, at_work=False).frontier.size == 10


@pytest.mark.slow
def test_no_flipped_bit_passes_for_a_log(tmp_path: Path) -> None:
    """Any bit of the file: the log is what it was, or the store says that it is damaged."""
    path = tmp_path / "s.db"
    at_rest(path, entries=120, signed=60)
    reader = sqlite.open_reader(path)
    sound = check(reader)
    reader.close()
    whole = path.read_bytes()
    acknowledged = witness.path_of(path).read_bytes()
    chance, named = random.Random(4711), 0
    for _ in range(800):
        at, mask = chance.randrange(len(whole)), 1 << chance.randrange(8)
        path.write_bytes(whole)
        witness.path_of(path).write_bytes(acknowledged)
        flip(path, at, mask)
        try:
            store = writer(path)
        except StoreDamaged:
            named += 1
            continue
        except NotAdditive:  # The bit was of a column's name: what is stored is not declared.
            continue
        except apsw.Error as error:
            pytest.fail(f"byte {at}, mask {mask}: {type(error).__name__}: {error}")
        assert store.end == sound
        store.close()
        reader = sqlite.open_reader(path)
        for (data,) in reader.execute("SELECT entry FROM log ORDER BY seq"):
            Entry.decode(data)
        reader.close()
    assert named > 100
