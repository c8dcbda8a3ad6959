"""A file of retention policies: TOML in which each rule says where it is written."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from recordings.retention.precedence import Artefact

NEVER = "never"
RULES_MAX = 1_000

_DURATION = re.compile(r"([1-9][0-9]{0,4})([dmy])", re.ASCII)
_EDITION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_RULE_FIELDS = {"class", "artefacts", "minimum", "authority", "maximum", "source"}
_FIELDS = {"edition", "rule", "lines"}


class PolicyError(ValueError):
    """A file of policies cannot be used; the message says where, and what to write."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A number of days, and where that is written."""

    days: int
    source: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One artefact of one class. `authority` is the minimum where an authority asked for it."""

    minimum: Bound | None = None
    authority: Bound | None = None
    maximum: Bound | None = None


Rule = tuple[str, Artefact, Cell]
"""A class, an artefact, and what holds for both."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """What a file says: its day, its rules in their order, and the classes of each line."""

    edition: str
    rules: tuple[Rule, ...]
    lines: dict[str, tuple[str, ...]]


def read(text: str) -> PolicyFile:
    """Raises PolicyError."""
    found = _toml(text)
    return PolicyFile(_edition(found), tuple(_rules(found)), _lines(found))


def _rules(found: dict[str, Any]) -> Iterable[Rule]:
    rules = found.get("rule", [])
    if not isinstance(rules, list) or len(cast("list[Any]", rules)) > RULES_MAX:
        raise PolicyError(f"write each rule under [[rule]], {RULES_MAX} at most")
    for n, rule in enumerate(cast("list[Any]", rules), 1):
        yield from _rule(f"rule {n}", rule)


def _rule(where: str, rule: Any) -> list[Rule]:
    if not isinstance(rule, dict) or not rule.keys() <= _RULE_FIELDS:
        raise PolicyError(f"{where}: its fields are {', '.join(sorted(_RULE_FIELDS))}")
    given = cast("dict[str, Any]", rule)
    name, source, artefacts = given.get("class"), given.get("source"), given.get("artefacts")
    if not isinstance(name, str) or not name:
        raise PolicyError(f'{where}: class is missing: class = "gdpr"')
    if not isinstance(source, str) or not source.strip():
        raise PolicyError(f"{where}: source is missing: say where that is written")
    if not isinstance(artefacts, list) or not artefacts:
        raise PolicyError(f'{where}: artefacts is a list: ["audio", "transcript"]')
    cell = Cell(
        minimum=_bound(where, given.get("minimum"), source, _days_at_least),
        authority=_bound(where, given.get("authority"), source, _days_at_least),
        maximum=_bound(where, given.get("maximum"), source, _days_at_most),
    )
    if cell == Cell():
        raise PolicyError(f"{where}: minimum or maximum is missing")
    return [(name, _artefact(where, one), cell) for one in cast("list[Any]", artefacts)]


def _artefact(where: str, name: Any) -> Artefact:
    try:
        return Artefact(name)
    except ValueError as error:
        known = ", ".join(Artefact)
        raise PolicyError(f"{where}: there is no artefact {name!r}: take {known}") from error


def _bound(where: str, text: Any, source: str, days_of: Any) -> Bound | None:
    if text is None:
        return None
    if text == NEVER and days_of is _days_at_most:
        return Bound(0, source)
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise PolicyError(f'{where}: {text!r} is no duration: write "90d", "6m" or "5y"')
    return Bound(days_of(int(match[1]), match[2]), source)


def _days_at_least(count: int, unit: str) -> int:
    """So many days that the duration has passed, whatever leap years are in it."""
    return {"d": count, "m": count * 31, "y": (count * 1461 + 3) // 4}[unit]


def _days_at_most(count: int, unit: str) -> int:
    """So many days that the duration has not passed."""
    return {"d": count, "m": count * 30, "y": count * 365}[unit]


def _toml(text: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"this is no TOML: {error}") from error
    if unknown := sorted(found.keys() - _FIELDS):
        raise PolicyError(f"there is no {unknown[0]!r}: write {', '.join(sorted(_FIELDS))}")
    return found


def _edition(found: dict[str, Any]) -> str:
    edition = found.get("edition")
    if not isinstance(edition, str) or not _EDITION.fullmatch(edition):
        raise PolicyError('edition is missing: the day of these rules, edition = "2026-11-21"')
    return edition


def _lines(found: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    lines = found.get("lines", {})
    wrong = 'write [lines] with the classes of each: sip = ["mifid"]; "*" are all others'
    if not isinstance(lines, dict):
        raise PolicyError(wrong)
    read: dict[str, tuple[str, ...]] = {}
    for line, names in cast("dict[str, Any]", lines).items():
        if not isinstance(names, list) or not all(
            isinstance(one, str) for one in cast("list[Any]", names)
        ):
            raise PolicyError(wrong)
        read[line] = tuple(cast("list[str]", names))
    return read
