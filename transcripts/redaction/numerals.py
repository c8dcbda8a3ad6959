"""What a word is to somebody who listens for digits: English and German number words, figures.

A word can hold several parts ("forty-two", "zweiundvierzig"); each part keeps the word's index.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

FIGURES_MAX = 64
"""Digits of one word beyond that are not looked at."""


class Kind(StrEnum):
    """`WEAK`: sounds like a digit, and is mostly another word. `PLURAL`: "fives"."""

    UNIT = "unit"
    TEEN = "teen"
    TENS = "tens"
    HUNDRED = "hundred"
    THOUSAND = "thousand"
    REPEAT = "repeat"
    PLURAL = "plural"
    FIGURES = "figures"
    WEAK = "weak"
    FILLER = "filler"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the word at `word`. `value` is a number, or the figures as they stand."""

    kind: Kind
    value: str
    word: int


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _numbered(words: str, first: int = 0, step: int = 1) -> dict[str, str]:
    """Spellings of first, first + step, ...: those of one number are divided by a slash."""
    return {
        spelling: str(first + step * place)
        for place, spellings in enumerate(words.split())
        for spelling in spellings.split("/")
    }


ENGLISH = "zero/oh/nought/naught one two three/tree four five/fife six seven eight nine/niner"
GERMAN = "null eins zwei/zwo drei vier fünf/fuenf sechs sieben acht neun"
UNITS = _numbered(ENGLISH) | _numbered(GERMAN)
PLURALS = _numbered("zeros/zeroes/ohs ones twos threes fours fives sixes sevens eights nines")
TEENS = _numbered(
    "ten/zehn eleven/elf twelve/zwölf/zwoelf thirteen/dreizehn fourteen/vierzehn"
    " fifteen/fünfzehn/fuenfzehn sixteen/sechzehn seventeen/siebzehn eighteen/achtzehn"
    " nineteen/neunzehn",
    10,
)
TENS = _numbered(
    "twenty/zwanzig thirty/dreißig/dreissig forty/fourty/vierzig fifty/fünfzig/fuenfzig"
    " sixty/sechzig seventy/siebzig eighty/achtzig ninety/neunzig",
    20,
    10,
)
REPEATS = {
    **dict.fromkeys(("double", "doppel", "doppelt", "zweimal"), "2"),
    **dict.fromkeys(("triple", "treble", "dreimal", "dreifach"), "3"),
    **dict.fromkeys(("quadruple", "viermal", "vierfach"), "4"),
}
WEAK = {
    **dict.fromkeys(("o", "owe"), "0"),
    **dict.fromkeys(("won", "ein", "eine"), "1"),
    **dict.fromkeys(("to", "too"), "2"),
    **dict.fromkeys(("for", "fore"), "4"),
    **dict.fromkeys(("sicks", "sex"), "6"),
    **dict.fromkeys(("ate",), "8"),
}
FILLERS = _listed(
    "um uhm uh er erm ah hm hmm mm mhm and then dash hyphen minus space comma next okay ok so like"
    " wait well right yes yeah it's that's is are was sorry again followed by please"
    " let me see hold on you know i mean a the last final other"
    " und äh ähm öh dann strich bindestrich also ja genau moment die das ist sind nochmal"
    " leerzeichen komma bitte nächsten letzten"
)
GROUP = (
    {"next", "last", "first", "final", "other", "nächsten", "letzten", "ersten"},
    {"two", "three", "four", "five", "six", "eight", "zwei", "drei", "vier", "fünf", "sechs"},
    {"are", "is", "digits", "numbers", "figures", "sind", "ziffern", "zahlen", "lauten"},
)
""" "The next four are": the four is no digit."""

_STRIPPED = ".,;:!?\"'()[]…“”„"
_GROUPED = re.compile(r"\d+(?:[-–./,\u00a0\u202f]\d+)*")
_WORD = re.compile(r"[^\W\d_]+")
_COMPOUND = re.compile(
    r"(?:(?P<thousands>\w+?)?(?P<thousand>tausend))?"
    r"(?:(?P<hundreds>\w+?)?(?P<hundred>hundert))?(?:und)?(?P<rest>\w*)"
)
_TWO_DIGITS = re.compile(r"(?P<unit>\w+?)und(?P<tens>\w+)")


