"""Calls for the tests of policies: who is where, and what is asked of them."""

from consent.policy import places, shipped
from consent.policy.cells import Overlay
from consent.policy.plan import Plan, Requirement
from consent.policy.query import Party, Query
from consent.policy.resolver import resolve
from consent.policy.terms import Line, Role

LAW = shipped.law()
TODAY = "2026-11-21"
WIDE = {one.within for one in LAW.jurisdictions.values()}
PLACES = tuple(code for code in LAW.jurisdictions if code not in WIDE)
"""Every place where somebody can be, the unknown one among them."""


def party(name: str, words: str, *standing: str) -> Party:
    """ "caller", "agent", "human-2" somewhere."""
    role = Role(name.partition("-")[0])
    return Party(name, role, places.of_words(LAW, words), standing)


def plan(
    *parties: Party,
    line: Line = Line.GENERAL,
    day: str = TODAY,
    vendors: tuple[str, ...] = (),
    language: str | None = None,
    overlays: tuple[Overlay, ...] = (),
) -> Plan:
    return resolve(LAW, Query(parties, line, day, vendors, language), overlays)


def owed(found: Plan, scope: str, who: str = "caller") -> Requirement:
    """The requirement, which is there."""
    one = found.of(who, scope)
    assert one is not None, f"{scope} is not in question for the {who}"
    return one
