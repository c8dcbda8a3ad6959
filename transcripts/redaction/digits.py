"""Words as runs of digits, each with the words it came from; and the ways they can be read.

"Twenty one two three" is 2123 to one speaker and 20123 to another, "four hundred two" 402 or 4002:
nobody can tell, so each reading is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transcripts.redaction.numerals import Kind, Part

FILLERS_MAX = 6
"""So many words without meaning may stand between two digits of one number."""


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit, and the first and last index of the words that say it."""

    value: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How numbers are put together. `weak`: "for" may be a four, between digits."""

    tens: bool = True
    """ "Forty two" is 42, not 402."""
    cardinal: bool = True
    """ "Four hundred two" is 402, not 4002."""
    weak: bool = False


READINGS = tuple(
    Reading(tens, cardinal, weak)
    for weak in (False, True)
    for tens, cardinal in ((True, True), (True, False), (False, False))
)

Run = tuple[Digit, ...]


def runs(parts: Sequence[Part], reading: Reading) -> list[Run]:
    """The numbers said, in order: digits with nothing between them that ends a number."""
    return [run for run, _ in _read(parts, reading) if run]


def open_run(parts: Sequence[Part], reading: Reading) -> Run:
    """The digits that the words end with: what is said next may go on with them."""
    found = _read(parts, reading)
    return found[-1][0] if found and found[-1][1] else ()


def _read(parts: Sequence[Part], reading: Reading) -> list[tuple[Run, bool]]:
    """Runs, and of each whether nothing has ended it."""
    found: list[tuple[Run, bool]] = []
    run: list[Digit] = []
    fillers = at = 0
    while at < len(parts):
        value, length = _number(parts, at, reading)
        if value:
            first, last = parts[at].word, parts[at + length - 1].word
            run += [Digit(digit, first, last) for digit in value]
            fillers = 0
        else:
            fillers += 1
            if parts[at].kind is not Kind.FILLER or fillers > FILLERS_MAX:
                found.append((tuple(run), False))
                run, fillers = [], 0
        at += max(1, length)
    return [*found, (tuple(run), True)]


def _number(parts: Sequence[Part], at: int, reading: Reading) -> tuple[str, int]:
    """The digits that are said from here on, and by how many parts; "" and 0 for none."""
    part = parts[at]
    match part.kind:
        case Kind.FIGURES:
            return part.value, 1
        case Kind.REPEAT:
            return _repeated(parts, at)
        case Kind.WEAK:
            return (part.value, 1) if reading.weak and _between_digits(parts, at) else ("", 0)
        case Kind.UNIT if _kind(parts, at + 1) is Kind.PLURAL and "1" < part.value < "7":
            return parts[at + 1].value * int(part.value), 2
        case Kind.UNIT | Kind.TEEN | Kind.TENS:
            return _cardinal(parts, at) if reading.cardinal else _said(parts, at, reading.tens)
        case Kind.HUNDRED | Kind.THOUSAND if at and _is_digit(parts[at - 1]):
            return part.value[1:], 1
        case _:
            return "", 0


def _repeated(parts: Sequence[Part], at: int) -> tuple[str, int]:
    """ "Double five", "dreimal die Null"."""
    after = at + 1
    while _kind(parts, after) is Kind.FILLER and after < at + 2:
        after += 1
    if _kind(parts, after) in (Kind.UNIT, Kind.WEAK) or (
        _kind(parts, after) is Kind.FIGURES and len(parts[after].value) == 1
    ):
        return parts[after].value * int(parts[at].value), after - at + 1
    return "", 0


def _said(parts: Sequence[Part], at: int, tens: bool) -> tuple[str, int]:
    """Up to 99, and no further."""
    part = parts[at]
    if tens and part.kind is Kind.TENS and _is_one_to_nine(parts, at + 1):
        return part.value[0] + parts[at + 1].value, 2
    return part.value, 1


def _cardinal(parts: Sequence[Part], at: int) -> tuple[str, int]:
    """ "Four thousand two hundred and forty two"; single digits stay single."""
    below, length = _below_thousand(parts, at)
    after = at + length
    if _kind(parts, after) is not Kind.THOUSAND or below == "0":
        return below, length
    length += 1
    more, more_length = _after_and(parts, at + length, thousand=False)
    return str(int(below) * 1_000 + more), length + more_length


def _below_thousand(parts: Sequence[Part], at: int) -> tuple[str, int]:
    below, length = _said(parts, at, tens=True)
    if _kind(parts, at + length) is not Kind.HUNDRED or below == "0":
        return below, length
    length += 1
    more, more_length = _after_and(parts, at + length, thousand=True)
    return str(int(below) * 100 + more), length + more_length


def _after_and(parts: Sequence[Part], at: int, *, thousand: bool) -> tuple[int, int]:
    """What is added after a hundred or a thousand: a number, with or without "and"."""
    skipped = int(_kind(parts, at) is Kind.FILLER and parts[at].value in ("and", "und"))
    at += skipped
    if _kind(parts, at) not in (Kind.UNIT, Kind.TEEN, Kind.TENS) or parts[at].value == "0":
        return 0, 0
    value, length = _said(parts, at, tens=True) if thousand else _below_thousand(parts, at)
    return int(value), length + skipped


def _between_digits(parts: Sequence[Part], at: int) -> bool:
    return any(
        0 <= near < len(parts) and (_is_digit(parts[near]) or parts[near].kind is Kind.REPEAT)
        for near in (at - 1, at + 1)
    )


def _is_digit(part: Part) -> bool:
    return part.kind in (Kind.UNIT, Kind.TEEN, Kind.TENS, Kind.FIGURES, Kind.HUNDRED)


def _is_one_to_nine(parts: Sequence[Part], at: int) -> bool:
    return _kind(parts, at) is Kind.UNIT and parts[at].value != "0"


def _kind(parts: Sequence[Part], at: int) -> Kind | None:
    return parts[at].kind if at < len(parts) else None
