"""The data that ship: complete, sourced, dated, and nowhere looser than the unknown place asks."""

from dataclasses import replace
from datetime import date

import phonenumbers
import pytest
from phonenumbers import geocoder

from consent.policy.resolver import governing
from consent.policy.strictness import Asked, is_as_strict, joined
from consent.policy.terms import EVERYWHERE, FIRST_DAY, SCOPES, STRICTEST, Due, Grade, Line
from tests.consent.policy.calls import LAW, PLACES, TODAY

STATES = (
    *("AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN"),
    *("IA", "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH"),
    *("NJ", "NM", "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT"),
    *("VT", "VA", "WA", "WV", "WI", "WY"),
)
UNION = (
    *("AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT"),
    *("LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE"),
)
ALL_PARTY = ["CA", "DE", "FL", "IL", "MD", "MA", "MT", "NV", "NH", "PA", "WA"]
DISPUTED = ["CT", "MI", "OR", "VT"]
DAYS = sorted({cell.start for cell in LAW.cells} | {TODAY, "2030-01-01"})


def asked(place: str, scope: str, line: Line, day: str) -> Asked:
    return joined(governing(LAW, place, scope, line, day))


def test_every_cell_has_a_source_a_day_and_a_grade() -> None:
    for cell in LAW.cells:
        assert len(cell.source) > 10, cell.id
        assert date(2026, 1, 1) <= date.fromisoformat(cell.reviewed), cell.id
        assert cell.grade in Grade, cell.id
        # Who claims to have a house rule says so in words.
        assert (cell.grade is Grade.HOUSE) == cell.source.startswith("House rule"), cell.id


def test_every_place_that_we_promise_is_there() -> None:
    expected = {f"US-{state}" for state in STATES} | {*UNION, "IS", "LI", "NO"}
    assert expected | {"GB", "CH", "CA", "AU", STRICTEST} == {*PLACES}
    assert len(STATES) == 51 and len(UNION) == 27


@pytest.mark.parametrize("place", PLACES)
def test_every_place_says_something_about_every_scope(place: str) -> None:
    """Else the strictest would stand in for it: safe, but not what the file means."""
    for scope in SCOPES:
        keys = [(code, scope, Line.GENERAL) for code in LAW.chain(place)]
        if scope in ("training", "biometrics"):
            continue  # Rules of the house, for everywhere.
        said = [LAW.cells.at(key, TODAY) for key in keys if key[0] != EVERYWHERE]
        assert any(said), scope


@pytest.mark.parametrize("line", Line)
@pytest.mark.parametrize("scope", SCOPES)
def test_nowhere_is_stricter_than_the_unknown_place(scope: str, line: Line) -> None:
    for day in DAYS:
        strictest = asked(STRICTEST, scope, line, day)
        for place in PLACES:
            here = asked(place, scope, line, day)
            # How long something is kept is no matter of strictness.
            known = replace(here, retention=())
            assert is_as_strict(strictest, known), (place, day, strictest, here)


@pytest.mark.parametrize("state", STATES)
def test_recording_in_the_united_states(state: str) -> None:
    due = asked(f"US-{state}", "recording", Line.GENERAL, TODAY).due
    assert due is (Due.ASK if state in ALL_PARTY + DISPUTED else Due.NONE)


@pytest.mark.parametrize("state", [*DISPUTED, "NV"])
def test_where_sources_disagree_a_note_says_so(state: str) -> None:
    cell = LAW.cells.at((f"US-{state}", "recording", Line.GENERAL), TODAY)
    assert cell is not None
    assert "disagree" in cell.note or "Mixed" in cell.note
    assert "strictest" in cell.note


@pytest.mark.parametrize("state", [*UNION, "IS", "LI", "NO"])
def test_recording_in_the_economic_area_is_asked_and_never_implied(state: str) -> None:
    found = asked(state, "recording", Line.GENERAL, TODAY)
    assert (found.due, found.implied_after_s) == (Due.ASK, None)


def test_biometrics_are_off_everywhere() -> None:
    assert {asked(place, "biometrics", line, TODAY).due for place in PLACES for line in Line} == {
        Due.OFF
    }


def test_area_codes_agree_with_another_list() -> None:
    """No area code leads to a state that its numbers are not of, as phonenumbers has them."""
    names = {one.name: one.code for one in LAW.jurisdictions.values()}
    names |= {"Washington D.C.": "US-DC", "Washington State": "US-WA"}
    seen = 0
    for code, state in LAW.states_of_area_codes.items():
        for rest in ("2345678", "5550100", "3334444"):
            number = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{code}{rest}"))
            said = geocoder.description_for_number(number, "en")
            place = names.get(said) or names.get(said, f"US-{said.rpartition(', ')[2]}")
            if place in LAW.jurisdictions:
                assert place == state, (code, said)
                seen += 1
    assert len(LAW.states_of_area_codes) > 340 and seen > 340
    assert {*LAW.states_of_area_codes.values()} == {f"US-{state}" for state in STATES}


def test_days_of_change_are_those_we_know() -> None:
    changes = {cell.start for cell in LAW.cells if cell.start != FIRST_DAY}
    assert "2026-08-02" in changes, "Article 50(1) AI Act"
    assert "2025-02-10" in changes, "Ambriz v. Google"
