"""The pool against planes behind sockets, as many as there are processes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from media.client import MediaUnavailable
from media.codecs import CODECS
from media.plane import Plane
from media.pool import MediaPool
from tests.media.desk import Desk, plane_with_port
from tests.media.line import AGENT_KEY, CALLER_KEY, EPOCH, gate_epoch

pytestmark = pytest.mark.anyio
WAIT_S = 10.0
REMOTE = ("192.0.2.1", 4_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def pool() -> MediaPool:
    return MediaPool()


Connect = Callable[[int, Plane], Awaitable[Desk]]


@pytest.fixture
async def connect(pool: MediaPool) -> AsyncIterator[Connect]:
    desks: list[Desk] = []

    async def attach(process: int, plane: Plane) -> Desk:
        ours, theirs = socket.socketpair()
        desks.append(Desk(plane, theirs))
        await pool.attach(ours, process)
        return desks[-1]

    yield attach
    for desk in desks:
        desk.close()
    await pool.detach()


def plane(boot: str) -> Plane:
    made = plane_with_port(boot, 4_000)
    made.add_port(4_002, "10.0.0.1", EPOCH)
    made.add_port(4_004, "10.0.0.1", EPOCH)
    return made


async def opened(
    pool: MediaPool,
    leg: str,
    *,
    process: int | None = None,
    beside: str | None = None,
    timeout_s: float = WAIT_S,
) -> int:
    """The process that the leg is at."""
    await pool.open(
        leg,
        f"call-of-{leg}",
        CODECS["PCMU"],
        REMOTE,
        process=process,
        beside=beside,
        ssrc=1,
        sequence_base=2,
        timestamp_base=3,
        epoch_us=EPOCH,
        timeout_s=timeout_s,
    )
    return pool.process_of(leg)


async def event(pool: MediaPool, name: str) -> dict[str, object]:
    async with asyncio.timeout(WAIT_S):
        async for header, _ in pool.events():
            if header["event"] == name:
                return header
    raise AssertionError("events never end")


async def played(pool: MediaPool, leg: str) -> str:
    """Have a kept event made; its name."""
    pool.play(leg, "u", bytes(320))
    pool.stop(leg)
    return str((await event(pool, "played"))["id"])


async def test_a_new_leg_goes_where_the_fewest_are(pool: MediaPool, connect: Connect) -> None:
    desks = [await connect(index, plane(str(index))) for index in range(2)]
    assert [await opened(pool, leg) for leg in "abc"] == [0, 1, 0]
    assert [sorted(desk.plane.legs) for desk in desks] == [["a", "c"], ["b"]]
    pool.close("a")
    pool.close("c")
    assert await opened(pool, "d") == 0


async def test_a_leg_goes_where_its_row_says_or_beside_another(
    pool: MediaPool, connect: Connect
) -> None:
    for index in range(2):
        await connect(index, plane(str(index)))
    assert await opened(pool, "a", process=1) == 1
    assert await opened(pool, "b", beside="a") == 1
    assert await opened(pool, "c", beside="nobody") == 0
    assert await opened(pool, "a") == 1, "where it is already"


async def test_each_command_goes_to_the_process_of_its_leg(
    pool: MediaPool, connect: Connect
) -> None:
    pool.renew(EPOCH)
    desks = [await connect(index, plane(str(index))) for index in range(2)]
    for leg in "ab":
        await opened(pool, leg)
    pool.listen("b", True)
    pool.dtmf("b", "1")
    pool.gate("b", "call-of-b", 4, EPOCH, [CALLER_KEY, AGENT_KEY])
    await played(pool, "b")
    assert gate_epoch(desks[1].plane, "b") == 4
    pool.close_gate("b")
    pool.close("b")
    await played(pool, "a")
    assert [sorted(desk.plane.legs) for desk in desks] == [["a"], []]


async def test_an_acknowledgement_goes_to_who_told_the_event(
    pool: MediaPool, connect: Connect
) -> None:
    desks = [await connect(index, plane(f"boot-{index}")) for index in range(2)]
    names = [await played(pool, leg) for leg in "ab" if await opened(pool, leg) in (0, 1)]
    assert names == ["boot-0-1", "boot-1-1"]
    pool.ack([names[1]])
    await played(pool, "b")
    assert [len(desk.plane.outbox) for desk in desks] == [1, 1]
    pool.ack(["boot-0-1", "boot-1-2", "boot-of-yore-1"])
    for leg in "ab":
        await played(pool, leg)
    assert [[name for name, _ in desk.plane.outbox.after(0)] for desk in desks] == [[2], [3]]


async def test_what_a_dead_process_told_is_not_acknowledged_to_its_successor(
    pool: MediaPool, connect: Connect
) -> None:
    await connect(0, plane("before"))
    await opened(pool, "a")
    name = await played(pool, "a")
    after = await connect(0, plane("after"))
    await opened(pool, "a")
    await played(pool, "a")
    pool.ack([name])
    await played(pool, "a")
    assert len(after.plane.outbox) == 2


async def test_events_say_which_process_told_them(pool: MediaPool, connect: Connect) -> None:
    for index in (1, 0):
        await connect(index, plane(str(index)))
    heard = {
        str(hello["boot"]): hello["process"] for _ in "ab" if (hello := await event(pool, "hello"))
    }
    assert heard == {"0": 0, "1": 1}


async def test_without_its_process_a_leg_is_not_to_be_had_and_others_are(
    pool: MediaPool, connect: Connect
) -> None:
    pool.place("b", 1)
    assert not pool.attached
    desk = await connect(0, plane("0"))
    await opened(pool, "a")
    assert pool.attached
    assert (pool.has("a"), pool.has("b")) == (True, False)
    with pytest.raises(MediaUnavailable):
        pool.listen("b", True)
    pool.ack(["boot-1-1"])
    pool.close("b")
    with pytest.raises(MediaUnavailable):
        await opened(pool, "c", process=1, timeout_s=0.0)
    assert await opened(pool, "c") == 0, "the other process never came"
    assert sorted(desk.plane.legs) == ["a", "c"]


async def test_an_opening_waits_for_the_process_it_belongs_to(
    pool: MediaPool, connect: Connect
) -> None:
    await connect(0, plane("0"))
    asked = asyncio.create_task(opened(pool, "a", process=1))
    await opened(pool, "b")
    await connect(1, plane("1"))
    assert await asked == 1


async def test_a_leg_that_is_where_it_should_not_be_is_closed_there_only(
    pool: MediaPool, connect: Connect
) -> None:
    desks = [await connect(index, plane(str(index))) for index in range(2)]
    await opened(pool, "a", process=0)
    await opened(pool, "a", process=1)
    pool.close("a", 0)
    await opened(pool, "b", process=0)
    assert [sorted(desk.plane.legs) for desk in desks] == [["b"], ["a"]]
    assert pool.process_of("a") == 1
