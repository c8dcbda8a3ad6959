"""The real recogniser, on synthesised speech and, where they are at hand, on recordings."""

import numpy as np
import pytest

from bench.speech import CARDS
from bench.telephone import VOICES, over_telephone, recordings
from conversation.speech.engines import Grammar, SpeechError
from conversation.speech.espeak import Espeak, Voice
from conversation.speech.grammars import DAYS, YES_NO, listen_for, meaning
from conversation.speech.sphinx import GRAMMARS_CACHED_MAX, Sphinx

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sphinx() -> Sphinx:
    return Sphinx()


def telephoned(text: str, voice: Voice = VOICES[0]) -> bytes:
    return over_telephone(Espeak(voice).say(text).pcm, gain=0.5, noise=4)


@pytest.mark.parametrize("text", ["yes i agree", "i agree", "no i do not agree", "i decline"])
@pytest.mark.parametrize("voice", [VOICES[2], VOICES[7]], ids=lambda voice: voice.name)
def test_an_answer_over_a_telephone_is_accepted(sphinx: Sphinx, text: str, voice: Voice) -> None:
    hearing = sphinx.hear(telephoned(text, voice), (YES_NO,), dictation=False)

    assert hearing.accepted
    assert meaning(hearing.text) == meaning(text)
    assert hearing.kind == "grammar"


@pytest.mark.parametrize("dictation", [False, True])
def test_each_word_has_its_place_in_the_audio(sphinx: Sphinx, dictation: bool) -> None:
    said = Espeak(VOICES[2]).say("yes i agree")
    pause_ms = 700
    pcm = bytes(16 * pause_ms) + said.pcm
    hearing = sphinx.hear(pcm, () if dictation else (YES_NO,), dictation=dictation)

    assert " ".join(word.text for word in hearing.words) == hearing.text
    assert hearing.words[0].start_ms > pause_ms - 150
    assert hearing.words[-1].end_ms < pause_ms + said.duration_ms + 150
    assert all((word.confidence_permille is not None) is dictation for word in hearing.words)
    if not dictation:
        meant = [word.start_ms + pause_ms for word in said.words]
        heard = [word.start_ms for word in hearing.words]
        assert max(abs(a - b) for a, b in zip(meant, heard, strict=True)) < 200


@pytest.mark.parametrize(
    "text",
    [
        "I would like to check the balance of my account",
        "go on with it",
        "can I speak to a person",
        "yes and no",
        "yes but not the recording",
        "I do not know if I agree",
        "agree to disagree",
        "what happens if I say yes",
        "yesterday",
        "hello",
        "a hundred",
        "say that again please",
    ],
)
@pytest.mark.parametrize("voice", VOICES[::5], ids=lambda voice: voice.name)
def test_what_is_no_answer_is_never_a_yes(sphinx: Sphinx, text: str, voice: Voice) -> None:
    hearing = sphinx.hear(telephoned(text, voice), (YES_NO,), dictation=False)

    assert not (hearing.accepted and meaning(hearing.text) == "yes")


def test_people_who_read_aloud_are_not_heard_to_answer(sphinx: Sphinx) -> None:
    for recording in recordings():
        hearing = sphinx.hear(
            over_telephone(recording.pcm, silence_ms=0), (YES_NO,), dictation=False
        )
        assert not hearing.accepted, recording.name


def test_people_who_say_phrases_are_understood(sphinx: Sphinx) -> None:
    cards = [one for one in recordings() if one.name.startswith("cards")]
    if not cards:
        pytest.skip("the recordings are not at hand")
    for recording in cards:
        for pcm in (recording.pcm, over_telephone(recording.pcm, silence_ms=0)):
            hearing = sphinx.hear(pcm, (CARDS,), dictation=False)
            assert (hearing.accepted, hearing.text) == (True, recording.words)


def test_of_several_grammars_the_one_that_fits_is_heard(sphinx: Sphinx) -> None:
    hearing = sphinx.hear(telephoned("monday", VOICES[2]), (YES_NO, DAYS), dictation=False)

    assert (hearing.accepted, hearing.text) == (True, "monday")


@pytest.mark.parametrize("samples", [0, 1, 7, 100, 4_000])
def test_silence_is_nothing(sphinx: Sphinx, samples: int) -> None:
    assert sphinx.hear(bytes(2 * samples), (YES_NO,), dictation=True).text == ""


def test_noise_is_no_answer(sphinx: Sphinx) -> None:
    noise = np.random.default_rng(7).normal(0, 3_000, 16_000).astype("<i2").tobytes()

    assert not sphinx.hear(noise, (YES_NO,), dictation=False).accepted


def test_the_same_audio_is_always_heard_alike(sphinx: Sphinx) -> None:
    pcm = telephoned("i agree")
    first = sphinx.hear(pcm, (YES_NO,), dictation=False)
    sphinx.hear(telephoned("something else"), (YES_NO,), dictation=False)

    assert sphinx.hear(pcm, (YES_NO,), dictation=False) == first


def test_what_is_no_phrase_is_dictated_if_that_is_wanted(sphinx: Sphinx) -> None:
    hearing = sphinx.hear(telephoned("the weather is nice today"), (YES_NO,), dictation=True)

    assert hearing.kind == "dictation"
    assert hearing.text


def test_a_phrase_is_not_dictated(sphinx: Sphinx) -> None:
    assert sphinx.hear(telephoned("i agree", VOICES[7]), (YES_NO,), True).kind == "grammar"


def test_a_word_without_pronunciation_is_named(sphinx: Sphinx) -> None:
    with pytest.raises(SpeechError, match="xyzzyx"):
        sphinx.warm((listen_for("magic", ["say xyzzyx"]),))


def test_phrases_cannot_smuggle_in_a_grammar(sphinx: Sphinx) -> None:
    hostile = Grammar("x; public <y> = no;", ("yes</s> | <NULL>; public <z> = (no)* {tag};",))

    assert not sphinx.hear(telephoned("no", VOICES[7]), (hostile,), dictation=False).accepted


def test_a_grammar_without_phrases_is_an_error(sphinx: Sphinx) -> None:
    with pytest.raises(SpeechError, match="no phrase"):
        sphinx.hear(telephoned("yes"), (Grammar("empty", ("123", "")),), dictation=False)


def test_too_long_an_utterance_is_refused(sphinx: Sphinx) -> None:
    with pytest.raises(SpeechError, match="longer"):
        sphinx.hear(bytes(2 * 8_000 * 16), (YES_NO,), dictation=True)


def test_more_grammars_than_are_kept_are_built_anew(sphinx: Sphinx) -> None:
    for number in range(GRAMMARS_CACHED_MAX + 2):
        sphinx.warm((listen_for(f"number {number}", ["yes", "no"]),))

    assert sphinx.hear(telephoned("i agree", VOICES[7]), (YES_NO,), dictation=False).accepted
