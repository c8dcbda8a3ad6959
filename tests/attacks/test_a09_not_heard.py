"""Attack A9: consent from who never heard, or never understood, what they were asked.

Here the words: in the language of the plan, with the hash of exactly what is said, and none that
may count unheard. That they were played to their mark is the machine's and the media clock's.
"""

from dataclasses import fields

import pytest

from consent import prompts, saying
from consent.machine import Standing, State
from consent.policy.plan import Start
from consent.policy.terms import Line
from consent.prompts import Act
from consent.tables import ConsentTerm
from consent.terms import Term, terms_of
from consent.wordings import LANGUAGES, WORDINGS, digest
from tests.consent.policy.calls import PLACES, party, plan

BEGINS = {
    Start.OPEN: State.BASIS_OK,
    Start.NOTICE_DUE: State.NOTICE_DUE,
    Start.CONFIRM_DUE: State.CONFIRM_DUE,
    Start.ASK_DUE: State.ASK_DUE,
    Start.DISABLED: State.DISABLED,
}
COUNTS = ("notice", "ask", "standing", "closing", "confirm", "reask")


def row(term: Term) -> ConsentTerm:
    owed = {field.name: getattr(term, field.name) for field in fields(term) if field.name != "when"}
    return ConsentTerm(id=term.scope, call="c", party="caller", moment=term.when, at_us=0, **owed)


def all_said(place: str, line: Line = Line.GENERAL) -> list[tuple[prompts.Prompt, saying.Said]]:
    """Everything a caller from a place hears, each question answered with a spoken yes."""
    found = plan(party("caller", place), party("agent", place), line=line, vendors=("acme",))
    terms = [row(term) for term in terms_of(found, "caller")]
    states = {term.scope: BEGINS[term.start] for term in terms}
    heard: list[tuple[prompts.Prompt, saying.Said]] = []
    while prompt := prompts.due(terms, {name: Standing(state) for name, state in states.items()}):
        heard.append((prompt, saying.said(prompt)))
        again = State.READ_BACK_DUE if prompt.act is Act.ASK else State.GRANTED
        states |= dict.fromkeys(prompt.scopes, again)
    return heard


@pytest.mark.parametrize("line", [Line.GENERAL, Line.HEALTH, Line.TRADING, Line.PAYMENT])
def test_nobody_is_asked_in_a_language_that_is_not_the_plans(line: Line) -> None:
    for place in PLACES:
        for prompt, said in all_said(place, line):
            languages = {WORDINGS[name].language for name in said.wordings}
            assert languages == {prompt.language}


@pytest.mark.parametrize("place", ["Berlin", "Paris", "Dublin", "415", "withheld"])
def test_the_hash_is_of_exactly_what_is_said(place: str) -> None:
    for prompt, said in all_said(place):
        assert said.sha256 == digest(said.text)
        assert "{" not in said.text
        # One letter less, and it is not what they heard.
        assert digest(said.text[:-1]) != said.sha256
        assert prompt.wordings


def test_what_must_be_heard_must_be_heard_nearly_whole() -> None:
    for wording in WORDINGS.values():
        does = wording.name.rsplit("-", 2)[1]
        if does in COUNTS:
            assert wording.must_hear_permille >= 800, wording.id
    for place in PLACES:
        assert all(said.must_hear_permille >= 800 for _, said in all_said(place))


def test_a_language_without_words_is_never_half_spoken() -> None:
    """Croatian notices and an English question would be one that nobody understands whole."""
    croatian = plan(party("caller", "Croatia"), party("agent", "Berlin"))

    told = [one for one in croatian.requirements if one.party == "caller" and one.wordings]
    assert {(one.language, one.unspoken) for one in told} == {("en", "hr")}
    assert "hr" not in LANGUAGES
