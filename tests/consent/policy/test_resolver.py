"""Which row of the consent machine each party and scope begins with, and by which rule."""

from dataclasses import fields

import pytest

from consent.policy import parsing, places, shipped
from consent.policy.plan import Act, Start
from consent.policy.query import Party, Query
from consent.policy.resolver import resolve
from consent.policy.terms import BasisKind, Due, Line, OnNo, Role, When, rank
from runtime.values import plain
from tests.consent.policy.calls import LAW, TODAY, owed, party, plan

OPEN, NOTICE, ASK = Start.OPEN, Start.NOTICE_DUE, Start.ASK_DUE


@pytest.mark.parametrize(
    ("caller", "agent", "line", "ai", "stt", "recording", "transcript", "vendor"),
    [
        ("Texas", "Texas", "general", OPEN, OPEN, OPEN, OPEN, OPEN),
        ("Utah", "Texas", "general", NOTICE, OPEN, OPEN, OPEN, OPEN),
        ("415", "Texas", "general", NOTICE, NOTICE, ASK, ASK, ASK),
        ("Texas", "US-CA", "general", NOTICE, NOTICE, ASK, ASK, ASK),
        ("Connecticut", "Texas", "general", OPEN, NOTICE, ASK, ASK, ASK),
        ("Vermont", "Texas", "general", OPEN, NOTICE, ASK, ASK, ASK),
        ("Dublin", "Dublin", "general", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("Texas", "Dublin", "general", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("415", "Dublin", "health", NOTICE, NOTICE, ASK, ASK, ASK),
        ("Oslo", "Oslo", "general", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("London", "London", "general", NOTICE, NOTICE, NOTICE, NOTICE, NOTICE),
        ("London", "Berlin", "general", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("London", "London", "trading", NOTICE, NOTICE, NOTICE, NOTICE, NOTICE),
        ("Berlin", "Dublin", "trading", NOTICE, NOTICE, NOTICE, ASK, NOTICE),
        ("415", "Dublin", "trading", NOTICE, NOTICE, ASK, ASK, ASK),
        ("Zurich", "Zurich", "trading", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("Zurich", "Zurich", "general", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("Toronto", "Toronto", "general", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("Sydney", "Sydney", "general", NOTICE, NOTICE, ASK, ASK, NOTICE),
        ("withheld", "Texas", "general", NOTICE, NOTICE, ASK, ASK, ASK),
        ("+18005550100", "Texas", "general", NOTICE, NOTICE, ASK, ASK, ASK),
        ("JP", "Texas", "general", NOTICE, NOTICE, ASK, ASK, ASK),
    ],
)
def test_where_the_machine_begins(
    *,
    caller: str,
    agent: str,
    line: str,
    ai: Start,
    stt: Start,
    recording: Start,
    transcript: Start,
    vendor: Start,
) -> None:
    found = plan(party("caller", caller), party("agent", agent), line=Line(line), vendors=("acme",))
    scopes = ("ai_interaction", "live_stt", "recording", "transcript_retention", "vendor:acme")
    starts = [owed(found, scope).start for scope in scopes]
    assert starts == [ai, stt, recording, transcript, vendor]
    assert owed(found, "biometrics").start is Start.DISABLED


def test_the_rule_that_won_is_named_with_its_reason_and_source() -> None:
    found = owed(plan(party("caller", "+14155550100"), party("agent", "Texas")), "recording")
    first = found.rules[0]
    assert (first.cell, first.party) == ("US-CA/recording/general", "caller")
    assert first.source.startswith("Cal. Penal Code 632")
    assert first.because == "area code 415 is California"
    assert first.brings[0] == "due"
    assert found.basis is BasisKind.CONSENT


def test_who_is_at_the_same_place_is_told_of_their_own() -> None:
    found = plan(party("caller", "415"), party("human", "Texas"), party("human-2", "415"))
    assert owed(found, "recording").rules[0].party == "caller"
    second = party("human-2", "415").id
    assert owed(found, "recording", second).rules[0].party == second
    assert [rule.cell for rule in owed(found, "recording", "human").rules] == [
        "US-CA/recording/general",
        "US/recording/general",
    ]


def test_of_two_who_ask_the_one_who_takes_no_silence_for_an_answer_wins() -> None:
    found = owed(plan(party("caller", "415"), party("agent", "Dublin")), "recording")
    assert [rule.cell for rule in found.rules[:2]] == [
        "EEA/recording/general",
        "US-CA/recording/general",
    ]
    assert found.implied_after_s is None


def test_staying_on_the_line_is_consent_only_where_all_who_ask_say_so() -> None:
    assert owed(plan(party("caller", "415")), "recording").implied_after_s == 5
    assert (
        owed(plan(party("caller", "415"), party("human", "Sydney")), "recording").implied_after_s
        == 5
    )
    assert (
        owed(plan(party("caller", "415"), party("human", "Boston")), "recording").implied_after_s
        is None
    )


@pytest.mark.parametrize(("day", "due"), [("2026-08-01", Due.NONE), ("2026-08-02", Due.NOTICE)])
def test_the_ai_act_counts_from_its_day_on(day: str, due: Due) -> None:
    found = plan(party("caller", "Dublin"), party("agent", "Dublin"), day=day)
    one = owed(found, "ai_interaction")
    assert one.due is due
    assert one.rules[0].source.startswith("Article 50(1)") is (due is Due.NOTICE)


def test_a_duty_to_record_tells_instead_of_asking_and_ends_on_a_no() -> None:
    one = owed(
        plan(party("caller", "Berlin"), party("agent", "Dublin"), line=Line.TRADING), "recording"
    )
    assert (one.due, one.basis, one.on_no) == (
        Due.NOTICE,
        BasisKind.LEGAL_OBLIGATION,
        OnNo.END_WITH_REASON,
    )
    assert one.must_record and one.wordings == ("recording-trading-notice-de-1",)
    assert "mifid_5y" in one.retention


def test_it_does_not_set_aside_the_law_of_another_place() -> None:
    one = owed(
        plan(party("caller", "415"), party("agent", "Dublin"), line=Line.TRADING), "recording"
    )
    assert (one.due, one.basis) == (Due.ASK, BasisKind.CONSENT)
    assert one.must_record and one.on_no is OnNo.END_WITH_REASON


@pytest.mark.parametrize("place", ["Texas", "Toronto", "withheld"])
def test_a_trading_line_records_or_does_not_serve_wherever_it_is(place: str) -> None:
    assert owed(plan(party("caller", place), line=Line.TRADING), "recording").must_record


def test_a_health_line_says_it_at_the_start_and_at_the_end_in_california() -> None:
    found = plan(party("caller", "415"), party("agent", "Texas"), line=Line.HEALTH)
    one = owed(found, "ai_interaction")
    assert one.when == (When.START, When.END)
    assert one.wordings == ("ai-health-notice-en-1", "ai-health-closing-en-1")
    assert [str(condition) for condition in one.conditions] == [
        "human_contact",
        "closing_by_letter",
    ]
    last = [step for step in found.steps if step.when is When.END]
    assert [(step.act, step.wordings) for step in last] == [(Act.TELL, ("ai-health-closing-en-1",))]
    assert "hipaa_6y" in owed(found, "recording").retention


def test_nothing_hears_a_card_on_a_payment_line() -> None:
    found = plan(party("caller", "Texas"), line=Line.PAYMENT, vendors=("acme",))
    for scope in ("recording", "live_stt", "transcript_retention", "vendor:acme"):
        one = owed(found, scope)
        assert [str(condition) for condition in one.conditions] == ["secure_capture"]
        assert (
            one.rules[-1].brings == ("secure_capture",) or "secure_capture" in one.rules[0].brings
        )


@pytest.mark.parametrize(
    "place", ["Texas", "Dublin", "London", "Zurich", "Toronto", "Sydney", "JP"]
)
def test_nobody_is_called_by_an_ai_without_a_consent_on_file(place: str) -> None:
    found = plan(party("caller", place), party("agent", "Dublin"), line=Line.OUTBOUND)
    first = found.steps[0]
    assert (first.when, first.act, first.scopes) == (
        When.BEFORE_CALL,
        Act.CHECK,
        ("outbound_ai_voice",),
    )
    one = owed(found, "outbound_ai_voice")
    assert (one.start, one.on_no) == (ASK, OnNo.END_WITH_REASON)
    assert "identify_caller" in one.conditions
    known = plan(
        party("caller", place, "outbound_ai_voice"), party("agent", "Dublin"), line=Line.OUTBOUND
    )
    assert owed(known, "outbound_ai_voice").start is Start.CONFIRM_DUE


def test_a_consent_that_stands_is_confirmed_by_a_short_notice() -> None:
    one = owed(plan(party("caller", "Dublin", "recording")), "recording")
    assert (one.start, one.due) == (Start.CONFIRM_DUE, Due.ASK)
    assert one.wordings == ("recording-standing-en-1",)


def test_a_consent_that_stands_opens_nothing_that_is_off_and_spares_no_notice() -> None:
    found = plan(
        party("caller", "Dublin", "biometrics", "ai_interaction"), party("agent", "Dublin")
    )
    assert owed(found, "biometrics").start is Start.DISABLED
    assert owed(found, "ai_interaction").start is NOTICE


def test_the_agent_is_asked_nothing_and_its_place_counts() -> None:
    found = plan(party("caller", "Texas"), party("agent", "Dublin"))
    assert owed(found, "recording", "agent").start is OPEN
    assert owed(found, "biometrics", "agent").start is Start.DISABLED
    assert not any(step.party == "agent" for step in found.steps)
    assert owed(found, "recording").rules[0].party == "agent"


def test_a_colleague_and_a_supervisor_are_parties_with_a_basis_of_their_own() -> None:
    found = plan(party("caller", "London"), party("human", "London"), party("supervisor", "Berlin"))
    assert owed(found, "monitoring").start is ASK
    assert owed(found, "monitoring", "human").start is ASK
    assert found.of("supervisor", "monitoring") is None
    assert owed(found, "recording", "supervisor").start is ASK


def test_who_is_listened_to_at_work_had_it_in_writing() -> None:
    found = plan(party("caller", "Texas"), party("human", "New York"), line=Line.INTERNAL)
    one = owed(found, "monitoring", "human")
    assert one.start is NOTICE
    assert "written_employee_notice" in one.conditions


def test_without_an_ai_nobody_is_told_of_one() -> None:
    found = plan(party("caller", "Dublin"), party("human", "Dublin"))
    assert found.of("caller", "ai_interaction") is None
    assert found.of("caller", "monitoring") is None
    assert found.of("caller", "outbound_ai_voice") is None


def test_each_vendor_is_a_scope() -> None:
    found = plan(party("caller", "415"), vendors=("acme", "other"))
    assert owed(found, "vendor:acme").start is ASK
    assert owed(found, "vendor:other").start is ASK
    assert owed(found, "vendor:acme").rules[0].source.startswith("Cal. Penal Code 631")


def test_the_language_is_the_services_or_that_of_the_place() -> None:
    assert owed(plan(party("caller", "Berlin")), "recording").language == "de"
    assert owed(plan(party("caller", "Berlin"), language="en"), "recording").language == "en"
    assert owed(plan(party("caller", "withheld")), "recording").language == "en"


def test_all_that_is_told_comes_before_all_that_is_asked_and_the_ai_first() -> None:
    found = plan(party("caller", "415"), party("agent", "Dublin"), vendors=("acme",))
    order = [(rank(step.when), rank(step.act)) for step in found.steps]
    assert order == sorted(order)
    assert found.steps[0].act is Act.TELL
    assert found.steps[0].scopes[0] == "ai_interaction"
    assert all(len(step.wordings) == 1 for step in found.steps if step.act is Act.ASK)


def test_what_law_does_not_need_now_is_asked_after_the_call() -> None:
    found = plan(party("caller", "Dublin"))
    after = [step.scopes for step in found.steps if step.when is When.AFTER_CALL]
    assert after == [("quality_analysis",), ("training",)]


def test_nothing_to_ask_is_a_plan_too() -> None:
    found = plan(party("caller", "Texas"))
    starts = {one.scope: one.start for one in found.requirements}
    assert starts["recording"] is OPEN
    assert [step.scopes for step in found.steps] == [("training",)]


def test_where_the_data_say_nothing_the_strictest_counts() -> None:
    files = shipped.files()
    lines = files["united_states.toml"].split("[[cell]]")
    without = [one for one in lines if '["US"]' not in one]
    holed = parsing.law({**files, "united_states.toml": "[[cell]]".join(without)})
    texas = places.of_words(holed, "Texas")
    query = Query((Party("caller", Role.CALLER, texas),), Line.GENERAL, TODAY, ("acme",))
    found = resolve(holed, query)
    assert owed(found, "vendor:acme").rules[0].cell == "ZZ/vendor/general"
    assert owed(found, "live_stt").start is NOTICE
    # What the state itself says is there still.
    assert owed(found, "recording").start is OPEN


def test_a_plan_names_its_version_and_can_stand_in_the_log() -> None:
    found = plan(party("caller", "415"), party("agent", "Dublin"))
    assert found.versions == (LAW.version,)
    for one in found.requirements:
        told = plain(one)
        assert {*told} == {field.name for field in fields(one)}


def test_every_requirement_has_a_rule_with_a_source_and_a_day() -> None:
    found = plan(party("caller", "JP"), party("agent", "AT"), party("human", "Texas"))
    for one in found.requirements:
        assert one.rules, one
        assert all(rule.source and rule.reviewed for rule in one.rules)
        assert one.role in Role
