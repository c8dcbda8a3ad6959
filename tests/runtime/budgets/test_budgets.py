"""Budgets over a store: held in all ledgers or in none, and every stop is a row."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from runtime.budgets.reducers import budget_ceiling_set
from runtime.budgets.tables import Budget, BudgetStop, Reservation, ReservationState, StopKind
from runtime.errors import NotAllowed, Refused
from tests.runtime.budgets.purse import (
    CALL,
    CAMPAIGN,
    EUR,
    HOLD_US,
    TENANT,
    ceiling,
    funded,
    hold,
    released,
    settled,
)
from tests.runtime.virtual import House

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = await funded(tmp_path)
    yield opened
    assert opened.audit().differences == ()
    await opened.store.close()


async def ledgers(house: House) -> dict[str, tuple[int, int]]:
    """Owner -> what is spent and held."""
    return {row.owner: (row.spent, row.held) for row in await house.rows(Budget)}


async def one(house: House, name: str) -> Reservation:
    (row,) = await house.rows(Reservation, id=name)
    return row


async def stops(house: House) -> list[tuple[str, StopKind, int, int]]:
    rows = await house.rows(BudgetStop)
    return sorted((row.budget, row.kind, row.amount, row.short_by) for row in rows)


async def test_what_is_held_is_held_in_every_ledger_there_is(house: House) -> None:
    row = await one(house, await hold(house, 40))

    assert row.state is ReservationState.HELD
    assert row.over == (f"{TENANT}/{EUR}", f"{CAMPAIGN}/{EUR}")
    assert await ledgers(house) == {TENANT: (0, 40), CAMPAIGN: (0, 40)}


async def test_one_ledger_without_room_denies_all_and_the_stop_is_a_row(house: House) -> None:
    await hold(house, 40)
    name = await hold(house, 25)

    assert (await one(house, name)).state is ReservationState.DENIED
    assert await ledgers(house) == {TENANT: (0, 40), CAMPAIGN: (0, 40)}
    assert await stops(house) == [(f"{CAMPAIGN}/{EUR}", StopKind.DENIED, 25, 5)]
    (stop,) = await house.rows(BudgetStop)
    assert (stop.reservation, stop.at_us) == (name, house.now_us[0])


async def test_every_ledger_without_room_has_its_row(house: House) -> None:
    await hold(house, 101)

    assert await stops(house) == [
        (f"{CAMPAIGN}/{EUR}", StopKind.DENIED, 101, 41),
        (f"{TENANT}/{EUR}", StopKind.DENIED, 101, 1),
    ]


async def test_the_last_unit_can_be_held(house: House) -> None:
    assert (await one(house, await hold(house, 60))).state is ReservationState.HELD
    assert (await one(house, await hold(house, 1))).state is ReservationState.DENIED


async def test_an_owner_without_a_budget_has_no_limit_unless_it_must_have_one(
    house: House,
) -> None:
    free = await hold(house, 10**9, owners=(CALL,))
    assert (await one(house, free)).state is ReservationState.HELD

    name = await hold(house, 1, required=(CALL,))
    assert (await one(house, name)).state is ReservationState.DENIED
    assert await stops(house) == [(f"{CALL}/{EUR}", StopKind.MISSING, 1, 1)]
    assert await ledgers(house) == {TENANT: (0, 0), CAMPAIGN: (0, 0)}


async def test_units_are_counted_apart(house: House) -> None:
    await ceiling(house, TENANT, 5, unit="tokens")

    name = await hold(house, 6, unit="tokens")

    assert (await one(house, name)).state is ReservationState.DENIED
    assert (await one(house, await hold(house, 6))).state is ReservationState.HELD


async def test_what_it_came_to_is_spent_and_the_rest_is_free_again(house: House) -> None:
    name = await hold(house, 40)
    await house.act(settled, reservation=name, actual=15)

    assert await ledgers(house) == {TENANT: (15, 0), CAMPAIGN: (15, 0)}
    row = await one(house, name)
    assert (row.state, row.settled, row.timer) == (ReservationState.SETTLED, 15, None)
    assert await house.timers() == []


async def test_more_than_was_held_is_booked_and_stops_what_it_broke(house: House) -> None:
    name = await hold(house, 40)
    await house.act(settled, reservation=name, actual=63)

    assert await ledgers(house) == {TENANT: (63, 0), CAMPAIGN: (63, 0)}
    assert await stops(house) == [(f"{CAMPAIGN}/{EUR}", StopKind.OVERRUN, 63, 3)]
    assert (await one(house, await hold(house, 0))).state is ReservationState.DENIED


async def test_more_than_was_held_stops_nothing_while_there_is_room(house: House) -> None:
    name = await hold(house, 40)
    await house.act(settled, reservation=name, actual=60)

    assert await stops(house) == []


async def test_what_was_not_spent_is_free_again(house: House) -> None:
    name = await hold(house, 60)
    await house.act(released, reservation=name)

    assert await ledgers(house) == {TENANT: (0, 0), CAMPAIGN: (0, 0)}
    assert (await one(house, await hold(house, 60))).state is ReservationState.HELD


async def test_what_nobody_answers_for_counts_as_spent(house: House) -> None:
    name = await hold(house, 40)
    await house.wait(HOLD_US - 1)
    assert (await one(house, name)).state is ReservationState.HELD

    await house.wait(1)

    assert (await one(house, name)).state is ReservationState.EXPIRED
    assert await ledgers(house) == {TENANT: (40, 0), CAMPAIGN: (40, 0)}


async def test_who_knows_better_later_corrects_it(house: House) -> None:
    first, second, third = [await hold(house, 10) for _ in range(3)]
    await house.wait(HOLD_US)
    assert await ledgers(house) == {TENANT: (30, 0), CAMPAIGN: (30, 0)}

    await house.act(settled, reservation=first, actual=4)
    await house.act(released, reservation=second)
    await house.act(settled, reservation=third, actual=70)

    assert await ledgers(house) == {TENANT: (74, 0), CAMPAIGN: (74, 0)}
    assert await stops(house) == [(f"{CAMPAIGN}/{EUR}", StopKind.OVERRUN, 70, 14)]


async def test_a_reservation_is_answered_for_once(house: House) -> None:
    name = await hold(house, 40)
    await house.act(settled, reservation=name, actual=15)

    with pytest.raises(Refused, match="is settled since"):
        await house.act(settled, reservation=name, actual=15)
    with pytest.raises(Refused, match="is settled since"):
        await house.act(released, reservation=name)
    denied = await hold(house, 10**6)
    with pytest.raises(Refused, match="is denied since"):
        await house.act(settled, reservation=denied, actual=0)
    await house.wait(2 * HOLD_US)
    assert await ledgers(house) == {TENANT: (15, 0), CAMPAIGN: (15, 0)}


async def test_a_higher_ceiling_makes_room_and_a_lower_one_stops(house: House) -> None:
    await hold(house, 60)
    assert await ceiling(house, CAMPAIGN, 80) == 20
    await hold(house, 20)

    assert await ceiling(house, CAMPAIGN, 50) == -30

    assert await stops(house) == [(f"{CAMPAIGN}/{EUR}", StopKind.LOWERED, 0, 30)]
    assert (await one(house, await hold(house, 1))).state is ReservationState.DENIED
    assert await ledgers(house) == {TENANT: (0, 80), CAMPAIGN: (0, 80)}


async def test_a_ceiling_that_was_raised_but_not_enough_is_no_new_stop(house: House) -> None:
    await hold(house, 60)
    await ceiling(house, CAMPAIGN, 10)
    assert await ceiling(house, CAMPAIGN, 20) == -40

    assert [kind for _, kind, _, _ in await stops(house)] == [StopKind.LOWERED]


async def test_a_tenant_does_not_raise_its_own_ceiling(house: House) -> None:
    await house.introduce("id_acme", "operator", firm="acme")
    wish: dict[str, Any] = {"unit": EUR, "ceiling": 10**6, "why": "more calls"}
    with pytest.raises(NotAllowed, match="ask the house"):
        await house.act(budget_ceiling_set, "id_acme", owner=TENANT, **wish)

    await house.act(budget_ceiling_set, "id_acme", owner=f"{TENANT}/summer", **wish)


@pytest.mark.parametrize("amount", [-1, 10**12 + 1])
async def test_an_amount_out_of_range_is_refused(house: House, amount: int) -> None:
    name = await hold(house, 1)
    with pytest.raises(Refused, match="an amount is"):
        await hold(house, amount)
    with pytest.raises(Refused, match="an amount is"):
        await house.act(settled, reservation=name, actual=amount)


@pytest.mark.parametrize("ceiling_", [-1, 10**15 + 1])
async def test_a_ceiling_out_of_range_is_refused(house: House, ceiling_: int) -> None:
    with pytest.raises(Refused, match="a ceiling is"):
        await ceiling(house, TENANT, ceiling_)


async def test_nothing_is_held_for_ever(house: House) -> None:
    with pytest.raises(Refused, match="expires_after_us"):
        await hold(house, 1, expires_after_us=10**15)
