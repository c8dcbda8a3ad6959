"""Speech engines behind one small interface, in a process of their own."""

from conversation.speech.choice import Chosen, SpeechSettings, choose
from conversation.speech.client import SpeechClient, SpeechUnavailable
from conversation.speech.engines import (
    Grammar,
    Hearing,
    Speech,
    SpeechError,
    SpeechToText,
    SpokenWord,
    TextToSpeech,
)
from conversation.speech.grammars import (
    DAYS,
    DIGITS,
    TIMES,
    YES_NO,
    Meaning,
    listen_for,
    meaning,
)

__all__ = [
    "DAYS",
    "DIGITS",
    "TIMES",
    "YES_NO",
    "Chosen",
    "Grammar",
    "Hearing",
    "Meaning",
    "Speech",
    "SpeechClient",
    "SpeechError",
    "SpeechSettings",
    "SpeechToText",
    "SpeechUnavailable",
    "SpokenWord",
    "TextToSpeech",
    "choose",
    "listen_for",
    "meaning",
]
