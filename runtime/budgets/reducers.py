"""The only code that changes budgets. The functions are for the reducers of others."""

from dataclasses import replace

from runtime.budgets import rules
from runtime.budgets.rules import NOTHING, Event, Weight
from runtime.budgets.tables import Budget, BudgetStop, Reservation, ReservationState, StopKind
from runtime.context import Context
from runtime.errors import NotAllowed, Refused
from runtime.identities.tables import Identity
from runtime.reducers import reducer

EXPIRY = "runtime.reservation_expiry_due"


def reserve(
    ctx: Context,
    *,
    owners: tuple[str, ...],
    unit: str,
    amount: int,
    expires_after_us: int,
    purpose: str,
    required: tuple[str, ...] = (),
) -> Reservation:
    """Hold `amount` in the budgets of all owners, or of none. Answers it HELD or DENIED.

    An owner without a budget of this unit has no limit, unless it is one of `required`. A denial
    is no exception, so that it stays: one row in `budget_stop` for each budget without room.
    Nobody settles or releases before it expires: the full amount counts as spent.
    """
    _sound(rules.flaw(owners, unit, amount))
    if not 0 < expires_after_us <= rules.HOLD_US_MAX:
        raise Refused(f"expires_after_us is 1 to {rules.HOLD_US_MAX}")
    assert all(owner in owners for owner in required), "who is required is one of the owners"
    found = [ctx.table(Budget).get(f"{owner}/{unit}") for owner in owners]
    budgets = [budget for budget in found if budget is not None]
    there = [budget.owner for budget in budgets]
    reservation = Reservation(
        id=ctx.new_id("reservation"),
        scope=ctx.scope,
        unit=unit,
        amount=amount,
        over=tuple(budget.id for budget in budgets),
        state=ReservationState.HELD,
        settled=None,
        purpose=purpose,
        opened_us=ctx.now,
        expires_us=ctx.now + expires_after_us,
        decided_us=None,
        timer=None,
    )
    missing = [f"{owner}/{unit}" for owner in required if owner not in there]
    full = [budget for budget in budgets if rules.short_by(budget, amount)]
    if missing or full:
        return _denied(ctx, reservation, missing, full)
    timer = ctx.schedule(
        EXPIRY, at_us=reservation.expires_us, scope=ctx.scope, reservation=reservation.id
    )
    _book(ctx, reservation, NOTHING)
    return ctx.table(Reservation).insert(replace(reservation, timer=timer))


def settle(ctx: Context, reservation: str, actual: int) -> Reservation:
    """It came to `actual`: less than was held, or more. Also corrects one that had expired.

    More than was held is booked all the same, for it is spent; beyond a ceiling it leaves a row
    in `budget_stop`.
    """
    if not 0 <= actual <= rules.AMOUNT_MAX:
        raise Refused(f"an amount is 0 to {rules.AMOUNT_MAX}, not {actual}")
    return _happened(ctx, reservation, Event.SETTLED, actual)


def release(ctx: Context, reservation: str) -> Reservation:
    """Nothing was spent. Also corrects one that had expired."""
    return _happened(ctx, reservation, Event.RELEASED, None)


def _denied(
    ctx: Context, reservation: Reservation, missing: list[str], full: list[Budget]
) -> Reservation:
    for budget in missing:
        _stop(ctx, budget, reservation, StopKind.MISSING, reservation.amount)
    for row in full:
        short_by = rules.short_by(row, reservation.amount)
        _stop(ctx, row.id, reservation, StopKind.DENIED, short_by)
    denied = replace(reservation, state=ReservationState.DENIED, decided_us=ctx.now)
    return ctx.table(Reservation).insert(denied)


def _happened(ctx: Context, reservation: str, event: Event, actual: int | None) -> Reservation:
    before = ctx.table(Reservation).one(reservation)
    state = rules.next_state(before.state, event)
    if state is None:
        raise Refused(f"reservation {reservation} is {before.state} since {before.decided_us}")
    # Its own timer is closed with the action it fires; any other would come too late.
    if event is not Event.EXPIRED and before.timer is not None:
        ctx.cancel(before.timer)
    after = replace(before, state=state, settled=actual, decided_us=ctx.now, timer=None)
    for budget in _book(ctx, after, rules.weight(before)):
        if actual is not None and actual > before.amount and rules.short_by(budget):
            _stop(ctx, budget.id, after, StopKind.OVERRUN, rules.short_by(budget))
    return ctx.table(Reservation).replace(after)


def _book(ctx: Context, reservation: Reservation, before: Weight) -> list[Budget]:
    """Write every ledger that the reservation is over. Answers them as they are now."""
    ledgers = ctx.table(Budget)
    after = rules.weight(reservation)
    return [
        ledgers.replace(rules.moved(ledgers.one(name), before, after)) for name in reservation.over
    ]


def _stop(
    ctx: Context, budget: str, reservation: Reservation | None, kind: StopKind, short_by: int
) -> None:
    amount = 0
    if reservation is not None:
        amount = reservation.amount if reservation.settled is None else reservation.settled
    ctx.table(BudgetStop).insert(
        BudgetStop(
            id=ctx.new_id("stop"),
            budget=budget,
            reservation=None if reservation is None else reservation.id,
            kind=kind,
            amount=amount,
            short_by=short_by,
            at_us=ctx.now,
        )
    )


def _sound(flaw: str | None) -> None:
    if flaw is not None:
        raise Refused(flaw)


@reducer
def reservation_expiry_due(ctx: Context, reservation: str) -> None:
    """Nobody said what it came to: it counts as spent in full, until somebody does."""
    _happened(ctx, reservation, Event.EXPIRED, None)


@reducer(by=("operator",), signed=True)
def budget_ceiling_set(ctx: Context, owner: str, unit: str, ceiling: int, why: str) -> int:
    """A ceiling is raised or lowered; the entry keeps who, and why. Answers the room that is left.

    Below what is spent and held, the room is negative: nothing is taken back, nothing is lent.
    A budget counts what is reserved after it was made.
    """
    _sound(rules.flaw((owner,), unit, 0))
    if not 0 <= ceiling <= rules.CEILING_MAX:
        raise Refused(f"a ceiling is 0 to {rules.CEILING_MAX}, not {ceiling}")
    if not rules.may_set(ctx.table(Identity).get(ctx.sender), owner):
        raise NotAllowed(f"{owner} is not below your tenant: ask the house")
    ledgers = ctx.table(Budget)
    before = ledgers.get(f"{owner}/{unit}")
    if before is None:
        made = Budget(
            id=f"{owner}/{unit}", owner=owner, unit=unit, ceiling=ceiling, spent=0, held=0
        )
        return ledgers.insert(made).ceiling
    after = ledgers.replace(replace(before, ceiling=ceiling))
    if ceiling < before.ceiling and rules.short_by(after):
        _stop(ctx, after.id, None, StopKind.LOWERED, rules.short_by(after))
    return after.ceiling - after.spent - after.held
