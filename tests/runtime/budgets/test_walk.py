"""A random walk over budgets, beside a model, through kills: the ledgers always add up."""

import random
from collections.abc import Awaitable
from pathlib import Path

import pytest

from runtime.budgets import rules
from runtime.budgets.tables import Budget, BudgetStop, Reservation, ReservationState, StopKind
from runtime.errors import Refused
from tests.runtime.budgets.model import Model
from tests.runtime.budgets.purse import (
    CALL,
    CAMPAIGN,
    EUR,
    HOLD_US,
    TENANT,
    ceiling,
    hold,
    released,
    settled,
)
from tests.runtime.virtual import House

pytestmark = pytest.mark.anyio

WALK_STEPS = 1_500
LOOK_EVERY = 50
WALKS = ((1, True), (4711, False))
OWNERS = (TENANT, f"{TENANT}/b", CAMPAIGN, f"{CAMPAIGN}/b", CALL)


async def a_step(house: House, model: Model, draw: random.Random, tame: bool = False) -> None:
    """One thing that may happen, to the store and to the model.

    `tame`: nothing costs more than was held, no ceiling comes down.
    """
    known = list(model.held)[-12:]
    what = draw.randrange(20)
    if what < 9 or not known:
        owners = draw.sample(OWNERS, draw.randrange(1, 4))
        amount, expires_after_us = draw.randrange(120), draw.randrange(1, HOLD_US)
        name = await hold(house, amount, owners=tuple(owners), expires_after_us=expires_after_us)
        model.reserve(name, owners, amount, house.now_us[0] + expires_after_us)
    elif what < 13:
        name = draw.choice(known)
        # Mostly less than was held, now and then more.
        most = model.held[name].amount
        actual = draw.randrange(most + 1 if tame else most * 5 // 4 + 2)
        await both(house.act(settled, reservation=name, actual=actual), model.settle(name, actual))
    elif what < 15:
        name = draw.choice(known)
        await both(house.act(released, reservation=name), model.release(name))
    elif what < 17:
        owner = draw.choice(OWNERS[:4])
        amount = draw.randrange(1_500) + model.spent(owner)
        if tame:
            amount = max(amount // 4, model.ceilings.get(owner, 0))
        # Only a budget which begins before its first reservation counts all of them.
        if owner in model.ceilings or not any(owner in one.owners for one in model.held.values()):
            await ceiling(house, owner, amount)
            model.set_ceiling(owner, amount)
    else:
        await house.wait(draw.randrange(HOLD_US // 4))
        model.pass_time(house.now_us[0])


async def both(acting: Awaitable[object], model_agrees: bool) -> None:
    """The store refuses what the model refuses."""
    try:
        await acting
    except Refused:
        assert not model_agrees
    else:
        assert model_agrees


async def agrees(house: House, model: Model) -> None:
    """Ledgers, reservations and stops are those of the model, and add up by themselves."""
    budgets = await house.rows(Budget)
    reservations = await house.rows(Reservation)
    stops = await house.rows(BudgetStop)
    assert {row.owner: (row.ceiling, row.spent, row.held) for row in budgets} == {
        owner: (model.ceilings[owner], model.spent(owner), model.open(owner))
        for owner in model.ceilings
    }
    assert {row.id: row.state for row in reservations} == {
        name: one.state for name, one in model.held.items()
    }
    found = sorted((row.budget, row.kind, row.short_by) for row in stops)
    assert found == sorted((f"{owner}/{EUR}", kind, by) for owner, kind, by in model.stops)
    stopped = {row.reservation for row in stops if row.kind is StopKind.DENIED}
    denied = {row.id for row in reservations if row.state is ReservationState.DENIED}
    assert denied == stopped
    for budget in budgets:
        weights = [rules.weight(row) for row in reservations if budget.id in row.over]
        assert budget.spent == sum(one.spent for one in weights) >= 0
        assert budget.held == sum(one.held for one in weights) >= 0
        broken = [stop for stop in stops if stop.budget == budget.id]
        if not any(stop.kind in (StopKind.OVERRUN, StopKind.LOWERED) for stop in broken):
            assert budget.spent + budget.held <= budget.ceiling


async def walk(folder: Path, seed: int, tame: bool, kills: int) -> list[bytes]:
    house, model = await House.open(folder), Model()
    draw, death = random.Random(seed), random.Random(seed + 1)
    for owner in (TENANT, CAMPAIGN):
        await ceiling(house, owner, 1_000)
        model.set_ceiling(owner, 1_000)
    for at in range(WALK_STEPS):
        if kills and death.randrange(WALK_STEPS) < kills:
            await house.kill()
        await a_step(house, model, draw, tame)
        if at % LOOK_EVERY == 0:
            await agrees(house, model)
    await house.wait(HOLD_US)
    model.pass_time(house.now_us[0])
    await agrees(house, model)
    assert {*ReservationState} - {one.state for one in model.held.values()} == {
        ReservationState.HELD
    }
    wild = () if tame else (StopKind.OVERRUN, StopKind.LOWERED)
    assert {kind for _, kind, _ in model.stops} == {StopKind.DENIED, *wild}
    log = await house.log()
    report = house.audit()
    assert (report.replayed, report.differences) == (len(log), ())
    await house.store.close()
    return log


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "tame"), WALKS)
async def test_a_random_walk_adds_up_and_survives_its_kills(
    tmp_path: Path, seed: int, tame: bool
) -> None:
    alive = await walk(tmp_path / "alive", seed, tame, 0)
    assert await walk(tmp_path / "killed", seed, tame, 40) == alive


async def test_a_kill_between_any_two_steps_changes_nothing(tmp_path: Path) -> None:
    async def tell(folder: Path, killed_before: int | None) -> list[bytes]:
        house, model, draw = await House.open(folder), Model(), random.Random(7)
        for at in range(12):
            if at == killed_before:
                await house.kill()
            if at == 0:
                await ceiling(house, TENANT, 150)
                model.set_ceiling(TENANT, 150)
            else:
                await a_step(house, model, draw)
        await agrees(house, model)
        log = await house.log()
        await house.store.close()
        return log

    expected = await tell(tmp_path / "alive", None)
    for at in range(12):
        assert await tell(tmp_path / f"killed{at}", at) == expected
