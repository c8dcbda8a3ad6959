"""What in words nobody but the speaker should have: where it is, and what kind it is.

Cards and their security codes are destroyed before anything is kept (PCI DSS 3.3); account and
social security numbers are hidden from readers.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from transcripts.redaction import accounts, cards
from transcripts.redaction.digits import READINGS, Reading, Run, open_run, runs
from transcripts.redaction.numerals import Kind, Part, parts

WORDS_MAX = 2_000
"""Words beyond are not looked at: nobody says so many in one go."""
CODE_WORDS_MAX = 10
"""So far from its name a security code may stand."""


class What(StrEnum):
    CARD = "card"
    CODE = "security_code"
    IBAN = "iban"
    SSN = "ssn"
    OTHER = "other"


DESTROYED = (What.CARD, What.CODE)
LABELS = {
    What.CARD: "[card number]",
    What.CODE: "[security code]",
    What.IBAN: "[account number]",
    What.SSN: "[social security number]",
    What.OTHER: "[redacted]",
}


@dataclass(frozen=True, slots=True)
class Found:
    """The words from `first` to `last`, both included, are of that kind."""

    what: What
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Before:
    """What was said before: whether of cards, and which; whether the code was asked for."""

    spoken_of: bool = False
    asked_for_code: bool = False
    known: tuple[str, ...] = ()


NOTHING_BEFORE = Before()

_CARD = re.compile(
    r"card|karte|\bvisa\b|amex|american express|maestro|discover|diners|\bpan\b", re.IGNORECASE
)
_CODE = re.compile(
    r"\bcvv2?\b|\bcvc2?\b|\bcsc\b|security (code|number)|verification (code|number)|on the back"
    r"|(three|four|last) digits|prüf(ziffer|nummer)|sicherheitscode|auf der rückseite",
    re.IGNORECASE,
)
_CODE_AFTER = re.compile(rf"{_CODE.pattern}|\\bcode\\b|\\bzahl\\b", re.IGNORECASE)
_CODE_ALONE = re.compile(r"\bcvv2?\b|\bcvc2?\b|kartenprüf|card verification", re.IGNORECASE)
_SSN = re.compile(r"social|\bssn\b", re.IGNORECASE)


def speaks_of_card(words: Sequence[str]) -> bool:
    return _CARD.search(" ".join(words)) is not None


def speaks_of_code(words: Sequence[str]) -> bool:
    return _CODE.search(" ".join(words)) is not None


def find(words: Sequence[str], before: Before = NOTHING_BEFORE) -> tuple[Found, ...]:
    """Everything found, in the order of the words, none over another."""
    return look(words, before)[0]


def look(
    words: Sequence[str], before: Before = NOTHING_BEFORE
) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """The same, and the numbers of the cards: to be held in memory only."""
    words = words[:WORDS_MAX]
    known = parts(words)
    if not any(part.kind not in (Kind.OTHER, Kind.FILLER) for part in known) and not any(
        c.isdigit() for word in words for c in word
    ):
        return (), ()
    spoken_of = before.spoken_of or speaks_of_card(words)
    found: list[Found] = []
    numbers: dict[str, None] = {}
    for reading in READINGS:
        for run in runs(known, reading):
            for digits, one in _cards(run, spoken_of, before.known):
                found.append(one)
                numbers[digits] = None
    found += _codes(words, known, before, [one for one in found if one.what is What.CARD])
    said = runs(known, READINGS[0])
    found += [Found(What.IBAN, *span) for span in accounts.ibans(words, known, said)]
    has_ssn = _SSN.search(" ".join(words)) is not None
    found += [Found(What.SSN, *span) for span in accounts.ssns(words, said, has_ssn)]
    return merged(found), tuple(numbers)


def _cards(run: Run, spoken_of: bool, known: Collection[str]) -> Iterator[tuple[str, Found]]:
    digits = "".join(digit.value for digit in run)
    for card in cards.cards(digits, spoken_of):
        yield digits[card.start : card.end], _of(run, What.CARD, card.start, card.end)
        if code := cards.security_code(digits[card.end :]):
            yield (
                digits[card.start : card.end],
                _of(run, What.CODE, *(card.end + at for at in code)),
            )
    for card in cards.repeated(digits, known):
        yield (
            next(one for one in known if digits[card.start : card.end] in one),
            _of(run, What.CARD, card.start, card.end),
        )


def _of(run: Run, what: What, start: int, end: int) -> Found:
    said = run[start:end]
    return Found(what, min(one.first for one in said), max(one.last for one in said))


def _codes(
    words: Sequence[str], known: Sequence[Part], before: Before, found: Sequence[Found]
) -> Iterator[Found]:
    """Three or four digits near a name of the security code, where a card was spoken of."""
    name = _CODE if before.spoken_of or speaks_of_card(words) else _CODE_ALONE
    if found or before.known:
        name = _CODE_AFTER
    said = runs(known, READINGS[0])
    for run in said:
        first, last = run[0].first, run[-1].last
        is_short = len(run) in cards.SECURITY_CODE_DIGITS
        if not is_short or any(one.first <= first <= one.last for one in found):
            continue
        near = " ".join(words[max(0, first - CODE_WORDS_MAX) : first])
        followed = any(last < other[0].first <= last + CODE_WORDS_MAX for other in said)
        if not followed:
            near += " " + " ".join(words[last + 1 : last + CODE_WORDS_MAX])
        if before.asked_for_code or name.search(near) is not None:
            yield Found(What.CODE, first, last)


def merged(found: Sequence[Found]) -> tuple[Found, ...]:
    """In order; what overlaps is one, named after the first."""
    kept: list[Found] = []
    order = tuple(What)
    for one in sorted(found, key=lambda one: (one.first, order.index(one.what), -one.last)):
        if kept and one.first <= kept[-1].last:
            kept[-1] = Found(kept[-1].what, kept[-1].first, max(one.last, kept[-1].last))
        else:
            kept.append(one)
    return tuple(kept)


def may_go_on_from(words: Sequence[str], found: Sequence[Found]) -> int | None:
    """The first word of digits at the end that may begin a card number; None where none are."""
    known = parts(words[:WORDS_MAX])
    last_found = max((one.last for one in found if one.what in DESTROYED), default=-1)
    starts = [
        start for reading in READINGS if (start := _open(known, reading, last_found)) is not None
    ]
    said = [part for part in known if part.kind is not Kind.FILLER]
    if said and said[-1].kind is Kind.REPEAT:
        starts.append(said[-1].word)
    return min(starts, default=None)


def _open(known: Sequence[Part], reading: Reading, after: int) -> int | None:
    run = [digit for digit in open_run(known, reading) if digit.first > after]
    digits = "".join(digit.value for digit in run)
    at = max(0, len(run) - cards.DIGITS_MAX)
    return next((run[i].first for i in range(at, len(run)) if cards.may_begin(digits[i:])), None)


def masked(words: Sequence[str], found: Sequence[Found]) -> list[str]:
    """The words with a label in the place of what was found."""
    shown: list[str] = []
    at = 0
    for one in found:
        shown += [*words[at : one.first], LABELS[one.what]]
        at = one.last + 1
    return [*shown, *words[at:]]
