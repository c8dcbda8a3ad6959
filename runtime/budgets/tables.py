"""Ledgers of minutes, tokens and money: whole numbers only. Times are microseconds."""

from enum import StrEnum

from runtime.tables import table


class ReservationState(StrEnum):
    """A held reservation is settled, released, or expires; a denied one never held anything."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"
    DENIED = "denied"


class StopKind(StrEnum):
    """What ran into a ceiling."""

    DENIED = "denied"
    """A reservation found no room; nothing was spent."""
    OVERRUN = "overrun"
    """More was spent than had been held; `short_by` is how far beyond the ceiling that led."""
    LOWERED = "lowered"
    """The ceiling came down on what is spent and held already."""
    MISSING = "missing"
    """A budget that has to be there is not."""


@table(name="budget")
class Budget:
    """What one owner may spend of one unit. The id is `owner/unit`: "tenant/acme/money_eur".

    Units: "ms" of call, "tokens", "money_eur" in millionths of a euro (and so for each
    currency). A month's budget is a budget whose owner names the month.
    """

    id: str
    owner: str
    unit: str
    ceiling: int
    spent: int
    held: int


@table(name="reservation", index=(("scope",), ("state",)))
class Reservation:
    """An amount held in all budgets of `over` (ids) until somebody says what it came to.

    `settled` is what it came to; `timer` is the id of the timer of its expiry while that runs.
    """

    id: str
    scope: str | None
    unit: str
    amount: int
    over: tuple[str, ...]
    state: ReservationState
    settled: int | None
    purpose: str
    opened_us: int
    expires_us: int
    decided_us: int | None
    timer: str | None


@table(name="budget_stop", index=(("budget",), ("reservation",)), append_only=True)
class BudgetStop:
    """A hard stop: which budget, what ran into it, by how much."""

    id: str
    budget: str
    reservation: str | None
    kind: StopKind
    amount: int
    short_by: int
    at_us: int
