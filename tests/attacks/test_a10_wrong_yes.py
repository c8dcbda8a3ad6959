"""A10: the recogniser errs, the television says yes, a model is talked into it. None may grant."""

import sys
from collections.abc import Iterator

import pytest

from bench.answers import Hearer, grants, heard, stands
from bench.utterances import Utterance, answers, not_answers
from consent.machine import State
from conversation.speech.engines import Hearing
from conversation.speech.grammars import CONFIRMATION, YES_NO, Meaning, answer, meaning
from tests.test_architecture import ROOT, imports, modules, own_imports, tree_of

EVERY = 8
"""Of the corpus, which `python -m bench.answers` hears whole."""

KNOWN_TO_FOOL = (
    "yes I disagree [en-us+f1",
    "guess [en-us+michel",
    "jess [en-us+m3",
    "Yasmin Green [en-us+michel",
    "pedigree [en-us+f5",
    "I greet [en-us+f5",
)
"""What was once taken for a yes at first: it must not be when it is read back."""

UNDERSTOOD_PERMILLE_MIN = 500

DECIDING = ("sessions.asking", "sessions.consent_reducers", "sessions.gating")
"""Beside all of `consent`: what makes an event of the machine out of what somebody did."""

LIBRARIES = {"apsw", "av", "aiosqlite", "cryptography", "numpy", "phonenumbers"}
"""All that these import which is neither ours nor Python's. No client of any model is among it."""


@pytest.fixture(scope="module")
def hearer() -> Hearer:
    return Hearer()


def sample() -> Iterator[Utterance]:
    for number, one in enumerate(not_answers()):
        if number % EVERY == 0 or one.name.startswith(KNOWN_TO_FOOL):
            yield one


@pytest.mark.slow
def test_what_is_no_answer_never_grants_in_whatever_pair(hearer: Hearer) -> None:
    found = heard(hearer, sample())

    assert {one.one.kind for one in found} >= {"near miss", "sentence", "sound"}
    twice, pairs = grants(found)
    assert [one.one.name for one in twice] == []
    assert [(one.one.name, other.one.name) for one, other in pairs] == []
    # Each is what the read-back is for: without it, this one would have granted.
    assert [one for one in found if one.first == "yes"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "meant"), [("yes", "yes"), ("yes i agree", "yes"), ("no", "no"), ("nope", "no")]
)
def test_plain_answers_are_still_understood(hearer: Hearer, text: str, meant: Meaning) -> None:
    said = [one for one in answers([text]) if one.line != 10.0]
    grammar = CONFIRMATION if text == "yes i agree" else YES_NO
    right = [one for one in said if hearer.hear(one, grammar) == meant]

    assert 1_000 * len(right) >= UNDERSTOOD_PERMILLE_MIN * len(said)


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ("yes", "yes", State.GRANTED),
        ("yes", "no", State.REFUSED),
        ("yes", None, State.REFUSED),
        ("no", "yes", State.REFUSED),
    ],
)
def test_only_two_hearings_grant(first: Meaning, second: Meaning | None, state: State) -> None:
    assert stands(first, second) is state


def test_who_was_not_understood_does_not_grant_with_their_voice_any_more() -> None:
    assert stands(None, "yes") is State.REFUSED


@pytest.mark.parametrize("text", ["yes", "yes i agree", "Yes, I agree."])
def test_a_yes_that_was_not_listened_for_is_no_answer(text: str) -> None:
    assert meaning(text) == "yes"
    assert answer(Hearing(text, 1_000, "x", accepted=True, kind="dictation")) is None
    assert answer(Hearing(text, 1_000, "x", accepted=False, kind="grammar")) is None
    assert answer(Hearing(text, 1_000, "x", accepted=True, kind="grammar")) == "yes"


def test_no_single_word_confirms() -> None:
    confirming = [text for text in CONFIRMATION.phrases if meaning(text) == "yes"]
    assert confirming
    assert min(len(text.split()) for text in confirming) >= 3
    assert not {*CONFIRMATION.phrases} & {*CONFIRMATION.decoys}


def test_nothing_that_decides_can_reach_a_model() -> None:
    """Not even through what it imports: only what is on the list, and what Python brings."""
    known, graph = modules(ROOT), own_imports(ROOT)
    reached: set[str] = set()
    waiting = [name for name in known if name.split(".")[0] == "consent" or name in DECIDING]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    foreign = {
        outside.split(".")[0]
        for name in reached
        for outside in imports(tree_of(known[name]), name, known[name])
    }
    ours = {name.split(".")[0] for name in known}
    assert foreign - ours - sys.stdlib_module_names - LIBRARIES == set()
    # The engines run in processes of their own: the node has their words, never their code.
    assert not reached & {"conversation.speech.sphinx", "conversation.speech.whisper"}
