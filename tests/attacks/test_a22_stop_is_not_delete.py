"""A22: "stop recording" and "delete it" are two wishes. The words; each has a commit of its own."""

import pytest

from bench.answers import Hearer
from bench.utterances import NO_SPOKEN, YES_SPOKEN, answers, not_answers
from conversation.speech.withdrawal import ERASE_PHRASES, WITHDRAW_PHRASES, Wish, withdraws

UNDERSTOOD_PERMILLE_MIN = 500

EVERY = 20
"""Of the corpus, which `python -m bench.answers` hears whole."""

FALSE_STOPS_PERMILLE_MAX = 25
"""So often something else may stop a recording: that costs one, a miss records who said no."""


@pytest.fixture(scope="module")
def hearer() -> Hearer:
    return Hearer()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phrases", "wish", "other"),
    [(WITHDRAW_PHRASES[::4], "withdraw", "erase"), (ERASE_PHRASES[::2], "erase", "withdraw")],
    ids=["stop", "delete"],
)
def test_a_spoken_wish_is_heard_as_itself_and_never_as_the_other(
    hearer: Hearer, phrases: tuple[str, ...], wish: Wish, other: Wish
) -> None:
    said = [one for one in answers(phrases, 3) if one.line != 10.0]
    heard = [hearer.wish(one, dictation=False) for one in said]

    assert other not in heard
    assert 1_000 * heard.count(wish) >= UNDERSTOOD_PERMILLE_MIN * len(said)


@pytest.mark.slow
def test_an_answer_to_a_question_is_neither(hearer: Hearer) -> None:
    said = answers((*YES_SPOKEN, *NO_SPOKEN), 2)
    assert [one.name for one in said if hearer.wish(one, dictation=False)] == []


@pytest.mark.slow
def test_what_is_said_of_other_things_hardly_ever_stops_a_recording(hearer: Hearer) -> None:
    said = [one for one in not_answers() if withdraws(one.text) is None][::EVERY]
    # Dictation takes its time: it is asked about those that the phrases alone would stop for.
    doubtful = [one for one in said if hearer.wish(one, dictation=False) == "withdraw"]
    stopped = [one.name for one in doubtful if hearer.wish(one, dictation=True) == "withdraw"]
    assert 1_000 * len(stopped) <= FALSE_STOPS_PERMILLE_MAX * len(said), stopped


def test_deleting_is_never_stopping() -> None:
    assert {withdraws(phrase) for phrase in ERASE_PHRASES} == {"erase"}
    assert {withdraws(phrase) for phrase in WITHDRAW_PHRASES} == {"withdraw"}


@pytest.mark.parametrize(
    "text", ["stop recording and delete it", "delete the recording and stop recording me"]
)
def test_who_says_both_is_stopped_now_and_asked_about_the_rest(text: str) -> None:
    assert withdraws(text) == "withdraw"
