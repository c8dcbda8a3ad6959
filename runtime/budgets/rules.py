"""The reservation as a table, and what each state weighs on a ledger. All in whole numbers."""

from dataclasses import dataclass, replace
from enum import StrEnum

from runtime.budgets.tables import Budget, Reservation, ReservationState
from runtime.identities.tables import Identity

UNITS = ("ms", "tokens")
MONEY = "money_"
CURRENCY_CHARS = 3
AMOUNT_MAX = 10**12
"""One reservation: a million euros in millionths, 31 years in milliseconds."""
CEILING_MAX = 10**15
OWNERS_MAX = 8
HOLD_US_MAX = 31 * 86_400_000_000
NAME_CHARS_MAX = 200


class Event(StrEnum):
    """What can happen to a reservation."""

    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"


NEXT: dict[ReservationState, dict[Event, ReservationState]] = {
    ReservationState.HELD: {
        Event.SETTLED: ReservationState.SETTLED,
        Event.RELEASED: ReservationState.RELEASED,
        Event.EXPIRED: ReservationState.EXPIRED,
    },
    # Booked in full because nobody said better; who knows better, later, still may.
    ReservationState.EXPIRED: {
        Event.SETTLED: ReservationState.SETTLED,
        Event.RELEASED: ReservationState.RELEASED,
    },
    ReservationState.SETTLED: {},
    ReservationState.RELEASED: {},
    ReservationState.DENIED: {},
}


@dataclass(frozen=True, slots=True)
class Weight:
    """What a reservation adds to each ledger it is over."""

    spent: int = 0
    held: int = 0


NOTHING = Weight()


def next_state(state: ReservationState, event: Event) -> ReservationState | None:
    """Where `event` leads from `state`, or None where it comes too late."""
    return NEXT[state].get(event)


def weight(reservation: Reservation) -> Weight:
    """A ledger is the sum of these over its reservations.

    An expired one weighs its full amount as spent: the process that held it died, perhaps in the
    middle of a call that went on, and money that may be gone must not be lent twice.
    """
    if reservation.state is ReservationState.HELD:
        return Weight(held=reservation.amount)
    if reservation.state is ReservationState.EXPIRED:
        return Weight(spent=reservation.amount)
    return Weight(spent=reservation.settled or 0)


def moved(budget: Budget, before: Weight, after: Weight) -> Budget:
    """The ledger once a reservation weighs `after` and no longer `before`."""
    return replace(
        budget,
        spent=budget.spent + after.spent - before.spent,
        held=budget.held + after.held - before.held,
    )


def short_by(budget: Budget, amount: int = 0) -> int:
    """By how much `amount` more would be beyond the ceiling; 0 where there is room."""
    return max(0, budget.spent + budget.held + amount - budget.ceiling)


def flaw(owners: tuple[str, ...], unit: str, amount: int) -> str | None:
    """What is wrong with what is asked for; None where it is sound."""
    if unit not in UNITS and not _is_money(unit):
        return f"{unit} is no unit: use {', '.join(UNITS)} or {MONEY}eur"
    if not 1 <= len(owners) <= OWNERS_MAX or len(dict.fromkeys(owners)) != len(owners):
        return f"name 1 to {OWNERS_MAX} owners, each once"
    if any(not 1 <= len(owner) <= NAME_CHARS_MAX for owner in owners):
        return f"an owner's name has 1 to {NAME_CHARS_MAX} characters"
    if not 0 <= amount <= AMOUNT_MAX:
        return f"an amount is 0 to {AMOUNT_MAX}, not {amount}"
    return None


def _is_money(unit: str) -> bool:
    currency = unit.removeprefix(MONEY)
    is_code = len(currency) == CURRENCY_CHARS and currency.isascii() and currency.isalpha()
    return unit.startswith(MONEY) and is_code and currency.islower()


def may_set(identity: Identity | None, owner: str) -> bool:
    """In-process code and the house set any ceiling; a tenant those below its own, not its own."""
    if identity is None or not identity.tenant:
        return True
    return owner.startswith(f"tenant/{identity.tenant}/")