def parts(words: Sequence[str]) -> list[Part]:
    """Every part of every word, in order."""
    plain = [word.casefold().strip(_STRIPPED) for word in words]
    return [part for at, word in enumerate(plain) for part in _of_word(plain, at, word)]


def _of_word(plain: Sequence[str], at: int, word: str) -> Iterator[Part]:
    if not word:
        yield Part(Kind.FILLER, "", at)
    elif _names_a_group(plain, at):
        yield Part(Kind.FILLER, word, at)
    elif any(c.isdigit() for c in word):
        yield _figures(word, at)
    elif "-" in word or "–" in word:
        for piece in _WORD.findall(word):
            yield from _of_word((), at, piece)
    else:
        yield from _spelled(word, at)


def _names_a_group(plain: Sequence[str], at: int) -> bool:
    before, number, after = GROUP
    return (
        0 < at < len(plain) - 1
        and plain[at] in number
        and plain[at - 1] in before
        and plain[at + 1] in after
    )


def _figures(word: str, at: int) -> Part:
    """Digits, grouped in any way. Amounts, times and ordinals are no such thing."""
    if word.isascii() and _GROUPED.fullmatch(word):
        return Part(Kind.FIGURES, re.sub(r"\D", "", word)[:FIGURES_MAX], at)
    if re.fullmatch(r"[-–]+\d+|\d+[-–]+", word) and word.isascii():
        return Part(Kind.FIGURES, re.sub(r"\D", "", word)[:FIGURES_MAX], at)
    return Part(Kind.OTHER, word, at)


_KINDS = (
    (UNITS, Kind.UNIT),
    (TEENS, Kind.TEEN),
    (TENS, Kind.TENS),
    (REPEATS, Kind.REPEAT),
    (PLURALS, Kind.PLURAL),
    (WEAK, Kind.WEAK),
    ({"hundred": "100", "hundert": "100", "einhundert": "1"}, Kind.HUNDRED),
    ({"thousand": "1000", "tausend": "1000"}, Kind.THOUSAND),
)


def _spelled(word: str, at: int) -> Iterator[Part]:
    for spellings, kind in _KINDS:
        if word in spellings:
            yield Part(kind, spellings[word], at)
            return
    if word in FILLERS:
        yield Part(Kind.FILLER, word, at)
        return
    repeated = next((name for name in ("doppel",) if word.startswith(name)), "")
    if repeated and word[len(repeated) :] in UNITS:
        yield Part(Kind.REPEAT, REPEATS[repeated], at)
        yield Part(Kind.UNIT, UNITS[word[len(repeated) :]], at)
        return
    number = german(word)
    yield Part(Kind.OTHER, word, at) if number is None else Part(Kind.FIGURES, str(number), at)


def german(word: str) -> int | None:
    """A German number below a million in one word, "zweiundvierzig"; None for other words."""
    found = _COMPOUND.fullmatch(word)
    if found is None:
        return None
    total = 0
    for name, scale in (("thousand", 1_000), ("hundred", 100)):
        if found[name]:
            count = 1 if not found[f"{name}s"] else german(found[f"{name}s"])
            if count is None:
                return None
            total += count * scale
    rest = _below_hundred(found["rest"]) if found["rest"] else 0
    return None if rest is None or not (total or rest) else total + rest


def _below_hundred(word: str) -> int | None:
    units = UNITS | {"ein": "1", "eine": "1"}
    for spellings in (units, TEENS, TENS):
        if word in spellings:
            return int(spellings[word])
    two = _TWO_DIGITS.fullmatch(word)
    if two is None or two["unit"] not in units or two["tens"] not in TENS:
        return None
    return int(TENS[two["tens"]]) + int(units[two["unit"]])
