"""Effects: performed after the commit, again after a crash, closed once."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.outbox import Effect, EffectState
from runtime.performer import Closing, Performer
from runtime.store import Store
from tests.runtime.bank import Receipt, notified, opened, paid, told_in_turn

pytestmark = pytest.mark.anyio


async def give_and_pay(store: Store) -> None:
    await store.act(opened, sender="ann", account="a", cents=5)
    await store.act(opened, sender="ann", account="b", cents=0)
    await store.act(paid, sender="ann", source="a", target="b", cents=1)


async def test_an_effect_is_performed_after_its_commit_and_closed_with_its_outcome(
    store: Store, clock: Callable[[], int]
) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()

    async def notify(effect: Effect, args: dict[str, Any]) -> Closing:
        await told.put(args["account"])
        return Closing(notified, {"account": args["account"]})

    performer = Performer(store, clock)
    performer.on("notify", notify)
    await give_and_pay(store)

    assert await asyncio.wait_for(told.get(), 5) == "b"
    await performer.idle()
    (effect,) = await store.reader.rows(Effect)
    assert effect.state is EffectState.DONE
    assert "told b" in [row.text for row in await store.reader.rows(Receipt)]
    await performer.close()


async def test_what_a_dead_process_left_open_is_performed_by_the_next_under_the_same_key(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    path = tmp_path / "s.db"
    first = await Store.open(path, clock, entropy)
    await give_and_pay(first)
    (left,) = await first.reader.rows(Effect)
    await first.close()
    keys: list[str] = []

    async def notify(effect: Effect, args: dict[str, Any]) -> None:
        keys.append(effect.id)

    second = await Store.open(path, clock, entropy)
    performer = Performer(second, clock)
    performer.on("notify", notify)
    assert await performer.recover() == 1
    await performer.idle()

    assert keys == [left.id]
    assert await second.reader.rows(Effect, state=EffectState.OPEN) == []
    await second.close()


async def test_what_a_dead_process_left_open_in_a_lane_is_performed_in_its_order(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    accounts = [f"a{n}" for n in range(12)]
    first = await Store.open(tmp_path / "s.db", clock, entropy)
    for account in accounts:
        await first.act(told_in_turn, sender="ann", account=account)
    await first.close()
    told: list[str] = []

    async def notify(effect: Effect, args: dict[str, Any]) -> None:
        told.append(args["account"])

    second = await Store.open(tmp_path / "s.db", clock, entropy)
    performer = Performer(second, clock)
    performer.on("notify", notify)
    await performer.recover()
    await performer.idle()

    assert told == accounts
    await performer.close()
    await second.close()


async def test_an_effect_that_fails_is_tried_again_and_then_given_up_with_its_reason(
    store: Store, clock: Callable[[], int]
) -> None:
    tries: list[str] = []

    async def notify(effect: Effect, args: dict[str, Any]) -> None:
        tries.append(effect.id)
        raise OSError("no carrier")

    performer = Performer(store, lambda: clock() + 3_600_000_000)
    performer.on("notify", notify)
    await give_and_pay(store)
    await performer.idle()

    (effect,) = await store.reader.rows(Effect)
    assert effect.state is EffectState.DEAD
    assert effect.reason == "OSError: no carrier"
    assert len(tries) == effect.attempts


async def test_effects_keep_their_order_and_do_not_wait_though_the_clock_was_set_back(
    tmp_path: Path, entropy: Callable[[int], bytes]
) -> None:
    times = itertools.chain([9_000_000] * 9, itertools.repeat(1))
    store = await Store.open(tmp_path / "s.db", lambda: next(times), entropy)
    performed: list[str] = []

    async def notify(effect: Effect, args: dict[str, Any]) -> None:
        performed.append(args["account"])

    performer = Performer(store, lambda: next(times))
    performer.on("notify", notify)
    for account in "abcdefgh":
        await store.act(opened, sender="ann", account=account, cents=100)
    for account in "bcdefgh":
        await store.act(paid, sender="ann", scope="s", source="a", target=account, cents=1)
    await performer.idle()

    assert performed == list("bcdefgh")
    await performer.close()
    await store.close()
