"""What a test caller is to do, and when."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from conversation.speech.engines import RATE, SpeechError
from conversation.speech.espeak import Espeak, Voice
from media.dtmf import DIGITS, DIGITS_MAX
from telephony.sdp import Srtp

CALL_SECONDS_MAX = 30 * 60
TEXT_VOICE = Voice(name="en-us+f3")
"""Another voice than the agent's, so that one can tell them apart in a recording."""

SILENCE = "silence"


class CallError(Exception):
    """The call cannot be placed or not be understood; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Say:
    """Said when the far side has spoken and is silent again. `audio` is s16le 8 kHz."""

    audio: bytes
    label: str

    @property
    def seconds(self) -> float:
        return len(self.audio) / 2 / RATE


@dataclass(frozen=True, slots=True)
class Press:
    """Keys: `at_s` seconds after the answer, or, if none, when the far side is silent again."""

    digits: str
    at_s: float | None = None


Step: TypeAlias = Say | Press


@dataclass(frozen=True, slots=True)
class CallScript:
    """Whom to call, and what to do there. The steps without a time are done in order."""

    target: str
    steps: tuple[Step, ...] = ()
    seconds: float | None = None
    """Hang up so long after the answer."""
    save: Path | None = None
    """Where to put what was heard, as a WAV file."""
    user: str = "parley-call"
    """As whom to call: the user part of From and Contact."""
    display: str = ""
    """The name beside it."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    """What is offered, the preferred one first."""
    srtp: Srtp = Srtp.OFF
    """Whether media is encrypted: never, where the far side can, or else no call."""
    tls_ca: Path | None = None
    """A PEM file of the authorities to believe; without it those of this machine."""


def text(words: str) -> Say:
    """Words, spoken. Raises CallError."""
    try:
        speech = Espeak(TEXT_VOICE).say(words)
    except SpeechError as error:
        raise CallError(f"{words[:40]!r} cannot be spoken: {error}. Shorten it.") from error
    if not speech.pcm:
        raise CallError(f"{words[:40]!r} has no sound. Write words.")
    return Say(speech.pcm, words)


def dtmf(written: str) -> Press:
    """DIGITS@SECONDS, or DIGITS@silence. Raises CallError."""
    digits, _, when = written.partition("@")
    digits = digits.upper()
    if not digits or len(digits) > DIGITS_MAX or set(digits) - set(DIGITS):
        raise CallError(f"{written!r} has no keys. Write up to {DIGITS_MAX} of {DIGITS}.")
    if when == SILENCE:
        return Press(digits)
    return Press(digits, seconds(when))


def seconds(written: str) -> float:
    """A time within a call. Raises CallError."""
    try:
        value = float(written)
    except ValueError:
        value = -1.0
    if not 0 <= value <= CALL_SECONDS_MAX:
        hint = f"Write seconds up to {CALL_SECONDS_MAX}, such as 3.5; for keys also {SILENCE}."
        raise CallError(f"{written!r} is no time in a call. {hint}")
    return value
