from pathlib import Path

import pytest

from conversation.speech import whisper
from conversation.speech.engines import SpeechError
from conversation.speech.grammars import YES_NO
from conversation.speech.whisper import Whisper, find_model, judged


def test_the_configured_directory_is_the_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()

    assert find_model(str(tmp_path), cache=tmp_path / "none") == tmp_path


def test_a_configured_directory_without_a_model_is_not_replaced_by_the_cache(
    tmp_path: Path,
) -> None:
    cached = tmp_path / "cache" / "models--Systran--faster-whisper-tiny.en" / "snapshots" / "abc"
    cached.mkdir(parents=True)
    (cached / "model.bin").touch()

    assert find_model("", cache=tmp_path / "cache") == cached
    assert find_model(str(tmp_path), cache=tmp_path / "cache") is None


def test_a_phrase_of_a_grammar_is_told_from_dictation() -> None:
    assert judged("Yes, I agree.", 900, (YES_NO,)).kind == "grammar"
    assert judged("Yes, I agree.", 900, (YES_NO,)).text == "yes i agree"
    assert judged("I would like to know my balance.", 900, (YES_NO,)).kind == "dictation"


def test_what_the_model_doubts_is_not_accepted() -> None:
    assert not judged("Yes.", 100, (YES_NO,)).accepted
    assert not judged("", 900, (YES_NO,)).accepted


@pytest.mark.slow
@pytest.mark.skipif(not whisper.installed(), reason="faster-whisper is not installed")
def test_a_directory_that_only_looks_like_a_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")

    with pytest.raises(SpeechError, match="no model"):
        Whisper(tmp_path).hear(bytes(1_600), (YES_NO,), dictation=True)
