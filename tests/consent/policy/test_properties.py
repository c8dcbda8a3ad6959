"""Whatever the call: one more party, or a tenant's file, never makes anything looser."""

import random

import pytest

from consent.policy import parsing, places, tightening
from consent.policy.cells import Overlay
from consent.policy.errors import PolicyError
from consent.policy.plan import Plan, Requirement, Start
from consent.policy.query import Party, Query
from consent.policy.resolver import resolve
from consent.policy.strictness import Asked, is_as_strict
from consent.policy.terms import SCOPES, STRICTEST, Due, Line, OnNo, Role
from tests.consent.policy.calls import LAW, PLACES, TODAY

SEEDS = range(20)
CALLS = 10
DAYS = ("2017-06-01", "2024-02-08", "2026-08-01", "2026-08-02", "2026-11-21", "2031-01-01")
OPENNESS = (Start.OPEN, Start.NOTICE_DUE, Start.CONFIRM_DUE, Start.ASK_DUE, Start.DISABLED)


def drawn_party(draw: random.Random, role: Role, name: str) -> Party:
    code = draw.choice(PLACES)
    place = places.Place(code, code, "drawn")
    standing = tuple(scope for scope in SCOPES if draw.random() < 0.2)
    return Party(name, role, place, standing)


def drawn_query(draw: random.Random) -> Query:
    parties = [drawn_party(draw, Role.CALLER, "caller")]
    for number in range(draw.randrange(3)):
        parties.append(drawn_party(draw, draw.choice(list(Role)), f"party-{number}"))
    return Query(
        parties=tuple(parties),
        line=draw.choice(list(Line)),
        day=draw.choice(DAYS),
        vendors=("acme",)[: draw.randrange(2)],
    )


def drawn_overlay(draw: random.Random) -> Overlay:
    """Any file that can be read, tightening or not."""
    cells: list[str] = []
    for number in range(draw.randrange(1, 6)):
        due = draw.choice(list(Due))
        keys = [
            f'jurisdictions = ["{draw.choice([*PLACES, "US", "EEA", "*"])}"]',
            f'scopes = ["{draw.choice([*SCOPES, "vendor:acme"])}"]',
            f'lines = ["{draw.choice(list(Line))}"]',
            f'due = "{due}"',
            f"from = {2000 + number}-01-01",
            'source = "drawn"',
            "reviewed = 2026-11-21",
        ]
        if due is Due.ASK and draw.random() < 0.5:
            keys.append(f"implied_after_s = {draw.randrange(1, 60)}")
        if draw.random() < 0.5:
            keys.append(f'on_no = "{draw.choice(list(OnNo))}"')
        cells.append("\n".join(["[[cell]]", *keys]))
    return parsing.overlay("drawn.toml", "\n".join(cells))


def asked(one: Requirement) -> Asked:
    return Asked(
        one.due,
        one.implied_after_s,
        one.on_no,
        one.when,
        one.beep,
        one.must_record,
        one.retention,
        one.conditions,
    )


def assert_no_looser(after: Plan, before: Plan) -> None:
    for one in before.requirements:
        same = after.of(one.party, one.scope)
        assert same is not None, one
        assert is_as_strict(asked(same), asked(one)), (one, same)
        assert OPENNESS.index(same.start) >= OPENNESS.index(one.start), (one, same)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_party_never_loosens(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(CALLS):
        query = drawn_query(draw)
        joining = drawn_party(draw, draw.choice(list(Role)), "joining")
        more = Query((*query.parties, joining), query.line, query.day, query.vendors)
        assert_no_looser(resolve(LAW, more), resolve(LAW, query))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tenants_file_never_loosens_checked_or_not(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(CALLS):
        query = drawn_query(draw)
        overlays = [drawn_overlay(draw) for _ in range(draw.randrange(1, 3))]
        assert_no_looser(resolve(LAW, query, overlays), resolve(LAW, query))


def test_the_check_takes_some_drawn_files_and_refuses_others() -> None:
    draw = random.Random(7)
    taken = 0
    for _ in range(200):
        try:
            tightening.check(LAW, drawn_overlay(draw), TODAY)
            taken += 1
        except PolicyError:
            continue
    assert 20 < taken < 180


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_parties_changes_nothing_that_is_due(seed: int) -> None:
    draw = random.Random(seed)
    query = drawn_query(draw)
    turned = Query(query.parties[::-1], query.line, query.day, query.vendors)
    assert_no_looser(resolve(LAW, turned), resolve(LAW, query))
    assert_no_looser(resolve(LAW, query), resolve(LAW, turned))


@pytest.mark.parametrize("seed", SEEDS)
def test_from_nowhere_is_as_strict_as_from_anywhere(seed: int) -> None:
    """The unknown place, in the caller's place: nothing is owed less, but how long it is kept."""
    draw = random.Random(seed)
    query = drawn_query(draw)
    first = query.parties[0]
    nowhere = Party(first.id, first.role, places.strictest("drawn"), first.standing)
    assert nowhere.place.code == STRICTEST
    moved = Query((nowhere, *query.parties[1:]), query.line, query.day, query.vendors)
    here, there = resolve(LAW, query), resolve(LAW, moved)
    for one in here.requirements:
        other = there.of(one.party, one.scope)
        assert other is not None
        assert OPENNESS.index(other.start) >= OPENNESS.index(one.start), (one, other)
