"""Which engines are used: plug-ins by name, and what "auto" makes of what is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TypeVar, cast

from conversation.speech import whisper
from conversation.speech.engines import SpeechError, SpeechToText, TextToSpeech
from conversation.speech.espeak import Espeak
from conversation.speech.sphinx import Sphinx

AUTO = "auto"
# A distribution adds an engine with an entry point in one of these groups: a Listener, a Speaker.
LISTENER_GROUP = "parley.speech_to_text"
SPEAKER_GROUP = "parley.text_to_speech"


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """The section [speech] of the configuration."""

    stt: str = AUTO
    tts: str = AUTO
    whisper_model: str = ""

    @staticmethod
    def parse(section: object) -> "SpeechSettings":
        """What is missing, or is no text, has its default."""
        if not isinstance(section, dict):
            return SpeechSettings()
        given = cast(dict[str, object], section)
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        return SpeechSettings(
            texts.get("stt", AUTO), texts.get("tts", AUTO), texts.get("whisper_model", "")
        )


# The engine, or None if it cannot be had; and why.
Listener = Callable[[SpeechSettings], tuple[SpeechToText | None, str]]
Speaker = Callable[[SpeechSettings], tuple[TextToSpeech | None, str]]

_Engine = TypeVar("_Engine")


@dataclass(frozen=True, slots=True)
class Chosen:
    stt: SpeechToText
    tts: TextToSpeech
    why: list[str]


def choose(stt: str = AUTO, tts: str = AUTO, whisper_model: str = "") -> Chosen:
    """The engines to use, and why. SpeechError if one which is asked for cannot be had."""
    settings = SpeechSettings(stt, tts, whisper_model)
    listener, heard = choose_stt(settings)
    speaker, said = _first(settings, settings.tts, speakers())
    return Chosen(listener, speaker, heard + said)


def choose_stt(settings: SpeechSettings) -> tuple[SpeechToText, list[str]]:
    return _first(settings, settings.stt, listeners())


def listeners() -> dict[str, Listener]:
    """In the order in which "auto" tries them: what was added first, for it was wanted."""
    added = {
        point.name: cast(Listener, point.load()) for point in entry_points(group=LISTENER_GROUP)
    }
    return {**added, whisper.NAME: _whisper, "pocketsphinx": _sphinx}


def speakers() -> dict[str, Speaker]:
    added = {point.name: cast(Speaker, point.load()) for point in entry_points(group=SPEAKER_GROUP)}
    return {**added, "espeak-ng": _espeak}


def _first(
    settings: SpeechSettings,
    wanted: str,
    offers: Mapping[str, Callable[[SpeechSettings], tuple[_Engine | None, str]]],
) -> tuple[_Engine, list[str]]:
    names = list(offers) if wanted == AUTO else [wanted]
    why: list[str] = []
    for name in names:
        if name not in offers:
            raise SpeechError(f"{name}: no such engine; there are {', '.join(offers)}")
        engine, reason = offers[name](settings)
        if engine is not None:
            return engine, [*why, f"{name}: chosen, {reason}"]
        why.append(f"{name}: {reason}")
    raise SpeechError("; ".join(why))


def _whisper(settings: SpeechSettings) -> tuple[SpeechToText | None, str]:
    if not whisper.installed():
        return None, "not installed"
    model = whisper.find_model(settings.whisper_model)
    if model is None:
        return None, (
            "installed but no model on disk (set [speech] whisper_model to a directory); "
            "nothing is downloaded during a call"
        )
    return whisper.Whisper(model), f"its model is {model}"


def _sphinx(settings: SpeechSettings) -> tuple[SpeechToText | None, str]:
    return Sphinx(), (
        "its model is in its wheel; about half of the words are wrong in free dictation at 8 kHz"
    )


def _espeak(settings: SpeechSettings) -> tuple[TextToSpeech | None, str]:
    return Espeak(), "formant synthesis, in its wheel"
