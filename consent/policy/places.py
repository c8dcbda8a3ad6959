"""Where a party is: by their number, or by what somebody typed.

A number tells where it was given out, not where its holder stands. It is the best there is at the
first ring; what tells nothing (toll-free, withheld, invalid) is treated as the strictest place.
"""

from dataclasses import dataclass
from difflib import get_close_matches

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from consent.policy.cells import Law
from consent.policy.errors import UnknownPlace
from consent.policy.terms import STRICTEST

NUMBER_CHARS_MAX = 40
WORDS_CHARS_MAX = 80
US = "US"
WITHHELD = ("", "anonymous", "withheld", "unknown", "unavailable", "restricted", "private")

FIXED_TO_A_PLACE = (
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A jurisdiction (STRICTEST where none is known), and why: "area code 415 is California"."""

    code: str
    name: str
    because: str


def strictest(because: str) -> Place:
    """Nowhere that is known."""
    return Place(STRICTEST, "an unknown place", because)


def of_number(law: Law, number: str | None) -> Place:
    """Where a number (E.164, or a tel: URI) was given out. Never raises: numbers come from
    outside, and a call must be answered whatever its number looks like."""
    text = (number or "").strip().removeprefix("tel:").partition(";")[0]
    if text.lower() in WITHHELD:
        return strictest("the number is withheld")
    if len(text) > NUMBER_CHARS_MAX or not text.startswith("+"):
        return strictest("the number is not international, as +14155550100")
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return strictest("the number is not one that can exist")
    if not phonenumbers.is_valid_number(parsed):
        return strictest("the number is not one that can exist")
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.TOLL_FREE:
        return strictest("a toll-free number has no place")
    if kind not in FIXED_TO_A_PLACE:
        return strictest("such a number has no place")
    return _of_valid(law, parsed)


def _of_valid(law: Law, parsed: PhoneNumber) -> Place:
    region = phonenumbers.region_code_for_number(parsed) or ""
    if region == US:
        area = phonenumbers.national_significant_number(parsed)[:3]
        return of_area_code(law, int(area))
    return of_region(law, region, f"the number +{parsed.country_code} is of")


def of_area_code(law: Law, code: int) -> Place:
    """The US state of an area code."""
    state = law.states_of_area_codes.get(code)
    if state is None:
        return strictest(f"no US state is known for area code {code}")
    return _in(law, state, f"area code {code} is")


def of_region(law: Law, region: str, said: str) -> Place:
    """A country of ISO 3166, or a state as "US-CA"."""
    for one in law.jurisdictions.values():
        if region == one.code or region in one.regions:
            return _in(law, one.code, said)
    name = region or "no country"
    return Place(STRICTEST, name, f"{said} {name}, whose law is not in the data")


def _in(law: Law, code: str, said: str) -> Place:
    found = law.jurisdictions[code]
    if any(one.within == code for one in law.jurisdictions.values()):
        return strictest(f"{said} {found.name}, and it is not known which part of it")
    return Place(code, found.name, f"{said} {found.name}")


def of_words(law: Law, words: str) -> Place:
    """What people type: "+14155550100", "415", "IE", "US-CA", "Dublin", "withheld".

    Raises UnknownPlace, naming what comes near: a slip of the pen is no unknown place.
    """
    text = " ".join(words.split())
    if len(text) > WORDS_CHARS_MAX or not text.isprintable():
        raise UnknownPlace(f"a place has at most {WORDS_CHARS_MAX} letters")
    if text.lower() in WITHHELD:
        return strictest("the number is withheld")
    if text.startswith(("+", "tel:")):
        return of_number(law, text)
    if len(text) == 3 and text.isascii() and text.isdigit():
        return of_area_code(law, int(text))
    code = text.upper()
    if code in law.jurisdictions or code in phonenumbers.SUPPORTED_REGIONS:
        return of_region(law, code, f"{text} is")
    names = _names(law)
    if (found := names.get(text.casefold())) is not None:
        same = law.jurisdictions[found].name.casefold() == text.casefold()
        return _in(law, found, "it is" if same else f"{text} is in")
    near = get_close_matches(text.casefold(), names, n=3, cutoff=0.5)
    known = [name.title() for name in near]
    if f"US-{code}" in law.jurisdictions:
        known = [f"US-{code}", *known]
    hint = f"did you mean {', '.join(known)}? " if known else ""
    raise UnknownPlace(
        f"{text!r} is no place that is known; {hint}"
        "Write a number (+14155550100), a US area code (415), a code (IE, US-CA), a name"
        " (Dublin), or unknown"
    )


def _names(law: Law) -> dict[str, str]:
    found = {one.name.casefold(): one.code for one in law.jurisdictions.values()}
    for one in law.jurisdictions.values():
        found |= {name.casefold(): one.code for name in one.names}
    return found
