"""The consent machine: no way leads to a grant but an answer to a question that was heard."""

import itertools

import pytest

from consent.rules import (
    ASKING,
    LISTENING,
    NEXT,
    PLAYING,
    Answer,
    State,
    meaning,
    next_state,
)
from consent.tables import Kind
from consent.wordings import QUESTION, WORDINGS

DEPTH = 9


def walk(kinds: tuple[Kind, ...]) -> list[State] | None:
    """The states that a sequence leads through, or None where one step means nothing."""
    states = [State.UNRESOLVED]
    for kind in kinds:
        after = next_state(states[-1], kind)
        if after is None:
            return None
        states.append(after)
    return states


def every_walk(depth: int) -> list[tuple[tuple[Kind, ...], list[State]]]:
    """All sequences that the machine accepts, grown step by step."""
    walks: list[tuple[tuple[Kind, ...], list[State]]] = [((), [State.UNRESOLVED])]
    found = list(walks)
    for _ in range(depth):
        walks = [
            ((*kinds, kind), [*states, after])
            for (kinds, states), kind in itertools.product(walks, Kind)
            if (after := next_state(states[-1], kind)) is not None
        ]
        found += walks
    return found


def test_every_way_to_a_grant_leads_through_a_question_heard_to_its_must_hear_mark() -> None:
    granted = [kinds for kinds, states in every_walk(DEPTH) if states[-1] is State.GRANTED]

    assert granted
    for kinds in granted:
        assert kinds[:3] == (Kind.ASK_DUE, Kind.ASKED, Kind.NOTICE_COMPLETED)
        assert kinds[-1] is Kind.GRANTED


def test_a_spoken_yes_is_read_back_before_it_counts() -> None:
    for kinds, states in every_walk(DEPTH):
        if Kind.HEARD_YES in kinds and states[-1] is State.GRANTED:
            after = kinds[kinds.index(Kind.HEARD_YES) + 1 :]
            assert after[:2] == (Kind.ASKED, Kind.NOTICE_COMPLETED)


@pytest.mark.parametrize("state", [s for s in State if s not in LISTENING])
@pytest.mark.parametrize("answer", list(Answer))
def test_an_answer_nobody_asked_for_means_nothing(state: State, answer: Answer) -> None:
    assert meaning(state, answer) is None


def test_no_silence_and_no_unclear_word_ever_grants() -> None:
    for state, answer in itertools.product(LISTENING, (Answer.SILENCE, Answer.UNCLEAR)):
        assert meaning(state, answer) is not Kind.GRANTED


def test_a_caller_is_asked_at_most_three_times() -> None:
    assert max(kinds.count(Kind.ASKED) for kinds, _ in every_walk(12)) == 3


def test_a_refusal_and_a_grant_are_final() -> None:
    assert NEXT[State.GRANTED] == {}
    assert NEXT[State.REFUSED] == {}


def test_every_meaning_leads_somewhere() -> None:
    for state, answer in itertools.product(LISTENING, Answer):
        kind = meaning(state, answer)
        assert kind is not None
        assert next_state(state, kind) is not None


def test_every_state_that_asks_has_its_wording() -> None:
    assert set(QUESTION) == set(ASKING)
    assert all(name in WORDINGS for name in QUESTION.values())
    assert not set(ASKING) & set(PLAYING) & set(LISTENING)
