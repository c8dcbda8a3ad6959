"""Reducers that spend, for the tests of budgets."""

from pathlib import Path

from runtime import Context, reducer
from runtime.budgets import release, reserve, settle
from runtime.budgets.reducers import budget_ceiling_set
from runtime.budgets.tables import Reservation
from tests.runtime.virtual import SECOND, House

HOLD_US = 60 * SECOND
TENANT, CAMPAIGN, CALL = "tenant/acme", "campaign/spring", "call/1"
EUR = "money_eur"


@reducer
def reserved(
    ctx: Context,
    *,
    owners: list[str],
    unit: str,
    amount: int,
    required: list[str],
    expires_after_us: int,
) -> Reservation:
    """Something is about to be spent."""
    return reserve(
        ctx,
        owners=tuple(owners),
        unit=unit,
        amount=amount,
        required=tuple(required),
        expires_after_us=expires_after_us,
        purpose="a test",
    )


@reducer
def settled(ctx: Context, reservation: str, actual: int) -> None:
    """It was spent."""
    settle(ctx, reservation, actual)


@reducer
def released(ctx: Context, reservation: str) -> None:
    """It was not."""
    release(ctx, reservation)


async def hold(
    house: House,
    amount: int,
    *,
    owners: tuple[str, ...] = (TENANT, CAMPAIGN, CALL),
    unit: str = EUR,
    required: tuple[str, ...] = (),
    expires_after_us: int = HOLD_US,
) -> str:
    """Reserve. Answers the reservation's id."""
    row = await house.act(
        reserved,
        owners=list(owners),
        unit=unit,
        amount=amount,
        required=list(required),
        expires_after_us=expires_after_us,
    )
    name: str = row["id"]
    return name


async def ceiling(house: House, owner: str, amount: int, unit: str = EUR) -> int:
    """Set a ceiling. Answers the room below it."""
    room: int = await house.act(
        budget_ceiling_set, owner=owner, unit=unit, ceiling=amount, why="a test"
    )
    return room


async def funded(folder: Path) -> House:
    """A tenant with 100, one of its campaigns with 60; the call has no budget of its own."""
    house = await House.open(folder)
    await ceiling(house, TENANT, 100)
    await ceiling(house, CAMPAIGN, 60)
    return house
