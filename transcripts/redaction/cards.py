"""Numbers of payment cards among digits: ISO/IEC 7812-1 (Luhn), and the ranges that are issued.

One number in ten has a right check digit, so a number counts only in a range which a card scheme
has, and in a length which that scheme uses. What is rare, and looks like a telephone number, counts
only where a card was spoken of.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

DIGITS_MIN, DIGITS_MAX = 13, 19
SECURITY_CODE_DIGITS = (3, 4)
KNOWN_DIGITS_MIN = 5
"""So many digits in a row of a card that was said before are that card again. Four may be shown
(PCI DSS 3.4.1)."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that begin from `low` to `high`. `rare` lengths need a card to be spoken of."""

    low: str
    high: str
    lengths: tuple[int, ...]
    rare: tuple[int, ...] = ()


RANGES = (
    Range("4", "4", (16,), (13, 19)),  # Visa
    Range("51", "55", (16,)),  # Mastercard
    Range("2221", "2720", (16,)),
    Range("34", "34", (15,)),  # American Express
    Range("37", "37", (15,)),
    Range("300", "305", (), (14,)),  # Diners Club
    Range("3095", "3095", (), (14,)),
    Range("36", "36", (), (14,)),
    Range("38", "39", (), (14, 16)),
    Range("3528", "3589", (16,), (17, 18, 19)),  # JCB
    Range("6011", "6011", (16,), (17, 18, 19)),  # Discover
    Range("644", "649", (16,), (17, 18, 19)),
    Range("65", "65", (16,), (17, 18, 19)),  # also RuPay
    Range("60", "60", (16,)),  # RuPay
    Range("81", "82", (), (16,)),
    Range("62", "62", (16,), (17, 18, 19)),  # UnionPay
    Range("50", "50", (16,), (13, 14, 15, 17, 18, 19)),  # Maestro
    Range("56", "59", (16,), (13, 14, 15, 17, 18, 19)),
    Range("63", "63", (16,), (13, 14, 15, 17, 18, 19)),
    Range("67", "67", (16,), (13, 14, 15, 17, 18, 19)),
    Range("2200", "2204", (16,), (17, 18, 19)),  # Mir
)


@dataclass(frozen=True, slots=True)
class Card:
    """Where a number lies among the digits of a run: from `start` up to `end`."""

    start: int
    end: int


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def is_card(digits: str, spoken_of: bool) -> bool:
    """Whether it is a number that a scheme issues. `spoken_of`: somebody said "card"."""
    return luhn(digits) and any(
        one.low <= digits[: len(one.low)] <= one.high
        and (len(digits) in one.lengths or (spoken_of and len(digits) in one.rare))
        for one in RANGES
    )


def may_begin(digits: str) -> bool:
    """Whether a card number may begin with these digits, or be these but for the last ones."""
    return len(digits) < DIGITS_MAX and any(
        one.low[: len(digits)] <= digits[: len(one.low)] <= one.high[: len(digits)]
        for one in RANGES
    )


def cards(digits: str, spoken_of: bool) -> Iterator[Card]:
    """The run as a whole where that is a number, else every number in it, also where two overlap:
    which of them was meant nobody knows, and none is to be left."""
    if DIGITS_MIN <= len(digits) <= DIGITS_MAX and is_card(digits, spoken_of):
        # Sixteen digits and a security code can look like a number of nineteen: both are hidden.
        yield Card(0, len(digits))
        return
    for length in range(DIGITS_MIN, DIGITS_MAX + 1):
        for at in range(len(digits) - length + 1):
            if is_card(digits[at : at + length], spoken_of and length == len(digits)):
                yield Card(at, at + length)


def repeated(digits: str, known: Collection[str]) -> Iterator[Card]:
    """What is said again of cards that were said before, in part or whole."""
    at = 0
    while at + KNOWN_DIGITS_MIN <= len(digits):
        end = at + KNOWN_DIGITS_MIN
        if not any(digits[at:end] in card for card in known):
            at += 1
            continue
        while end < len(digits) and any(digits[at : end + 1] in card for card in known):
            end += 1
        yield Card(at, end)
        at = end


def security_code(after: str) -> tuple[int, int] | None:
    """Where in the digits that follow a card in one breath its code is: at the end, after MMYY."""
    for skipped in (0, 4):
        rest = after[skipped:]
        is_expiry = not skipped or "01" <= after[:2] <= "12"
        if is_expiry and len(rest) in SECURITY_CODE_DIGITS:
            return skipped, len(after)
    return None
