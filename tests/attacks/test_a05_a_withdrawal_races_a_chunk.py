"""A05: who agreed says stop, and seconds of what comes after, or was under way, are still kept.

The real plane and the real store on one clock, and every order in which a piece, the withdrawal and
the order to close the gate may come to each other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest

from media.plane import Plane
from media.seal import SealJob
from media.units import FRAME_US
from recordings.reducers import chunk_sealed
from recordings.tables import Chunk, Recording, RecordingState
from runtime import Refused
from runtime.log import Entry
from runtime.store import Store
from sessions.consent_reducers import consent_withdrawn
from tests.media.line import EPOCH, lease, opening, ticked
from tests.sessions.test_bridge_reducers import act, agrees, up

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RACES = 40
CHUNK_MS = 200
LIVES_TICKS = 90


class Clock:
    """Both the store's and the plane's. Two looks at it are never the same."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def shared() -> Clock:
    return Clock()


@pytest.fixture
async def house(
    tmp_path: Path, shared: Clock, entropy: Callable[[int], bytes]
) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "s.db", shared, entropy)
    yield opened
    await opened.close()


def piece(job: SealJob, call: str) -> Chunk:
    """The row that is asked for once a piece is on disk."""
    chunk = job.chunk
    return Chunk(
        id=f"{call}/{chunk.track.party}/{chunk.epoch}/{chunk.n}",
        call=call,
        party=chunk.track.party,
        epoch=chunk.epoch,
        n=chunk.n,
        key_id=chunk.track.key_id,
        first_sample=chunk.first_sample,
        samples=len(chunk.samples),
        sha256="00",
        bytes=1,
        path="p",
        captured_from_us=job.at_us,
        at_us=0,
    )


async def raced(store: Store, clock: Clock, call: str, random: Random) -> int:
    """One call: recorded, and withdrawn while pieces of it are on their way. How many came late."""
    await up(store, call)
    await agrees(store, call)
    (recording,) = await store.reader.rows(Recording, id=call)
    clock.now += -clock.now % FRAME_US
    plane = Plane("boot", CHUNK_MS, legs_max=1)
    plane.add_port(4_000, "10.0.0.1", clock.now)
    began = clock.now
    plane.command(opening("l", ("192.0.2.1", 9), epoch_us=began), b"", began)
    tracks = [
        {"party": "caller", "key_id": recording.caller_key, "key": "00" * 32},
        {"party": "agent", "key_id": recording.agent_key, "key": "00" * 32},
    ]
    plane.command(lease(began), b"", began)
    given = {"epoch": recording.epoch, "granted_at_us": recording.opened_us, "tracks": tracks}
    plane.command({"cmd": "gate", "leg": "l", "call": call} | given, b"", began)
    withdrawn_at = random.randint(30, LIVES_TICKS - 20)
    closed_at = withdrawn_at + random.randint(0, 15)
    waiting: list[tuple[int, Chunk]] = []
    under_way: list[asyncio.Task[bool | None]] = []
    for tick in range(LIVES_TICKS):
        clock.now = max(clock.now, began + tick * FRAME_US)
        plane.command(lease(clock.now), b"", clock.now)
        ticked(plane, clock.now)
        jobs = [job for job in plane.take_jobs() if isinstance(job, SealJob)]
        waiting += [(tick + random.randint(0, 12), piece(job, call)) for job in jobs]
        now = [sealed(store, chunk) for at, chunk in waiting if at <= tick]
        waiting = [(at, chunk) for at, chunk in waiting if at > tick]
        if tick == withdrawn_at:
            now.append(act(store, consent_withdrawn, call, method="voice"))
        random.shuffle(now)
        under_way += [asyncio.create_task(one) for one in now]
        if random.random() < 0.7:
            await asyncio.sleep(0)
        if tick == closed_at:
            plane.command({"cmd": "close_gate", "leg": "l", "drop": True}, b"", clock.now)
    late = [sealed(store, chunk) for _, chunk in waiting]
    return [*await asyncio.gather(*under_way, *late)].count(False)


async def sealed(store: Store, chunk: Chunk) -> bool:
    """Whether a piece was let in."""
    try:
        await store.act(chunk_sealed, sender="node", scope=chunk.call, chunk=chunk)
    except Refused:
        return False
    return True


async def test_no_piece_is_let_in_after_a_withdrawal_whichever_comes_first(
    house: Store, shared: Clock
) -> None:
    random, kept, close, refused = Random(5), 0, 0, 0
    for n in range(RACES):
        call = f"ann{n}"
        refused += await raced(house, shared, call, random)
        rows = await house.reader.sql("SELECT entry FROM log WHERE scope = ? ORDER BY seq", (call,))
        entries = [Entry.decode(data) for (data,) in rows]
        names = [entry.reducer for entry in entries]
        stop = entries[names.index("sessions.consent_withdrawn")]
        late = [e for e in entries if e.reducer == "recordings.chunk_sealed" and e.seq > stop.seq]
        assert not late, f"{len(late)} pieces of {call} were let in after the withdrawal"
        (recording,) = await house.reader.rows(Recording, id=call)
        assert recording.state is RecordingState.SUSPENDED
        chunks = await house.reader.rows(Chunk, call=call)
        kept += len(chunks)
        assert all(c.captured_from_us + c.samples * 125 <= stop.at_us for c in chunks)
        close += any(e.seq == stop.seq - 1 for e in entries if "chunk" in e.reducer)
    print(f"{RACES} withdrawals: {kept} pieces of before, {close} just before; {refused} too late")
    assert kept > RACES, "something was recorded"
    assert close and refused, "they did race"
