"""Text to speech with the eSpeak NG library: formant synthesis, in memory, deterministic."""

import threading
from dataclasses import dataclass, replace

from conversation.speech.engines import RATE, Speech, SpeechError
from conversation.speech.espeak_library import ESPEAK_RATE, Spoken, loaded
from conversation.speech.plain_text import plain
from conversation.speech.resample import resample
from conversation.speech.word_times import MARGIN_MS, word_times

TEXT_CHARACTERS_MAX = 4_000
AUDIO_SECONDS_MAX = 240

# The library keeps its state in global variables: one utterance at a time in a process.
_library = threading.Lock()


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of eSpeak NG. By default unhurried, with a little room between the words."""

    name: str = "en-us"
    words_per_minute: int = 150
    pitch: int = 50
    word_gap: int = 1


LANGUAGES = {"en": "en-us", "de": "de", "fr": "fr", "es": "es", "it": "it", "pt": "pt", "nl": "nl"}
"""The voice of each language (ISO 639) in which something is said about consent."""


@dataclass(frozen=True, slots=True)
class Espeak:
    voice: Voice = Voice()
    name: str = "espeak-ng"

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(LANGUAGES)

    def say(self, text: str, language: str = "") -> Speech:
        """Speak plain text: markup is read out, not obeyed. "" is the voice's own language.

        Raises SpeechError.
        """
        if language and language not in LANGUAGES:
            raise SpeechError(f"{self.name} does not speak {language!r}")
        own = not language or self.voice.name.startswith(language)
        voice = self.voice if own else replace(self.voice, name=LANGUAGES[language])
        if len(text) > TEXT_CHARACTERS_MAX:
            raise SpeechError(f"text is longer than {TEXT_CHARACTERS_MAX} characters")
        words = plain(text)
        if not words:
            return Speech(b"", ())
        with _library:
            spoken = _synthesise(words, voice)
        pcm = resample(spoken.pcm, ESPEAK_RATE, RATE)
        times = word_times(words, spoken.marks, pcm)
        if not times:
            return Speech(b"", ())
        end = (times[-1].end_ms + MARGIN_MS) * RATE // 1000 * 2
        return Speech(pcm[:end], times)


def _synthesise(text: str, voice: Voice) -> Spoken:
    with loaded() as library:
        library.set_voice(voice.name)
        library.set_rate(voice.words_per_minute)
        library.set_pitch(voice.pitch)
        library.set_word_gap(voice.word_gap)
        return library.synthesise(text, AUDIO_SECONDS_MAX)
