"""Words that stop a recording, and words that want it deleted."""

import pytest

from bench.near_misses import NEAR_MISSES
from bench.sentences import NO_ANSWERS, UNSEEN
from conversation.speech.grammars import NO_PHRASES, YES_PHRASES
from conversation.speech.withdrawal import (
    ERASE_PHRASES,
    WISH_CHARS_MAX,
    WITHDRAW,
    WITHDRAW_PHRASES,
    withdraws,
)


@pytest.mark.parametrize("phrase", WITHDRAW_PHRASES)
def test_what_is_listened_for_stops(phrase: str) -> None:
    assert withdraws(phrase) == "withdraw"


@pytest.mark.parametrize("phrase", ERASE_PHRASES)
def test_to_delete_is_another_wish(phrase: str) -> None:
    assert withdraws(phrase) == "erase"


@pytest.mark.parametrize(
    "text",
    [
        "Hold on, could you stop the recording please? I want to tell you something.",
        "I’d rather you didn't... no, please DON'T RECORD this, thank you",
        "and I do not want this call to be recorded any more",
        "would you mind not recording me",
        "go on but without recording it",
        "turn that recording off",
        "I take my permission back",
        "Bitte stoppen Sie die Aufnahme.",
        "Ich möchte nicht aufgenommen werden",
        "schalten Sie bitte die Aufzeichnung ab",
        "hören Sie auf, mich aufzunehmen",
        "Ich widerrufe meine Einwilligung",
    ],
)
def test_a_clear_phrase_inside_a_longer_one_is_enough(text: str) -> None:
    assert withdraws(text) == "withdraw"


@pytest.mark.parametrize(
    "text",
    [
        "can you erase what was recorded",
        "I want that recording to be destroyed",
        "löschen Sie bitte die Aufnahme",
        "Die Aufnahme soll gelöscht werden",
    ],
)
def test_a_clear_wish_to_delete_inside_a_longer_one_is_one(text: str) -> None:
    assert withdraws(text) == "erase"


def test_who_wants_both_is_first_of_all_not_recorded_any_more() -> None:
    assert withdraws("stop recording and delete the recording") == "withdraw"


@pytest.mark.parametrize(
    "text",
    [
        "don't stop recording",
        "there is no need to delete the recording",
        "stop calling me",
        "delete my appointment",
        "for the record I moved last summer",
        "I want to buy a tape recorder",
        "is this recorded",
        "die Aufnahme in die Klinik ist am Montag",
        "",
    ],
)
def test_what_wants_neither_is_neither(text: str) -> None:
    assert withdraws(text) is None


def test_no_other_sentence_of_the_corpus_wants_it() -> None:
    others = {*NO_ANSWERS, *UNSEEN, *NEAR_MISSES, *YES_PHRASES, *NO_PHRASES}
    meant = {
        "yes but not recorded",
        "yes if you do not record",
        "yes but not the recording",
        "yes to the appointment not to the recording",
    }
    assert {text for text in others if withdraws(text)} == meant


def test_no_decoy_is_a_wish() -> None:
    assert not [decoy for decoy in WITHDRAW.decoys if withdraws(decoy)]


def test_a_long_text_is_looked_at_only_so_far() -> None:
    assert withdraws("not " * WISH_CHARS_MAX + "record") is None
