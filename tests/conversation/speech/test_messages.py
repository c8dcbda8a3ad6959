import pytest

from conversation.speech.engines import Grammar, Hearing, Speech, SpeechError, SpokenWord
from conversation.speech.messages import (
    GRAMMARS_MAX,
    PCM_SECONDS_MAX,
    PHRASES_MAX,
    BadRequest,
    Cancel,
    Hear,
    Say,
    cancel_request,
    error_answer,
    hear_request,
    hearing_answer,
    parse_answer,
    parse_request,
    say_request,
    speech_answer,
)

GRAMMAR = Grammar("cards", ("ten of clubs",), repeats=True, decoys=("hello",))


def test_requests_arrive_as_they_were_sent() -> None:
    assert parse_request(say_request(1, "hello"), b"") == Say(1, "hello")
    assert parse_request(hear_request(2, [GRAMMAR], True), b"\1\0") == Hear(
        2, b"\1\0", (GRAMMAR,), True
    )
    assert parse_request(cancel_request(3), b"") == Cancel(3)


def test_answers_arrive_as_they_were_sent() -> None:
    speech = Speech(b"\0\0", (SpokenWord("hello", 0, 1),))
    words = (SpokenWord("yes", 120, 480, 900), SpokenWord("please", 500, 800))
    hearing = Hearing("yes please", 800, "pocketsphinx", True, "grammar", words)

    assert parse_answer(speech_answer(1, speech), speech.pcm) == speech
    assert parse_answer(hearing_answer(2, hearing), b"") == hearing


def test_a_refusal_is_raised_where_the_answer_is_awaited() -> None:
    with pytest.raises(SpeechError, match="busy"):
        parse_answer(error_answer(1, "busy"), b"")


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"req": True, "do": "say", "text": "hello"},
        {"req": "1", "do": "say", "text": "hello"},
        {"req": 1, "do": "say", "text": 5},
        {"req": 1, "do": "sing", "text": "hello"},
        {"req": 1, "do": "hear", "grammars": "yes"},
        {"req": 1, "do": "hear", "grammars": ["yes"]},
        {"req": 1, "do": "hear", "grammars": [{"name": "x"}]},
        {"req": 1, "do": "hear", "grammars": [{"name": "x", "phrases": ["y" * 201]}]},
        {"req": 1, "do": "hear", "grammars": [{"phrases": []}] * (GRAMMARS_MAX + 1)},
        {"req": 1, "do": "hear", "grammars": [{"phrases": ["y"] * (PHRASES_MAX + 1)}]},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(header: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        parse_request(header, b"")


@pytest.mark.parametrize("payload", [b"\0", bytes(2 * 8_000 * PCM_SECONDS_MAX + 2)])
def test_half_a_sample_or_too_many_are_refused(payload: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_request(hear_request(1, [], True), payload)


@pytest.mark.parametrize(
    "header",
    [
        {"req": 1},
        {"req": 1, "words": 5},
        {"req": 1, "words": [["hello"]]},
        {"req": 1, "words": [["hello", "0", 1]]},
        {"req": 1, "text": "yes", "engine": "x", "confidence": 1, "kind": "guess"},
        {"req": 1, "text": "yes", "engine": "x", "confidence": "1", "kind": "grammar"},
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error(header: dict[str, object]) -> None:
    with pytest.raises(SpeechError):
        parse_answer(header, b"")
