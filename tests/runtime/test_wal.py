"""The write-ahead log is read as SQLite recovers it, and damage is told from a torn tail."""

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from runtime.engines import wal
from runtime.engines.wal import Scan, scan
from tests.runtime.damage import flip

FRAME = wal.FRAME_HEADER_BYTES + wal.PAGE_BYTES


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A copy of a log of 30 transactions, one to four frames each, beside an empty database."""
    source = apsw.Connection(str(tmp_path / "source.db"))
    source.execute("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0")
    source.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text BLOB)")
    for n in range(29):
        source.execute("INSERT INTO t VALUES (?, zeroblob(?))", (n, n % 4 * 4_000))
    copy = tmp_path / "copy.db"
    for end in ("", "-wal"):
        Path(f"{copy}{end}").write_bytes((tmp_path / f"source.db{end}").read_bytes())
    source.close()
    yield copy


def recovered(path: Path) -> int:
    """How many frames SQLite itself recovers."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.execute("SELECT * FROM sqlite_schema").fetchall()
        return int.from_bytes(Path(f"{path}-shm").read_bytes()[16:20], "little")
    finally:
        connection.close()
        Path(f"{path}-shm").unlink(missing_ok=True)


def commits(path: Path) -> list[int]:
    """The frames, from 1, that end a transaction."""
    return commits_in(wal.path_of(path).read_bytes())


def commits_in(data: bytes) -> list[int]:
    starts = range(wal.HEADER_BYTES, len(data), FRAME)
    return [n for n, at in enumerate(starts, 1) if any(data[at + 4 : at + 8])]


def test_a_whole_log_is_read_to_its_end(path: Path) -> None:
    found = wal.read(path)
    assert found == Scan(commits(path)[-1], commits(path)[-1], None)
    assert found.recovered == recovered(path)


def test_no_log_and_one_that_was_only_begun_are_empty(path: Path) -> None:
    whole = wal.path_of(path).read_bytes()
    for size in (0, 10, wal.HEADER_BYTES):
        wal.path_of(path).write_bytes(whole[:size])
        assert wal.read(path) == Scan(0, 0, None)
    wal.path_of(path).unlink()
    assert wal.read(path) == Scan(0, 0, None)


def test_a_log_cut_anywhere_is_a_torn_tail(path: Path) -> None:
    whole = wal.path_of(path).read_bytes()
    chance = random.Random(4711)
    for _ in range(40):
        wal.path_of(path).write_bytes(whole[: chance.randrange(wal.HEADER_BYTES + 1, len(whole))])
        found = wal.read(path)
        assert found.damaged is None
        assert found.recovered == recovered(path)


def test_a_flipped_bit_before_the_last_transaction_is_damage(path: Path) -> None:
    whole = wal.path_of(path).read_bytes()
    last = wal.HEADER_BYTES + commits(path)[-2] * FRAME
    chance = random.Random(4711)
    for _ in range(60):
        at = chance.randrange(last)
        wal.path_of(path).write_bytes(whole)
        flip(wal.path_of(path), at, 1 << chance.randrange(8))
        found = wal.read(path)
        bad = 0 if at < wal.HEADER_BYTES else (at - wal.HEADER_BYTES) // FRAME + 1
        assert found.damaged == bad
        assert found.recovered == recovered(path)


def test_a_flipped_bit_in_the_last_transaction_may_be_a_torn_tail(path: Path) -> None:
    whole = wal.path_of(path).read_bytes()
    last = wal.HEADER_BYTES + commits(path)[-2] * FRAME
    chance = random.Random(4711)
    for _ in range(20):
        wal.path_of(path).write_bytes(whole)
        flip(wal.path_of(path), chance.randrange(last, len(whole)))
        found = wal.read(path)
        assert found == Scan(found.frames, commits(path)[-2], None)
        assert found.recovered == recovered(path)


def test_frames_from_before_the_log_was_begun_anew_are_no_damage(path: Path) -> None:
    """The log is written over from its start; what lies beyond is older."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("INSERT INTO t VALUES (1000, 'x')")
    data = wal.path_of(path).read_bytes()
    connection.close()
    wal.path_of(path).write_bytes(data)
    found = wal.read(path)
    assert found.damaged is None
    assert 0 < found.recovered < found.frames


def test_what_a_rolled_back_transaction_left_is_no_damage(path: Path) -> None:
    """A transaction larger than the cache spills frames, is rolled back, and is written over."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA cache_size=5; PRAGMA wal_autocheckpoint=0")
    connection.execute("BEGIN")
    for n in range(100, 200):
        connection.execute("INSERT INTO t VALUES (?, zeroblob(9000))", (n,))
    connection.execute("ROLLBACK")
    connection.execute("INSERT INTO t VALUES (1000, 'x')")
    data = wal.path_of(path).read_bytes()
    connection.close()
    torn = bytearray(data)
    end = commits_in(data)[-1]
    assert (len(data) - wal.HEADER_BYTES) // FRAME > end + 10
    assert scan(memoryview(data)).recovered == end
    assert scan(memoryview(data)).damaged is None
    torn[wal.HEADER_BYTES + end * FRAME - 1] ^= 1
    assert scan(memoryview(torn)).damaged is None
