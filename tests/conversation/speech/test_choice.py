from pathlib import Path

import pytest

from conversation.speech import whisper
from conversation.speech.choice import SpeechSettings, choose
from conversation.speech.engines import SpeechError


def test_without_a_model_of_whisper_the_offline_engines_are_chosen_and_it_is_said_why(
    tmp_path: Path,
) -> None:
    chosen = choose(whisper_model=str(tmp_path))

    assert (chosen.stt.name, chosen.tts.name) == ("pocketsphinx", "espeak-ng")
    assert [line.split(":")[0] for line in chosen.why] == [
        *("faster-whisper", "pocketsphinx", "espeak-ng")
    ]
    assert "pocketsphinx: chosen, its model is in its wheel" in chosen.why[1]


@pytest.mark.skipif(not whisper.installed(), reason="faster-whisper is not installed")
def test_a_directory_without_a_model_is_told_apart_from_a_missing_engine(tmp_path: Path) -> None:
    (reason, *_) = choose(whisper_model=str(tmp_path)).why

    assert "installed but no model on disk" in reason
    assert "nothing is downloaded" in reason


@pytest.mark.skipif(not whisper.installed(), reason="faster-whisper is not installed")
def test_a_directory_with_a_model_has_whisper_chosen_without_loading_it(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()

    chosen = choose(whisper_model=str(tmp_path))

    assert chosen.stt.name == "faster-whisper"
    assert str(tmp_path) in chosen.why[0]


def test_an_engine_that_is_asked_for_by_name_is_not_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="faster-whisper"):
        choose(stt="faster-whisper", whisper_model=str(tmp_path))


def test_an_unknown_engine_is_an_error_that_names_the_known() -> None:
    with pytest.raises(SpeechError, match=r"festival: no such engine; there are .*espeak-ng"):
        choose(tts="festival")


@pytest.mark.parametrize("section", [None, [], "auto", {"stt": 5}, {"other": "x"}])
def test_a_section_that_makes_no_sense_has_the_defaults(section: object) -> None:
    assert SpeechSettings.parse(section) == SpeechSettings()


def test_a_section_is_taken_over() -> None:
    section = {"stt": "pocketsphinx", "tts": "espeak-ng", "whisper_model": "/m"}

    assert SpeechSettings.parse(section) == SpeechSettings("pocketsphinx", "espeak-ng", "/m")
