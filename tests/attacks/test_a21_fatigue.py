"""Attack A21: who is asked everything at once says no, or yes to what they have not heard."""

import pytest

from consent.policy.plan import Act
from consent.policy.terms import When
from consent.prompts import Act as Says
from tests.attacks.test_a09_not_heard import all_said
from tests.consent.policy.calls import PLACES, party, plan

QUESTIONS_MAX = 2
"""What is kept, and who else gets it."""


def test_nowhere_is_a_caller_asked_more_than_what_the_call_needs() -> None:
    for place in PLACES:
        asked = [said for prompt, said in all_said(place) if prompt.act is Says.ASK]
        assert len(asked) <= QUESTIONS_MAX, place
        for said in asked:
            assert said.text.count("?") == 1, said.text


@pytest.mark.parametrize("place", PLACES)
def test_what_comes_after_the_call_is_not_asked_in_it(place: str) -> None:
    found = plan(party("caller", place), party("agent", "withheld"))

    in_call = [
        scope
        for step in found.steps
        if step.act is Act.ASK and step.when is When.START
        for scope in step.scopes
    ]
    assert "training" not in in_call and "quality_analysis" not in in_call


def test_all_that_is_only_told_is_told_in_one_breath() -> None:
    for place in PLACES:
        told = [said for prompt, said in all_said(place) if prompt.act is Says.TELL]
        assert len(told) <= 1, place


def test_a_no_to_what_the_call_does_not_need_costs_nothing() -> None:
    """Consent without which there is no service is not freely given (Article 7 (4) GDPR)."""
    for place in PLACES:
        found = plan(party("caller", place))
        for scope in ("training", "quality_analysis"):
            one = found.of("caller", scope)
            assert one is None or one.on_no == "continue_unrecorded"
