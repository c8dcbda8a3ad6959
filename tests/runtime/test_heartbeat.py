"""Whether the store stands, as whoever depends on it is told: never better than it is."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import StoreBroken, StoreFull
from runtime.store import Store
from tests.disks import small_disk
from tests.runtime.bank import opened
from tests.runtime.test_full_disk import fill

pytestmark = pytest.mark.anyio


async def test_a_store_which_has_nothing_to_do_stands_each_time_it_is_asked(store: Store) -> None:
    beats = [await store.heartbeat() for _ in range(3)]
    assert beats[0] < beats[1] < beats[2]
    assert await store.reader.sql("SELECT count(*) FROM log") == [(0,)]


async def test_who_waits_for_a_writer_that_hangs_hears_of_no_later_heartbeat(store: Store) -> None:
    free = threading.Event()
    hung = asyncio.create_task(store.between_batches(lambda writer: free.wait()))
    await asyncio.sleep(0)
    before = await store.heartbeat()
    again = await store.heartbeat()
    free.set()
    assert before == again, "nothing was finished in between"
    await hung
    assert await store.heartbeat() > again


async def test_who_was_replaced_stands_no_more(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    first = await Store.open(tmp_path / "s.db", clock, entropy)
    last = await first.heartbeat()
    second = await Store.open(tmp_path / "s.db", clock, entropy)
    assert await first.heartbeat() == await first.heartbeat() == last
    assert isinstance(await first.broken, StoreBroken)
    assert await second.heartbeat() > last
    await first.close()
    await second.close()


async def test_a_store_without_room_stands_again_once_there_is_some(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    with small_disk(tmp_path / "disk", 2 * 1_024 * 1_024) as disk:
        store = await Store.open(disk / "s.db", clock, entropy)
        filling = fill(disk)
        with pytest.raises(StoreFull):
            for n in range(100):
                await store.act(opened, sender="ann", account=f"b{n}" * 200, cents=n)
        last = await store.heartbeat()
        assert await store.heartbeat() == last
        filling.unlink()
        assert await store.heartbeat() > last, "though nobody has acted since"
        await store.close()
