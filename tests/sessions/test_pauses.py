"""A recording that was paused: nothing of before the pause, and nothing of it, gets in later."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from media.appending import Appender
from media.segment import FRAME_BYTES, Frame, encode
from recordings.reducers import chunk_sealed, recording_sealed
from recordings.tables import Chunk, ChunkGap, Recording
from runtime import Refused
from runtime.store import Store
from runtime.tables import schema_of
from sessions.bridge_reducers import call_parted
from sessions.house import House
from sessions.joining_reducers import calls_joined
from sessions.referring import Referring
from sessions.sealing import Sealing
from sessions.turns import Turns

from .some_keys import SomeKeys
from .test_bridge_reducers import act, agrees, up

pytestmark = pytest.mark.anyio

SECOND_US, SIZE = 1_000_000, 16_016


async def recording(store: Store) -> Recording:
    (row,) = await store.reader.rows(Recording, id="ann")
    return row


async def paused(store: Store) -> Recording:
    """Somebody who has not agreed is heard beside ann, who has; the recording as it was before."""
    await up(store, "ann", "bob")
    await agrees(store, "ann")
    before = await recording(store)
    await act(store, calls_joined, "ann", other="bob")
    return before


async def resumed(store: Store) -> Recording:
    """The recording as it was when the pause began, which is over."""
    await paused(store)
    during = await recording(store)
    await act(store, call_parted, "ann", other="bob")
    return during


def chunk(epoch: int, from_us: int, **changes: Any) -> Chunk:
    made = Chunk(
        id=f"ann/caller/{epoch}/0",
        call="ann",
        party="caller",
        epoch=epoch,
        n=0,
        key_id="key_ann_c",
        first_sample=0,
        samples=8_000,
        sha256="00",
        bytes=1,
        path="p",
        captured_from_us=from_us,
        at_us=0,
    )
    return replace(made, **changes)


async def seal(store: Store, one: Chunk) -> None:
    await store.act(chunk_sealed, sender="node", scope="ann", chunk=one)


def add(store_path: Path, one: Chunk) -> None:
    """Past every reducer, as a program with a fault would."""
    schema = schema_of(Chunk)
    connection = apsw.Connection(str(store_path))
    try:
        connection.execute(schema.insert_sql, schema.columns_of(schema.plain_of(one)))
    finally:
        connection.close()


async def wrong(store: Store, case: str) -> Chunk:
    if case == "old epoch":
        during = await resumed(store)
        return chunk(1, during.opened_us, samples=8)
    if case == "in the pause":
        during = await resumed(store)
        assert during.suspended_us is not None
        return chunk(2, during.suspended_us, samples=8)
    if case == "into the pause":
        await paused(store)
        during = await recording(store)
        assert during.suspended_us is not None
        return chunk(1, during.suspended_us - 1, samples=8_000)
    await paused(store)
    if case == "no such epoch":
        return chunk(2, (await recording(store)).opened_us, samples=8)
    await act(store, recording_sealed, "ann")
    return chunk(1, (await recording(store)).opened_us, samples=8)


CASES = {
    "old epoch": "an epoch that is over",
    "in the pause": "before its gate was opened",
    "into the pause": "after the recording was suspended",
    "no such epoch": "no gate is open",
    "sealed": "no gate is open",
}


@pytest.mark.parametrize(("case", "why"), CASES.items())
async def test_a_chunk_of_no_open_gate_is_refused_by_the_rules(
    store: Store, case: str, why: str
) -> None:
    late = await wrong(store, case)
    with pytest.raises(Refused, match=why):
        await seal(store, late)


@pytest.mark.parametrize("case", CASES)
async def test_and_by_the_store_itself(store: Store, case: str, tmp_path: Path) -> None:
    late = await wrong(store, case)
    with pytest.raises(apsw.ConstraintError, match="not admitted"):
        add(store.path, late)
    assert await store.reader.rows(Chunk) == []


async def test_the_last_chunk_before_a_pause_is_taken_while_it_lasts(store: Store) -> None:
    await paused(store)
    during = await recording(store)
    assert during.suspended_us is not None
    await seal(store, chunk(1, during.suspended_us - SECOND_US // 1_000, samples=8))
    assert len(await store.reader.rows(Chunk)) == 1


async def test_what_is_refused_is_erased_and_the_record_says_what_it_lacks(house: House) -> None:
    during = await resumed(house.store)
    folder = house.settings.recordings
    frame = Frame("ann", "caller", "key_ann_c", 1, 0, 8_000, 0, SIZE)
    appender = Appender(folder, "0123456789abcdef")
    path, begin = appender.append(memoryview(encode(frame) + b"c" * SIZE))
    appender.close()
    offset = begin + FRAME_BYTES
    house = replace(house, keystore=SomeKeys(folder / "keys"))
    sealing = Sealing(house, {}, Turns(house, {}, Referring(house)))
    header = {
        "call": "ann",
        "party": "caller",
        "epoch": 1,
        "n": 0,
        "key_id": "key_ann_c",
        "first_sample": 0,
        "samples": 8_000,
        "sha256": "00",
        "bytes": SIZE,
        "path": path,
        "offset": offset,
        "at_us": during.opened_us,
        "rate": 8_000,
        "key": "00" * 32,
    }
    for _ in range(2):  # It is told again until it is acknowledged.
        await sealing.chunk(header)
    (gap,) = await house.store.reader.rows(ChunkGap)
    assert (gap.from_us, gap.until_us) == (during.opened_us, during.opened_us + SECOND_US)
    assert "an epoch that is over" in gap.why
    assert await house.store.reader.rows(Chunk) == []
    kept = (folder / path).read_bytes()
    assert kept[offset : offset + SIZE].strip(b"\0") == b""
