"""Durable timers: an action that is due later, once, whatever restarts come between."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.outbox import Effect, EffectState
from runtime.performer import Performer
from runtime.store import Store
from tests.runtime.bank import Account, opened, order_cancelled, standing_order

pytestmark = pytest.mark.anyio

HOUR_US = 3_600_000_000
START_US = 1_700_000_000_000_000


class Hands:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.us = START_US

    def __call__(self) -> int:
        return self.us


async def ordered(store: Store) -> str:
    await store.act(opened, sender="ann", account="a", cents=5)
    order: str = await store.act(
        standing_order, sender="ann", account="a", cents=7, after_us=HOUR_US
    )
    return order


async def cents(store: Store) -> int:
    (row,) = await store.reader.rows(Account)
    return row.cents


async def test_a_timer_is_not_fired_early_and_fired_once_when_it_is_due(
    tmp_path: Path, entropy: Callable[[int], bytes]
) -> None:
    clock = Hands()
    first = await Store.open(tmp_path / "s.db", clock, entropy)
    await ordered(first)
    await first.close()

    for moved, expected in ((HOUR_US - 1, 5), (1, 12), (HOUR_US, 12)):
        clock.us += moved
        store = await Store.open(tmp_path / "s.db", clock, entropy)
        performer = Performer(store, clock)
        await performer.recover()
        await performer.idle()
        assert await cents(store) == expected
        await performer.close()
        await store.close()


async def test_a_timer_of_this_life_fires_when_the_clock_has_come_so_far(
    store: Store, clock: Callable[[], int]
) -> None:
    await store.act(opened, sender="ann", account="a", cents=5)
    performer = Performer(store, clock)
    # The clock goes on by a millisecond with each look at it: this one is due in 20 looks.
    await store.act(standing_order, sender="ann", account="a", cents=7, after_us=20_000)
    fired = await _closed(store)

    assert fired.state is EffectState.DONE
    assert await cents(store) == 12
    await performer.close()


async def test_a_cancelled_timer_never_fires_and_can_not_be_cancelled_after_it_did(
    tmp_path: Path, entropy: Callable[[int], bytes]
) -> None:
    clock = Hands()
    store = await Store.open(tmp_path / "s.db", clock, entropy)
    order = await ordered(store)
    performer = Performer(store, clock)
    await performer.recover()
    assert await store.act(order_cancelled, sender="ann", order=order) is True
    late = await store.act(standing_order, sender="ann", account="a", cents=1, after_us=0)
    await performer.idle()
    clock.us += 2 * HOUR_US
    await performer.recover()
    await performer.idle()

    assert await cents(store) == 6
    assert await store.act(order_cancelled, sender="ann", order=late) is False
    await performer.close()
    await store.close()


async def test_a_timer_whose_action_the_rules_refuse_is_over_and_says_why(
    store: Store, clock: Callable[[], int]
) -> None:
    performer = Performer(store, clock)
    await store.act(standing_order, sender="ann", account="nobody", cents=1, after_us=0)
    await performer.idle()

    (effect,) = await store.reader.rows(Effect)
    assert effect.state is EffectState.DONE
    assert effect.reason == "there is no account nobody"
    await performer.close()


async def _closed(store: Store) -> Effect:
    while True:
        (effect,) = await store.reader.rows(Effect)
        if effect.state is not EffectState.OPEN:
            return effect
