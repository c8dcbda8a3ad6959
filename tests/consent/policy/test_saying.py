"""In which words a plan is said, and how little is asked at once (attack A21)."""

import pytest

from consent.policy import parsing, tightening
from consent.policy.errors import PolicyError
from consent.policy.places import Place, strictest
from consent.policy.plan import Act, Start
from consent.policy.query import Party
from consent.policy.saying import SAID, about
from consent.policy.terms import EVERYWHERE, Due, Line, OnNo, Role, When
from consent.wordings import LANGUAGES, WORDINGS, filled
from tests.consent.policy.calls import LAW, party, plan

DAYS = ("2020-01-01", "2026-11-22", "2030-01-01")
NEVER_SAID = ("biometrics",)
WORD_SCOPES = ("recording", "transcript_retention", "vendor:acme", "monitoring", "quality_analysis")


@pytest.mark.parametrize("line", Line)
def test_whatever_the_law_asks_anywhere_there_are_words_for_it(line: Line) -> None:
    for code in LAW.jurisdictions:
        at = Place(code, code, "a test")
        for day in DAYS:
            for standing in ((), WORD_SCOPES):
                found = plan(
                    Party("caller", Role.CALLER, at, standing),
                    Party("supervisor", Role.SUPERVISOR, at),
                    Party("agent", Role.AGENT, strictest("nobody knows")),
                    line=line,
                    day=day,
                    vendors=("acme",),
                )
                for one in found.requirements:
                    told = one.start in (Start.NOTICE_DUE, Start.ASK_DUE, Start.CONFIRM_DUE)
                    before = When.BEFORE_CALL in one.when
                    assert bool(one.wordings) is (told and not before), one
                    for name in one.wordings:
                        assert WORDINGS[name].language == one.language


def test_every_cell_has_words_in_every_language() -> None:
    for cell in LAW.cells:
        stem = cell.wording or about(cell.scope)
        assert stem in SAID or cell.scope in NEVER_SAID
    for stem in SAID:
        for language in LANGUAGES:
            assert f"{stem}-notice-{language}-1" in WORDINGS


def test_where_there_are_no_words_it_is_said_in_english_and_the_plan_says_so() -> None:
    croatian = plan(party("caller", "Croatia")).of("caller", "recording")
    german = plan(party("caller", "Berlin")).of("caller", "recording")

    assert croatian is not None and (croatian.language, croatian.unspoken) == ("en", "hr")
    assert german is not None and (german.language, german.unspoken) == ("de", None)


def test_a_recording_and_what_is_kept_of_its_words_are_one_question() -> None:
    found = plan(party("caller", "withheld"))

    (asked,) = [step for step in found.steps if step.act is Act.ASK and step.when is When.START]
    assert asked.scopes == ("recording", "transcript_retention")
    assert asked.wordings == ("recording-and-transcript-ask-en-1",)
    assert filled(asked.wordings).count("?") == 1


def test_what_one_answer_cannot_decide_is_asked_alone() -> None:
    """On a trading line a no to the recording ends the call, a no to the transcript does not."""
    found = plan(party("caller", "415"), line=Line.TRADING)

    recording, words = (found.of("caller", "recording"), found.of("caller", "transcript_retention"))
    assert recording is not None and words is not None
    assert recording.on_no is OnNo.END_WITH_REASON is not words.on_no
    assert recording.wordings != words.wordings


def test_what_the_call_does_not_need_is_asked_after_it() -> None:
    found = plan(party("caller", "withheld"), vendors=("acme",))

    at_once = [scope for step in found.steps if step.when is When.START for scope in step.scopes]
    later = [scope for step in found.steps if step.when is When.AFTER_CALL for scope in step.scopes]
    assert "training" not in at_once and "quality_analysis" not in at_once
    assert later == ["quality_analysis", "training"]


def test_all_vendors_are_one_question_that_names_them() -> None:
    """Attack A13."""
    found = plan(party("caller", "415"), vendors=("acme", "bolt"))

    (asked,) = [step for step in found.steps if "vendor:acme" in step.scopes]
    assert asked.scopes == ("vendor:acme", "vendor:bolt")
    assert "Acme and Bolt" in filled(asked.wordings, asked.scopes)


def test_a_tenant_cannot_name_words_that_do_not_exist() -> None:
    text = f"""
        [[cell]]
        jurisdictions = ["{EVERYWHERE}"]
        scopes = ["recording"]
        due = "{Due.ASK}"
        wording = "hello"
        source = "ours"
        reviewed = 2026-11-22
    """
    with pytest.raises(PolicyError, match="has no words"):
        tightening.check(LAW, parsing.overlay("ours.toml", text), "2026-11-22")
