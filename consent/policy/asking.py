"""A call in an officer's words, such as "caller 415, agent in Dublin, health line": a query."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from consent.policy.cells import Law
from consent.policy.places import of_words
from consent.policy.query import Party, Query
from consent.policy.terms import SCOPES, Line, Role

WORDS_CHARS_MAX = 500
PARTIES_MAX = 16
VENDORS_MAX = 32

_LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)
_VENDOR = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_PART = re.compile(
    r"(caller|agent|human|supervisor|vendor)\s+(?:in\s+|from\s+)?(\S.*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said of a call, not yet looked at: roles with places, and the rest as text."""

    parties: tuple[tuple[Role, str], ...]
    line: str | None = None
    vendors: tuple[str, ...] = ()


def heard(words: str) -> Asked:
    """The parts of a sentence, between commas. Raises ValueError, naming the part."""
    if len(words) > WORDS_CHARS_MAX:
        raise ValueError(f"a call is told in at most {WORDS_CHARS_MAX} letters")
    parties: list[tuple[Role, str]] = []
    vendors: list[str] = []
    line = None
    for part in (part.strip() for part in words.split(",")):
        named = part.lower().removesuffix("line").strip()
        if (found := _PART.fullmatch(part)) is not None:
            what = found[1].lower()
            if what == "vendor":
                vendors.append(found[2])
            else:
                parties.append((Role(what), found[2]))
        elif named in [one.value for one in Line]:
            line = named
        elif part and part.lower() != "ai on":
            raise ValueError(
                f"{part!r} is not understood: write parts such as caller 415, agent in Dublin,"
                " health line"
            )
    return Asked(tuple(parties), line, tuple(vendors))


def query(
    law: Law, asked: Asked, *, day: str, language: str | None, standing: Sequence[str]
) -> Query:
    """What a plan is made for. Raises ValueError, which says what to write.

    `standing` are scopes to which the callers agreed before.
    """
    if not 0 < len(asked.parties) <= PARTIES_MAX:
        raise ValueError(f"a call has 1 to {PARTIES_MAX} parties: name a caller")
    if len(asked.vendors) > VENDORS_MAX or not all(map(_VENDOR.fullmatch, asked.vendors)):
        raise ValueError(f"a vendor is named as acme-stt, and there are {VENDORS_MAX} at most")
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise ValueError(f"{language!r} is no language: write de or en")
    known = (*SCOPES, *(f"vendor:{vendor}" for vendor in asked.vendors))
    if (wrong := next((scope for scope in standing if scope not in known), None)) is not None:
        raise ValueError(f"{wrong!r} is no scope: take {', '.join(known)}")
    return Query(
        parties=_parties(law, asked, tuple(standing)),
        line=_line(asked.line),
        day=_day(day),
        vendors=tuple(dict.fromkeys(asked.vendors)),
        language=language,
    )


def _parties(law: Law, asked: Asked, standing: tuple[str, ...]) -> tuple[Party, ...]:
    found: list[Party] = []
    for role, words in asked.parties:
        same = sum(one.role is role for one in found)
        name = role.value if same == 0 else f"{role.value}-{same + 1}"
        agreed = standing if role is Role.CALLER else ()
        found.append(Party(name, role, of_words(law, words), agreed))
    return tuple(found)


def _line(name: str | None) -> Line:
    if name is None:
        return Line.GENERAL
    if name not in [one.value for one in Line]:
        raise ValueError(f"{name!r} is no line: take {', '.join(Line)}")
    return Line(name)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"{text!r} is no day: write 2026-08-02") from error
