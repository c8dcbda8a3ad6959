"""Where a number is of, and what a person may write for a place."""

import random

import pytest

from consent.policy.errors import UnknownPlace
from consent.policy.places import of_number, of_words
from consent.policy.terms import STRICTEST
from tests.consent.policy.calls import LAW, PLACES


@pytest.mark.parametrize(
    ("number", "place", "because"),
    [
        ("+14155550100", "US-CA", "area code 415 is California"),
        ("tel:+14155550100", "US-CA", "area code 415 is California"),
        ("tel:+1-415-555-0100;ext=7", "US-CA", "area code 415 is California"),
        ("+12025550123", "US-DC", "area code 202 is District of Columbia"),
        ("+19715550100", "US-OR", "area code 971 is Oregon"),
        ("+14165550123", "CA", "the number +1 is of Canada"),
        ("+353861234567", "IE", "the number +353 is of Ireland"),
        ("+4930901820", "DE", "the number +49 is of Germany"),
        ("+442071838750", "GB", "the number +44 is of the United Kingdom"),
        ("+41446681800", "CH", "the number +41 is of Switzerland"),
        ("+61291234567", "AU", "the number +61 is of Australia"),
        ("+590590123456", "FR", "the number +590 is of France"),
        ("+35818123456", "FI", "the number +358 is of Finland"),
    ],
)
def test_a_number_is_of_a_place(number: str, place: str, because: str) -> None:
    found = of_number(LAW, number)
    assert (found.code, found.because) == (place, because)


@pytest.mark.parametrize(
    ("number", "because"),
    [
        (None, "withheld"),
        ("", "withheld"),
        ("Anonymous", "withheld"),
        ("+18005550100", "toll-free"),
        ("+80012345678", "toll-free"),
        ("+819012345678", "JP, whose law is not in the data"),
        ("+17875550100", "PR, whose law is not in the data"),
        ("+12462345678", "BB, whose law is not in the data"),
        ("+441534123456", "JE, whose law is not in the data"),
        ("+447700900123", "can exist"),
        ("+445612345678", "such a number has no place"),
        ("+447012345678", "such a number has no place"),
        ("+33891123456", "such a number has no place"),
        ("+19002345678", "such a number has no place"),
        ("+8816123", "can exist"),
        ("+999123", "can exist"),
        ("+", "can exist"),
        ("4155550100", "not international"),
        ("sip:ann@example.com", "not international"),
        ("+1" + "4" * 400, "not international"),
        ("+1415555\x00100", ""),
        ("+14155550100\n+353861234567", ""),
        ("＋１４１５", ""),
        ("+٤١٥", ""),
        ("\ud800", ""),
    ],
)
def test_a_number_without_a_place_is_of_the_strictest(number: str | None, because: str) -> None:
    found = of_number(LAW, number)
    if found.code != STRICTEST:
        # A stray letter may be left out by the parser; the place is still one that exists.
        assert because == "" and found.code == "US-CA"
        return
    assert because in found.because


def test_no_number_whatever_is_an_error_or_a_place_that_is_none() -> None:
    draw = random.Random(4711)
    letters = "0123456789" * 4 + "+()-. ;=x*#atel:\x00\n\u0664\uff11\U0001f4de"
    found = {STRICTEST: 0}
    for _ in range(3_000):
        head = draw.choice(["+1", "+44", "+49", "+353", "tel:+1", "+", "", "00"])
        text = head + "".join(draw.choice(letters) for _ in range(draw.randrange(16)))
        code = of_number(LAW, text).code
        found[code] = found.get(code, 0) + 1
    assert {*found} <= {*PLACES}
    assert found[STRICTEST] > 2_000 and len(found) > 2


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("415", "US-CA"),
        ("+14155550100", "US-CA"),
        ("IE", "IE"),
        ("ie", "IE"),
        ("US-CA", "US-CA"),
        ("Dublin", "IE"),
        ("  new   york ", "US-NY"),
        ("california", "US-CA"),
        ("Zürich", "CH"),
        ("UK", "GB"),
        ("AX", "FI"),
        ("withheld", STRICTEST),
        ("unknown", STRICTEST),
        ("JP", STRICTEST),
        ("US", STRICTEST),
        ("Europe", STRICTEST),
        ("999", STRICTEST),
    ],
)
def test_what_people_write(words: str, place: str) -> None:
    assert of_words(LAW, words).code == place


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("Dubln", "did you mean Dublin"),
        ("TX", "US-TX"),
        ("Atlantis", "no place that is known"),
        ("x" * 100, "at most"),
        ("Dub\x1blin", "at most"),
    ],
)
def test_a_slip_of_the_pen_is_no_unknown_place(words: str, hint: str) -> None:
    with pytest.raises(UnknownPlace, match=hint):
        of_words(LAW, words)
