"""Grammars every agent may need, and what an answer to a yes-or-no question means."""

import re
from collections.abc import Iterable
from typing import Literal

from conversation.speech.engines import SURE, Grammar, Hearing

Meaning = Literal["yes", "no"]

MEANING_WORDS_MAX = 16

YES_PHRASES = (
    "yes",
    "yes please",
    "yes i do",
    "yes i agree",
    "yes i accept",
    "yeah",
    "yep",
    "i agree",
    "i accept",
    "i consent",
    "that's fine",
    "that's okay",
    "of course",
    "sure",
    "okay",
)
NO_PHRASES = (
    "no",
    "no thank you",
    "no thanks",
    "no i don't",
    "no i do not",
    "no i don't agree",
    "no i do not agree",
    "nope",
    "never",
    "of course not",
    "i refuse",
    "i decline",
    "i disagree",
    "i don't agree",
    "i do not agree",
    "i do not accept",
    "i do not consent",
    "please don't",
    "rather not",
)
# Said around an answer without changing it.
_FILLERS = ("um", "uh", "well", "please", "thank you", "thanks")

_HOURS = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)

# Said alone over a telephone, these are too like other words to be told from them by their sound.
# In a text they mean what they mean.
_TOO_SHORT = frozenset(
    {"yep", "i consent", "sure", "okay", "of course", "that's fine", "that's okay"}
)

# What people say who do not answer, and what sounds like an answer.
EVERYDAY = (
    *("yes and no", "yes or no", "yes but", "no but", "hundred", "degree", "i degree"),
    *("thank you", "hello", "what", "say again", "what do you mean"),
    *("i don't know", "i don't understand"),
)

YES_NO = Grammar(
    "yes_no",
    tuple(phrase for phrase in YES_PHRASES + NO_PHRASES if phrase not in _TOO_SHORT),
    decoys=EVERYDAY,
)

# What is said when a yes was read back. It is long: what is no answer may sound like a short word
# by chance, but hardly like a sentence.
CONFIRMED_PHRASES = ("yes i agree", "yes i accept")
_BESIDE_IT = (
    *("yes", "yeah", "yes please", "yes i do", "i agree", "i accept"),
    *("yes i disagree", "yes disagree", "yes this agree", "yes he agrees", "guess i agree"),
    *("yes i don't", "guess i do", "yes i read", "yes i see", "yes i mean", "yes i need"),
    *("yes i heard", "yes a green", "yesterday", "pedigree"),
    *("yes i degree", "yes i regret", "yes they agree", "less i agreed"),
)
CONFIRMATION = Grammar(
    "confirmation",
    CONFIRMED_PHRASES + tuple(phrase for phrase in YES_NO.phrases if phrase in NO_PHRASES),
    decoys=EVERYDAY + _BESIDE_IT,
)
"""What may answer to "I heard yes": the same no, but less is a yes. Measured: bench.answers."""

DIGITS = Grammar(
    "digits",
    ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    repeats=True,
)
DAYS = Grammar(
    "days",
    (
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        *("today", "tomorrow", "the day after tomorrow"),
    ),
)
TIMES = Grammar(
    "times",
    (
        *(f"{hour} o'clock" for hour in _HOURS),
        *(
            f"{hour} {minutes}"
            for hour in _HOURS
            for minutes in ("fifteen", "thirty", "forty five")
        ),
        *(f"half past {hour}" for hour in _HOURS),
        *(f"quarter {side} {hour}" for hour in _HOURS for side in ("past", "to")),
        *("noon", "midnight"),
    ),
)

_Sides = frozenset[Meaning]
_MEANINGS: dict[tuple[str, ...], _Sides] = {
    **{tuple(phrase.split()): frozenset[Meaning]() for phrase in _FILLERS},
    **{tuple(phrase.split()): frozenset[Meaning](("yes",)) for phrase in YES_PHRASES},
    **{tuple(phrase.split()): frozenset[Meaning](("no",)) for phrase in NO_PHRASES},
}


def listen_for(
    name: str,
    phrases: Iterable[str],
    *,
    repeats: bool = False,
    decoys: Iterable[str] = (),
    agreeing: int = SURE,
) -> Grammar:
    """A grammar of one's own: lower case, no punctuation, no phrase twice."""
    return Grammar(name, _normal_once(phrases), repeats, _normal_once(decoys), agreeing)


def _normal_once(phrases: Iterable[str]) -> tuple[str, ...]:
    return tuple(phrase for phrase in dict.fromkeys(map(normal, phrases)) if phrase)


def normal(phrase: str) -> str:
    """Words as the pronouncing dictionary writes them."""
    straight = phrase.lower().replace("\u2019", "'")
    return " ".join(word.strip("'-") for word in re.findall(r"[a-z'-]+", straight)).strip()


def answer(hearing: Hearing) -> Meaning | None:
    """What somebody answered who was asked: only what the grammar accepted is an answer at all.

    An engine may hear a yes that was not listened for, and say so as dictation.
    """
    is_one = hearing.accepted and hearing.kind == "grammar"
    return meaning(hearing.text) if is_one else None


def meaning(text: str) -> Meaning | None:
    """Yes or no, if the whole text says so and nothing in it says otherwise.

    The text must be made of known phrases, of one side only, however it is divided. "I agree" is
    a yes, but "I agree to disagree", "yes and no" and "yes but not today" are neither.
    """
    words = normal(text).split()
    if len(words) > MEANING_WORDS_MAX or re.search(r"[^\W\d_a-zA-Z]|\d", text):
        return None
    readings = _readings(words)
    if len(readings) != 1:
        return None
    (sides,) = readings
    return next(iter(sides)) if len(sides) == 1 else None


def _readings(words: list[str]) -> frozenset[_Sides]:
    """What each way to divide the words into known phrases says."""
    upto: list[frozenset[_Sides]] = [frozenset({frozenset[Meaning]()})]
    for end in range(1, len(words) + 1):
        upto.append(
            frozenset(
                before | said
                for start in range(end)
                if (said := _MEANINGS.get(tuple(words[start:end]))) is not None
                for before in upto[start]
            )
        )
    return upto[-1]
