"""Claims about the notary: the log is signed as it grows, and nobody waits for it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime import checkpoint, merkle, timestamps, tsa
from runtime.errors import StoreBroken
from runtime.notary import BACK_OFF_S_MAX, Notary, back_off_s, due_in_s
from runtime.store import Store
from runtime.timestamps import NotStamped, Stamp
from runtime.writer import Writer
from tests.runtime.authority import made, serving
from tests.runtime.bank import opened

pytestmark = pytest.mark.anyio

ORIGIN = "log.example/parley"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NEVER_S = 3_600.0


class Said:
    """What the operator was told."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []
        self.something = asyncio.Event()

    def __call__(self, what: str, **facts: Any) -> None:
        self.facts.append({"what": what, **facts})
        self.something.set()


@pytest.fixture
async def said() -> Said:
    return Said()


@pytest.fixture
async def notary(store: Store, said: Said) -> AsyncIterator[Notary]:
    """One that waits for three entries, whatever the time."""
    made = Notary(store, ORIGIN, KEY, said, every_entries=3, every_s=NEVER_S)
    await made.start()
    yield made
    await made.close()


NUMBERS = itertools.count()


async def act(store: Store, times: int) -> None:
    for _ in range(times):
        await store.act(opened, sender="ann", account=f"a{next(NUMBERS)}", cents=1)


async def notes(store: Store) -> list[str]:
    return [note for (note,) in await store.reader.sql("SELECT note FROM checkpoint ORDER BY size")]


async def signed(store: Store, size: int) -> None:
    """Wait for the checkpoint of this size."""
    async with asyncio.timeout(10):
        while size not in [checkpoint.parse(note).size for note in await notes(store)]:
            continue


async def test_so_many_entries_are_signed_at_once(store: Store, notary: Notary) -> None:
    await act(store, 3)
    await signed(store, 3)


async def test_a_single_entry_is_signed_after_a_while(store: Store, said: Said) -> None:
    notary = Notary(store, ORIGIN, KEY, said, every_s=0.0)
    await notary.start()
    await act(store, 1)
    await signed(store, 1)
    await notary.close()


async def test_what_a_dead_process_left_unsigned_is_signed(store: Store, said: Said) -> None:
    await act(store, 5)
    notary = Notary(store, ORIGIN, KEY, said, every_s=0.0)
    await notary.start()
    await signed(store, 5)
    await notary.close()


async def test_an_empty_log_is_not_signed(store: Store, notary: Notary) -> None:
    await notary.close()
    assert await notes(store) == []


async def test_the_last_entries_are_signed_at_the_end(store: Store, notary: Notary) -> None:
    await act(store, 1)
    await notary.close()
    assert [checkpoint.parse(note).size for note in await notes(store)] == [1]


async def test_each_checkpoint_grows_out_of_the_one_before(store: Store, notary: Notary) -> None:
    for _ in range(12):
        await asyncio.gather(*(act(store, 1) for _ in range(4)))
        await store.checkpoint(ORIGIN, KEY)  # However slow the notary is, there are several.
    await notary.close()
    leaves = [leaf for (leaf,) in await store.reader.sql("SELECT leaf FROM log ORDER BY seq")]
    found = [checkpoint.verify(note, ORIGIN, KEY.public_key()) for note in await notes(store)]
    assert len(found) > 1 and found[-1].size == 48
    for older, newer in itertools.pairwise(found):
        path = merkle.Tree(leaves[: newer.size]).consistency_proof(older.size)
        assert merkle.verify_consistency(older.size, newer.size, older.root, newer.root, path)


async def test_a_signature_that_fails_is_noted_and_nobody_waits(store: Store, said: Said) -> None:
    notary = Notary(store, "no name", KEY, said, every_entries=1, every_s=NEVER_S)
    await notary.start()
    await act(store, 1)
    await said.something.wait()
    await act(store, 2)
    await notary.close()
    assert said.facts[0]["what"] == "the log was not signed"
    assert "not a checkpoint" in said.facts[0]["why"]


