"""Attack A13: a vendor who listens and of whom nobody was told (Ambriz v. Google)."""

import pytest

from consent.policy.plan import Act, Start
from consent.terms import ask_terms, never_terms, terms_of
from consent.wordings import LANGUAGES, filled
from tests.consent.policy.calls import PLACES, party, plan


def test_the_caller_hears_the_names_of_those_who_get_their_words_and_of_nobody_else() -> None:
    for vendors in (("acme",), ("acme", "bolt"), ("cargo-voice", "acme", "bolt")):
        found = plan(party("caller", "415"), vendors=vendors)
        (asked,) = [step for step in found.steps if step.scopes[0].startswith("vendor:")]
        text = filled(asked.wordings, asked.scopes)
        for vendor in ("acme", "bolt", "cargo-voice"):
            assert (vendor.replace("-", " ").title() in text) is (vendor in vendors)


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_every_language(language: str) -> None:
    found = plan(party("caller", "415"), vendors=("acme",), language=language)
    (asked,) = [step for step in found.steps if "vendor:acme" in step.scopes]

    assert asked.act is Act.ASK
    assert "Acme" in filled(asked.wordings, asked.scopes)


def test_another_vendor_is_another_question() -> None:
    before = plan(party("caller", "415"), vendors=("acme",))
    after = plan(party("caller", "415"), vendors=("bolt",))

    assert before.of("caller", "vendor:bolt") is None
    assert after.of("caller", "vendor:acme") is None


def test_who_was_not_named_has_no_scope_that_could_be_open() -> None:
    for place in PLACES:
        found = plan(party("caller", place), party("agent", place), vendors=("acme",))
        scopes = [term.scope for term in terms_of(found, "caller")]
        assert [scope for scope in scopes if scope.startswith("vendor")] == ["vendor:acme"]


def test_a_policy_that_tells_nobody_of_vendors_lets_none_have_a_word() -> None:
    for terms in (ask_terms(("acme",)), never_terms(("acme",))):
        (vendor,) = [term for term in terms if term.scope == "vendor:acme"]
        assert vendor.start is Start.DISABLED
