"""What every speech engine has to offer, and what it gives back."""

from dataclasses import dataclass
from typing import Literal, Protocol, cast, runtime_checkable

RATE = 8000
BYTES_PER_MS = RATE * 2 // 1000

HearingKind = Literal["grammar", "dictation"]


class SpeechError(Exception):
    """The request cannot be served: a text too long, a word nobody can pronounce, no model."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    text: str
    start_ms: int
    end_ms: int
    confidence_permille: int | None = None
    """Of a word that was heard, where the engine says."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Audio (s16le, 8 kHz, mono) and where in it each word lies."""

    pcm: bytes
    words: tuple[SpokenWord, ...]

    @property
    def duration_ms(self) -> int:
        return len(self.pcm) // BYTES_PER_MS

    def heard(self, played_ms: int) -> tuple[SpokenWord, ...]:
        """The words which have been played to their end."""
        return tuple(word for word in self.words if word.end_ms <= played_ms)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was understood. Only an accepted hearing may be acted upon."""

    text: str
    confidence_permille: int
    engine: str
    accepted: bool
    kind: HearingKind
    words: tuple[SpokenWord, ...] = ()
    """From the start of the audio; empty where the engine does not say."""


ENGLISH = "en"
"""What an engine is taken to speak that names no languages."""

SURE = 4
ONCE = 1


@dataclass(frozen=True, slots=True)
class Grammar:
    """A closed list of phrases which are listened for, one at a time or one after another.

    Decoys are listened for as well, to be rejected: what people say who do not answer, and what
    sounds like a phrase but is none.

    An engine may look at the same audio in several ways, of which `agreeing` must hear the same:
    SURE for what can not be taken back, ONCE for what will be read back to the caller.
    """

    name: str
    phrases: tuple[str, ...]
    repeats: bool = False
    decoys: tuple[str, ...] = ()
    agreeing: int = SURE


class TextToSpeech(Protocol):
    @property
    def name(self) -> str: ...

    def say(self, text: str) -> Speech:
        """Speak plain text. The same text gives the same samples. Raises SpeechError."""
        ...


@runtime_checkable
class Multilingual(Protocol):
    """A TextToSpeech that speaks several languages."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639."""
        ...

    def say(self, text: str, language: str = "") -> Speech:
        """Speak plain text in a language, "" for the engine's own. Raises SpeechError."""
        ...


def say_in(engine: TextToSpeech, text: str, language: str) -> Speech:
    """Speak in a language. Raises SpeechError where the engine does not: words that nobody
    understands have not been heard."""
    if not language:
        return engine.say(text)
    speaks = cast("object", engine)
    if isinstance(speaks, Multilingual):
        return speaks.say(text, language)
    if language != ENGLISH:
        raise SpeechError(f"{engine.name} speaks one language only, and not {language!r}")
    return engine.say(text)


class SpeechToText(Protocol):
    @property
    def name(self) -> str: ...

    def warm(self, grammars: tuple[Grammar, ...]) -> None:
        """Build now what the first recognition would otherwise wait for. Raises SpeechError."""
        ...

    def hear(self, pcm: bytes, grammars: tuple[Grammar, ...], dictation: bool) -> Hearing:
        """Understand one utterance of s16le 8 kHz. Raises SpeechError."""
        ...
