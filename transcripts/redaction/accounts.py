"""Numbers that are hidden, not destroyed: IBAN (ISO 13616) and US social security numbers."""

import re
from collections.abc import Iterator, Sequence

from transcripts.redaction.digits import Digit, Run
from transcripts.redaction.numerals import Kind, Part

IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24"
        "FI18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32"
        "LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22"
        "SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20",
    )
}
SSN_DIGITS = 9
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}", re.ASCII)
_STRIPPED = ".,;:!?\"'()"
NATO: dict[str, str] = {
    word: word[0].upper()
    for word in re.findall(
        r"\w+",
        "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november"
        " oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu",
    )
}


def ibans(
    words: Sequence[str], parts: Sequence[Part], said: Sequence[Run]
) -> Iterator[tuple[int, int]]:
    """First and last word of each account number; letters are spelled, capital, or beside figures.

    `parts` and `said`: of the words.
    """
    stream = _stream(words, parts, said)
    letters = "".join(one.value for one in stream)
    for at in range(len(letters) - 1):
        length = IBAN_LENGTHS.get(letters[at : at + 2])
        number = letters[at : at + length] if length else ""
        if length and len(number) == length and _checks(number):
            yield stream[at].first, stream[at + length - 1].last


def _checks(number: str) -> bool:
    """ISO 7064 MOD 97-10 over the rearranged number, letters as 10 to 35."""
    turned = number[4:] + number[:4]
    return (
        number.isalnum()
        and number[2:4].isdigit()
        and int("".join(str(int(one, 36)) for one in turned)) % 97 == 1
    )


def _stream(words: Sequence[str], parts: Sequence[Part], said: Sequence[Run]) -> list[Digit]:
    """Letters and digits in the order of the words; a space where a word is neither."""
    digits: dict[int, list[Digit]] = {digit.first: [] for run in said for digit in run}
    for run in said:
        for digit in run:
            digits[digit.first].append(digit)
    found: list[Digit] = []
    for part in parts:
        if part.word in digits:
            found += digits.pop(part.word)
        elif letters := _letters(part, words[part.word]):
            found += [Digit(letter, part.word, part.word) for letter in letters]
        elif part.kind is Kind.OTHER:
            found.append(Digit(" ", part.word, part.word))
    return found


def _letters(part: Part, word: str) -> str:
    value = part.value
    if part.kind is Kind.WEAK or not value.isascii():
        return ""
    if value in NATO:
        return NATO[value]
    is_code = len(value) <= 2 or word.isupper() or any(c.isdigit() for c in value)
    if part.kind in (Kind.OTHER, Kind.FILLER) and value.isalnum() and is_code:
        return value.upper()
    return ""


def ssns(words: Sequence[str], said: Sequence[Run], spoken_of: bool) -> Iterator[tuple[int, int]]:
    """First and last word of each; nine digits alone are one only where it was spoken of."""
    for run in said:
        first, last = run[0].first, run[-1].last
        is_written = first == last and _SSN.fullmatch(words[first].strip(_STRIPPED)) is not None
        digits = "".join(digit.value for digit in run)
        if len(digits) == SSN_DIGITS and (is_written or spoken_of) and _is_issued(digits):
            yield first, last


def _is_issued(digits: str) -> bool:
    """Social Security Administration: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"
