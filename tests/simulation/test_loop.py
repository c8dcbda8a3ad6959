"""The simulated event loop: virtual time, drawn turns, and a word for whoever leaves it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tests.simulation.loop import Deadlock, Process, simulated


async def _racers(order: list[int]) -> None:
    async def run(n: int) -> None:
        for _ in range(3):
            order.append(n)
            await asyncio.sleep(0)

    await asyncio.gather(*(run(n) for n in range(4)))


def _order(seed: int) -> list[int]:
    order: list[int] = []
    simulated(Random(seed)).run_until_complete(_racers(order))
    return order


def test_an_hour_passes_at_once_and_to_the_microsecond() -> None:
    loop = simulated(Random(1))

    async def wait() -> None:
        for _ in range(3_600):
            await asyncio.sleep(1)
        await asyncio.sleep(1e-6)

    loop.run_until_complete(wait())
    assert loop.now_us == 3_600_000_001


def test_tasks_take_turns_as_the_seed_says() -> None:
    assert _order(1) == _order(1)
    assert len({tuple(_order(seed)) for seed in range(10)}) > 5


def test_a_race_between_a_check_and_its_act_is_found() -> None:
    async def race() -> int:
        taken: list[int] = []

        async def take(n: int) -> None:
            if not taken:
                await asyncio.sleep(0)
                taken.append(n)

        await asyncio.gather(*(take(n) for n in range(2)))
        return len(taken)

    found = {simulated(Random(seed)).run_until_complete(race()) for seed in range(20)}
    assert 2 in found


def test_callbacks_keep_their_order() -> None:
    loop = simulated(Random(1))
    called: list[int] = []

    async def call() -> None:
        for n in range(20):
            loop.call_soon_threadsafe(called.append, n)
        await asyncio.sleep(1)

    loop.run_until_complete(call())
    assert called == list(range(20))


def test_who_waits_for_nothing_is_named() -> None:
    async def waits_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    loop = simulated(Random(1))
    with pytest.raises(Deadlock, match="waits_for_ever"):
        loop.run_until_complete(waits_for_ever())
    loop.close()


def test_what_waits_for_a_timer_does_not_hang() -> None:
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(30):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return "in time"
        return "never"

    loop = simulated(Random(1))
    assert loop.run_until_complete(gives_up()) == "in time"
    assert loop.now_us == 30_000_000


def test_a_thread_of_asyncio_runs_in_the_loop() -> None:
    loop = simulated(Random(1))
    assert loop.run_until_complete(asyncio.to_thread(threading.get_ident)) == threading.get_ident()


def test_executors_and_foreign_threads_are_refused() -> None:
    loop = simulated(Random(1))
    with ThreadPoolExecutor() as pool:
        with pytest.raises(RuntimeError, match="no executors"):
            loop.run_in_executor(pool, threading.get_ident)
        with pytest.raises(RuntimeError, match="no threads"):
            pool.submit(loop.call_soon_threadsafe, print).result()


def test_a_killed_process_takes_no_further_step() -> None:
    loop = simulated(Random(1))
    process = Process("node")
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            ticks.append(loop.now_us)
            loop.call_later(0.5, ticks.append, loop.now_us)

    async def live() -> None:
        loop.create_task(tick(), context=process.context())
        await asyncio.sleep(3.25)
        process.killed = True
        await asyncio.sleep(10)

    loop.run_until_complete(live())
    loop.close()
    assert ticks == [1_000_000, 1_000_000, 2_000_000, 2_000_000, 3_000_000]


def test_a_task_of_a_process_that_fails_is_told() -> None:
    loop = simulated(Random(1))

    async def fail() -> None:
        raise ValueError("lost")

    async def live() -> None:
        loop.create_task(fail(), context=Process("node").context())
        await asyncio.sleep(1)

    loop.run_until_complete(live())
    ((name, error),) = loop.lost
    assert name.startswith("node/") and str(error) == "lost"
