import threading

import numpy as np
import pytest

from conversation.speech.engines import Speech, SpeechError
from conversation.speech.espeak import TEXT_CHARACTERS_MAX, Espeak, Voice

SENTENCE = "Hello, this is Mary. Your balance is $12.50 — shall we go on?"


def assert_words_lie_in(speech: Speech) -> None:
    edges = [edge for word in speech.words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= speech.duration_ms


def test_words_follow_one_another_within_the_audio() -> None:
    speech = Espeak().say(SENTENCE)

    assert [word.text for word in speech.words] == [
        *("Hello,", "this", "is", "Mary.", "Your", "balance", "is", "$12.50 —"),
        *("shall", "we", "go", "on?"),
    ]
    assert_words_lie_in(speech)


def test_each_word_has_a_sound_where_it_is_said_to_be() -> None:
    speech = Espeak().say(SENTENCE)
    samples = np.frombuffer(speech.pcm, dtype="<i2").astype(int)

    for word in speech.words:
        assert np.abs(samples[word.start_ms * 8 : word.end_ms * 8]).max() > 1_000, word


def test_between_two_sentences_is_silence() -> None:
    speech = Espeak().say("One. Two.")
    samples = np.frombuffer(speech.pcm, dtype="<i2").astype(int)
    first, second = speech.words

    assert second.start_ms - first.end_ms > 100
    assert np.abs(samples[(first.end_ms + 1) * 8 : second.start_ms * 8]).max() <= 64


def test_only_words_played_to_their_end_have_been_heard() -> None:
    speech = Espeak().say("one two three")
    second = speech.words[1]

    assert [word.text for word in speech.heard(second.end_ms)] == ["one", "two"]
    assert [word.text for word in speech.heard(second.end_ms - 1)] == ["one"]
    assert speech.heard(speech.duration_ms) == speech.words


def test_the_same_text_gives_the_same_samples_whatever_was_said_before() -> None:
    first = Espeak().say(SENTENCE)
    Espeak(Voice("en-us+f3", 180)).say("Something else, in another voice.")

    assert Espeak().say(SENTENCE) == first


def test_threads_do_not_disturb_one_another() -> None:
    alone = Espeak().say(SENTENCE)
    together: list[Speech] = []
    threads = [
        threading.Thread(target=lambda: together.append(Espeak().say(SENTENCE))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert together == [alone] * 4


@pytest.mark.parametrize(
    "text",
    [
        "<speak><break time='60s'/>Hello</speak>",
        "<prosody rate='x-slow' volume='silent'>Hello</prosody>",
        "<audio src='file:///etc/passwd'/> Hello",
        "[[h@l'oU]] Hello",
        "\x01+99S\x010V Hello",
        "\x00Hello\x00",
        "漢字 привет שלום Hello",
        "\U0001f600\U0001f468\u200d\U0001f469 Hello",
        "'" * 300 + "Hello",
        "a" * 2_000,
        "9" * 300,
        "\ud800 Hello",
        "%s%n%s%n {0} ${HOME} `id` Hello",
    ],
)
def test_hostile_text_is_only_read_out(text: str) -> None:
    speech = Espeak().say(text)

    assert 100 < speech.duration_ms < 60_000
    assert_words_lie_in(speech)


@pytest.mark.parametrize("text", ["", " ", "\x01\x02", "...", "\U0001f600", "\ud800"])
def test_where_there_is_nothing_to_say_nothing_is_said(text: str) -> None:
    assert Espeak().say(text) == Speech(b"", ())


def test_ten_thousand_characters_are_refused() -> None:
    with pytest.raises(SpeechError, match="longer than"):
        Espeak().say("a b " * 2_500)


def test_a_short_text_which_takes_for_ever_is_refused() -> None:
    with pytest.raises(SpeechError, match="seconds"):
        Espeak().say("ab " * (TEXT_CHARACTERS_MAX // 3))


def test_an_unknown_voice_is_an_error() -> None:
    with pytest.raises(SpeechError, match="no voice"):
        Espeak(Voice("klingon-xx")).say("hello")


def test_a_language_has_a_voice_of_its_own() -> None:
    engine = Espeak()
    text = "Dieses Gespräch wird aufgezeichnet."

    assert engine.say(text, "de").pcm != engine.say(text).pcm
    assert engine.say(text, "en") == engine.say(text)


def test_a_language_nobody_speaks_is_refused() -> None:
    with pytest.raises(SpeechError, match="does not speak 'hr'"):
        Espeak().say("Dobar dan.", "hr")