def test_a_broken_store_signs_nothing(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    replaced = Writer(tmp_path / "parley.db", clock, entropy)
    writer = Writer(tmp_path / "parley.db", clock, entropy)
    with pytest.raises(StoreBroken):
        replaced.commit([])
    with pytest.raises(StoreBroken):
        replaced.checkpoint(ORIGIN, KEY)
    assert checkpoint.parse(writer.checkpoint(ORIGIN, KEY)).size == 0
    for one in (writer, replaced):
        one.close()


async def test_the_newest_checkpoint_is_stamped_once(
    store: Store, notary: Notary, tmp_path: Path
) -> None:
    authority = made(tmp_path / "authority")
    async with serving(authority.reply) as url:

        async def stamper(note: str) -> tuple[Stamp, bytes]:
            return await tsa.stamped(url, authority.ca, note)

        assert not await notary.stamp_newest(stamper)
        await act(store, 3)
        await signed(store, 3)
        assert await notary.stamp_newest(stamper)
        assert not await notary.stamp_newest(stamper)
        await act(store, 3)
        await signed(store, 6)
        assert await notary.stamp_newest(stamper)
    rows = await store.reader.sql(
        "SELECT size, stamp.at_us, token, note FROM stamp JOIN checkpoint USING (size)"
    )
    assert [row[0] for row in rows] == [3, 6]
    for _, at_us, token, note in rows:
        stamp = timestamps.check(token, note, tsa.trusted_in(authority.ca))
        assert at_us == int(stamp.at.timestamp() * 1e6)


async def test_stamps_are_asked_for_without_being_told(
    store: Store, notary: Notary, clock: Callable[[], int]
) -> None:
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def stamper(note: str) -> tuple[Stamp, bytes]:
        asked.set_result(note)
        return Stamp(datetime.now(UTC), "", chained=False), b"token"

    await act(store, 3)
    await signed(store, 3)
    notary.stamp_with(stamper, clock, NEVER_S)
    assert checkpoint.parse(await asked).size == 3


async def test_a_dead_authority_is_noted_and_nobody_waits(
    store: Store, notary: Notary, said: Said, clock: Callable[[], int]
) -> None:
    async def stamper(note: str) -> tuple[Stamp, bytes]:
        raise NotStamped("http://tsa.example cannot be asked")

    await act(store, 3)
    await signed(store, 3)
    notary.stamp_with(stamper, clock, NEVER_S)
    await said.something.wait()
    assert said.facts == [
        {
            "what": "the log was not time-stamped",
            "why": "NotStamped: http://tsa.example cannot be asked",
            "again_s": 2.0,
        }
    ]
    await act(store, 3)
    await signed(store, 6)


async def test_a_silent_authority_keeps_nobody_waiting(
    store: Store, notary: Notary, clock: Callable[[], int]
) -> None:
    asked = asyncio.Event()

    async def stamper(note: str) -> tuple[Stamp, bytes]:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    await act(store, 3)
    await signed(store, 3)
    notary.stamp_with(stamper, clock, NEVER_S)
    await asked.wait()
    await act(store, 3)
    await signed(store, 6)
    await notary.close()


def test_each_failure_is_waited_for_twice_as_long_up_to_a_limit() -> None:
    assert [back_off_s(failures) for failures in range(4)] == [2, 4, 8, 16]
    assert back_off_s(10_000) == BACK_OFF_S_MAX


@pytest.mark.parametrize(
    ("last_us", "wanted"),
    [(None, 0), (0, 0), (999_000_000, 3_599), (1_000_000_000, 3_600), (10**15, 3_600)],
)
def test_a_stamp_is_due_so_long_after_the_last_one(last_us: int | None, wanted: float) -> None:
    now_us = 1_000_000_000 if last_us else 10**16
    assert due_in_s(last_us, now_us, 3_600) == wanted
