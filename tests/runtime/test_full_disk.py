"""A full disk: the action is refused, what is stored stays readable, then it goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from runtime.engines import sqlite
from runtime.errors import StoreFull
from runtime.keystore import KeyDestroyed, Keystore, KeystoreError
from runtime.opening import examine
from runtime.store import Store
from tests.disks import small_disk
from tests.runtime.bank import Account, opened

pytestmark = pytest.mark.anyio


async def test_a_full_disk_refuses_and_keeps_what_is_stored(
    tmp_path: Path,
    clock: Callable[[], int],
    entropy: Callable[[int], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[apsw.Connection] = []

    def small(path: Path, **options: Any) -> apsw.Connection:
        held.append(open_writer(path, **options))
        return held[0]

    open_writer = sqlite.open_writer
    monkeypatch.setattr(sqlite, "open_writer", small)
    store = await Store.open(tmp_path / "s.db", clock, entropy)
    await store.act(opened, sender="ann", account="a", cents=1)
    held[0].authorizer = None  # The test may set what the store may not.
    (pages,) = held[0].execute("PRAGMA page_count").fetchone() or (0,)
    held[0].execute(f"PRAGMA max_page_count={pages}")

    refused = 0
    for n in range(200):
        try:
            await store.act(opened, sender="ann", account=f"b{n}" * 50, cents=n)
        except StoreFull:
            refused += 1
    assert refused
    assert Account(id="a", cents=1) in await store.reader.rows(Account)

    held[0].execute("PRAGMA max_page_count=100000")
    assert await store.act(opened, sender="ann", account="c", cents=7) == 7
    (size,) = (await store.reader.sql("SELECT count(*) FROM log"))[0]
    assert size == (await store.reader.sql("SELECT max(seq) FROM log"))[0][0]
    await store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 64 * 1_024) as folder:
        yield folder


@pytest.fixture
def larger_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 2 * 1_024 * 1_024) as folder:
        yield folder


def fill(disk: Path) -> Path:
    """Take the last byte."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4_096)):
                continue
        except OSError:
            return filling
    raise AssertionError("a disk without an end")


def test_a_full_disk_makes_no_half_key(disk: Path) -> None:
    keystore = Keystore(disk / "keys")
    key_id = keystore.prepare()
    filling = fill(disk)
    with pytest.raises(KeystoreError, match="make room"):
        keystore.prepare()
    assert Keystore(disk / "keys").ids() == [key_id]
    filling.unlink()
    assert len(keystore.key(keystore.prepare())) == 32


def test_a_full_disk_destroys_no_key_by_half(disk: Path) -> None:
    keystore = Keystore(disk / "keys")
    key_id = keystore.prepare()
    key = keystore.key(key_id)
    filling = fill(disk)
    with pytest.raises(KeystoreError, match="make room"):
        keystore.destroy(key_id)
    assert Keystore(disk / "keys").key(key_id) == key
    filling.unlink()
    keystore.destroy(key_id)
    with pytest.raises(KeyDestroyed):
        keystore.key(key_id)


async def test_a_disk_that_is_really_full_refuses_then_goes_on(
    larger_disk: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    """Not a limit of SQLite's own: the kernel has no page left for the write-ahead log."""
    disk = larger_disk
    store = await Store.open(disk / "s.db", clock, entropy)
    await store.act(opened, sender="ann", account="a", cents=1)
    filling = fill(disk)
    with pytest.raises(StoreFull) as full:
        for n in range(100):
            await store.act(opened, sender="ann", account=f"b{n}" * 200, cents=n)
    assert full.value.retry_after_ms > 0
    assert Account(id="a", cents=1) in await store.reader.rows(Account)
    filling.unlink()
    assert await store.act(opened, sender="ann", account="c", cents=7) == 7
    end = await store.reader.sql("SELECT count(*), max(seq) FROM log")
    assert end[0][0] == end[0][1]
    await store.close()
    assert examine(disk / "s.db", at_work=False).frontier.size == end[0][0]
