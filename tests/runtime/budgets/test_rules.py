"""The reservation's machine, every state and event of it, and what each state weighs."""

from dataclasses import replace

import pytest

from runtime.budgets import rules
from runtime.budgets.rules import Event, Weight
from runtime.budgets.tables import Budget, Reservation, ReservationState
from runtime.identities.rules import Kind, State
from runtime.identities.tables import Identity

HELD, SETTLED = ReservationState.HELD, ReservationState.SETTLED
RELEASED, EXPIRED = ReservationState.RELEASED, ReservationState.EXPIRED

LEADS = {
    (HELD, Event.SETTLED): SETTLED,
    (HELD, Event.RELEASED): RELEASED,
    (HELD, Event.EXPIRED): EXPIRED,
    (EXPIRED, Event.SETTLED): SETTLED,
    (EXPIRED, Event.RELEASED): RELEASED,
}

BUDGET = Budget(id="t/ms", owner="t", unit="ms", ceiling=100, spent=30, held=20)
RESERVATION = Reservation(
    id="reservation_x",
    scope=None,
    unit="ms",
    amount=7,
    over=("t/ms",),
    state=HELD,
    settled=None,
    purpose="a test",
    opened_us=0,
    expires_us=1,
    decided_us=None,
    timer=None,
)


@pytest.mark.parametrize("state", ReservationState)
@pytest.mark.parametrize("event", Event)
def test_an_event_leads_where_it_should_and_nowhere_else(
    state: ReservationState, event: Event
) -> None:
    assert rules.next_state(state, event) is LEADS.get((state, event))


@pytest.mark.parametrize(
    ("state", "actual", "weight"),
    [
        (HELD, None, Weight(held=7)),
        (SETTLED, 3, Weight(spent=3)),
        (SETTLED, 9, Weight(spent=9)),
        (SETTLED, 0, Weight()),
        (RELEASED, None, Weight()),
        (ReservationState.DENIED, None, Weight()),
        # Whoever held it died, perhaps after it was spent.
        (EXPIRED, None, Weight(spent=7)),
    ],
)
def test_what_a_reservation_weighs(
    state: ReservationState, actual: int | None, weight: Weight
) -> None:
    assert rules.weight(replace(RESERVATION, state=state, settled=actual)) == weight


def test_a_ledger_moves_by_the_difference() -> None:
    moved = rules.moved(BUDGET, Weight(held=7), Weight(spent=9))
    assert (moved.spent, moved.held) == (39, 13)


@pytest.mark.parametrize(("amount", "short_by"), [(0, 0), (50, 0), (51, 1), (150, 100)])
def test_room_ends_at_the_ceiling(amount: int, short_by: int) -> None:
    assert rules.short_by(BUDGET, amount) == short_by


@pytest.mark.parametrize("unit", ["ms", "tokens", "money_eur", "money_chf"])
def test_units_that_can_be_counted(unit: str) -> None:
    assert rules.flaw(("t",), unit, 1) is None


@pytest.mark.parametrize(
    ("owners", "unit", "amount"),
    [
        (("t",), "euro", 1),
        (("t",), "money_", 1),
        (("t",), "money_EUR", 1),
        (("t",), "money_eu1", 1),
        ((), "ms", 1),
        (("t", "t"), "ms", 1),
        (("",), "ms", 1),
        (tuple("abcdefghi"), "ms", 1),
        (("t",), "ms", -1),
        (("t",), "ms", rules.AMOUNT_MAX + 1),
    ],
)
def test_what_can_not_be_counted_is_found_out(
    owners: tuple[str, ...], unit: str, amount: int
) -> None:
    assert rules.flaw(owners, unit, amount)


@pytest.mark.parametrize(
    ("tenant", "owner", "allowed"),
    [
        ("", "tenant/acme", True),
        ("acme", "tenant/acme/spring", True),
        ("acme", "tenant/acme", False),
        ("acme", "tenant/acmeother/spring", False),
        ("acme", "campaign/spring", False),
    ],
)
def test_a_tenant_sets_ceilings_below_its_own(tenant: str, owner: str, allowed: bool) -> None:
    operator = Identity(
        id="id_op",
        kind=Kind.PERSON,
        state=State.ACTIVE,
        key=b"",
        roles=("operator",),
        tenant=tenant,
        name="Op",
        registered_us=0,
        changed_us=0,
        why="",
    )
    assert rules.may_set(operator, owner) is allowed
    assert rules.may_set(None, owner)
