"""The store: acknowledged means committed, whole or not at all, once."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from runtime.engines import sqlite
from runtime.errors import Refused, StoreBroken
from runtime.log import Entry, leaf_of
from runtime.merkle import Frontier, root
from runtime.store import Store
from runtime.writer import Committed
from tests.runtime.bank import Account, Receipt, opened, paid

pytestmark = pytest.mark.anyio


async def test_an_acknowledged_action_is_there_for_every_reader(store: Store) -> None:
    result = await store.act(opened, sender="ann", account="a", cents=5)

    assert result == 5
    assert await store.reader.rows(Account) == [Account(id="a", cents=5)]


async def test_who_reads_beside_others_sees_what_was_acknowledged(store: Store) -> None:
    over = asyncio.Event()

    async def read_on() -> None:
        while not over.is_set():
            await store.reader.sql("SELECT seq FROM log")

    others = [asyncio.create_task(read_on()) for _ in range(4)]
    missed = 0
    for n in range(300):
        await store.act(opened, sender="ann", account=f"a{n}", cents=n)
        missed += not await store.reader.rows(Account, id=f"a{n}")
    over.set()
    await asyncio.gather(*others)

    assert missed == 0


async def test_a_refused_action_leaves_nothing_behind(store: Store) -> None:
    await store.act(opened, sender="ann", account="a", cents=5)
    await store.act(opened, sender="ann", account="b", cents=0)

    with pytest.raises(Refused, match="not enough"):
        await store.act(paid, sender="ann", source="a", target="b", cents=6)

    assert [row.cents for row in await store.reader.rows(Account)] == [5, 0]
    assert await store.reader.sql("SELECT count(*) FROM log") == [(2,)]


async def test_a_retry_gets_the_stored_result_and_runs_nothing(store: Store) -> None:
    await store.act(opened, sender="ann", account="a", cents=5)
    await store.act(opened, sender="ann", account="b", cents=0)
    first, again = [
        await store.act(paid, sender="ann", request="r1", source="a", target="b", cents=3)
        for _ in range(2)
    ]

    assert again == first
    assert [row.cents for row in await store.reader.rows(Account)] == [2, 3]


async def test_two_retries_in_one_batch_run_once(store: Store) -> None:
    await store.act(opened, sender="ann", account="a", cents=5)
    await store.act(opened, sender="ann", account="b", cents=0)

    results = await asyncio.gather(
        *(
            store.act(paid, sender="ann", request="r1", source="a", target="b", cents=1)
            for _ in range(50)
        )
    )

    assert len(dict.fromkeys(results)) == 1
    assert [row.cents for row in await store.reader.rows(Account)] == [4, 1]


async def test_a_request_id_belongs_to_one_reducer(store: Store) -> None:
    await store.act(opened, sender="ann", request="r1", account="a", cents=5)

    with pytest.raises(Refused, match="already used"):
        await store.act(paid, sender="ann", request="r1", source="a", target="a", cents=1)


async def test_one_bad_action_does_not_spoil_its_batch(store: Store) -> None:
    results = await asyncio.gather(
        store.act(opened, sender="ann", account="a", cents=1),
        store.act(opened, sender="ann", account="a", cents=2),
        store.act(opened, sender="ann", account="b", cents=3),
        return_exceptions=True,
    )

    assert results[0] == 1
    assert isinstance(results[1], Refused)
    assert results[2] == 3


async def test_the_entries_are_chained_and_hang_in_one_tree(store: Store, tmp_path: Path) -> None:
    for n in range(5):
        await store.act(opened, sender="ann", scope="s", account=f"a{n}", cents=n)

    rows = await store.reader.sql("SELECT entry, leaf FROM log ORDER BY seq")
    entries = [Entry.decode(data) for data, _ in rows]
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.scope_seq for entry in entries] == [1, 2, 3, 4, 5]
    assert all(leaf == leaf_of(data) for data, leaf in rows)
    assert all(b.prev == leaf.hex() for b, (_, leaf) in zip(entries[1:], rows, strict=False))
    (frontier,) = (await store.reader.sql("SELECT frontier FROM head"))[0]
    assert Frontier.from_bytes(frontier).root == root([leaf for _, leaf in rows])


async def test_a_listener_hears_of_a_commit_before_its_sender(store: Store) -> None:
    heard: list[Committed] = []
    store.listen(heard.extend)

    await store.act(opened, sender="ann", account="a", cents=5)

    assert [one.entry.reducer for one in heard] == ["tests.opened"]


async def test_what_was_acknowledged_survives_a_reopening(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    path = tmp_path / "s.db"
    first = await Store.open(path, clock, entropy)
    await first.act(opened, sender="ann", account="a", cents=5)
    await first.close()

    second = await Store.open(path, clock, entropy)
    await second.act(opened, sender="ann", account="b", cents=6)
    assert [row.id for row in await second.reader.rows(Account)] == ["a", "b"]
    assert await second.reader.sql("SELECT max(seq) FROM log") == [(2,)]
    await second.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO receipt VALUES ('r', 'forged')",
        "UPDATE receipt SET text = 'forged'",
        "DELETE FROM receipt",
    ],
)
async def test_an_append_only_table_refuses_every_way_of_changing_a_row(
    tmp_path: Path, store: Store, statement: str
) -> None:
    connection = sqlite.open_writer(tmp_path / "parley.db")
    connection.execute("INSERT INTO receipt VALUES ('r', 'true')")

    with pytest.raises(apsw.ConstraintError, match="append-only"):
        connection.execute(statement)

    connection.close()
    assert await store.reader.rows(Receipt) == [Receipt(id="r", text="true")]


async def test_a_store_that_another_process_has_taken_over_acknowledges_nothing(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    first = await Store.open(tmp_path / "s.db", clock, entropy)
    await first.act(opened, sender="ann", account="a", cents=5)
    second = await Store.open(tmp_path / "s.db", clock, entropy)

    for _ in range(2):  # It is never tried again.
        with pytest.raises(StoreBroken, match="taken over"):
            await first.act(opened, sender="ann", account="b", cents=5)
    assert first.broken.done()
    await second.act(opened, sender="ann", account="c", cents=5)

    assert [row.id for row in await second.reader.rows(Account)] == ["a", "c"]
    await first.close()
    await second.close()


async def test_a_request_id_belongs_to_its_sender(store: Store) -> None:
    await store.act(opened, sender="ann", request="r1", account="a", cents=5)

    with pytest.raises(Refused, match="already used"):
        await store.act(opened, sender="bob", request="r1", account="a", cents=5)


async def test_a_row_can_not_hold_what_its_column_can_not(store: Store) -> None:
    with pytest.raises(TypeError, match="int was wanted"):
        await store.act(opened, sender="ann", account="a", cents="5")
    with pytest.raises(TypeError, match="no argument"):
        await store.act(opened, sender="ann", account="a", cents=5, note="?")
    with pytest.raises(ValueError, match="2\\^53"):
        await store.act(opened, sender="ann", account="a", cents=2**53)
