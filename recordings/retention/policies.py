"""Retention policies as dated data: TOML, a source in every cell, tightened by a tenant's file.

A tenant may keep longer than the law asks and shorter than it allows, never the other way round.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from recordings.retention.precedence import Artefact, Terms, joint

NEVER = "never"
EVERY_LINE = "*"
RULES_MAX = 1_000
CLASS_OF_ALL = "gdpr"
"""Every call is in it, whatever else its line is in."""
CLASS_OF_OUTBOUND = "outbound"
"""Calls that we make are in it."""

_DURATION = re.compile(r"([1-9][0-9]{0,4})([dmy])", re.ASCII)
_EDITION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_RULE_FIELDS = {"class", "artefacts", "minimum", "authority", "maximum", "source"}


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


@dataclass(frozen=True, slots=True)
class Policies:
    """The cells by class and artefact, and the classes of each line ("*": of those not named)."""

    edition: str
    cells: Mapping[tuple[str, Artefact], Cell]
    lines: Mapping[str, tuple[str, ...]]

    def classes(self, line: str, *, outbound: bool = False) -> tuple[str, ...]:
        """Of a call on this line."""
        named = self.lines.get(line, self.lines.get(EVERY_LINE, ()))
        ours = (CLASS_OF_ALL, *((CLASS_OF_OUTBOUND,) if outbound else ()))
        return tuple(dict.fromkeys((*ours, *named)))

    def terms(self, classes: Sequence[str]) -> list[Terms]:
        """What holds for each artefact: the longest minimum, the shortest maximum.

        A maximum below a minimum gives way: the law that asks is stronger than the one that limits.
        """
        return joint([self._terms(artefact, classes) for artefact in Artefact])

    def authority(self, classes: Sequence[str]) -> Bound | None:
        """How long audio is kept where an authority has asked for it."""
        cells = [self.cells.get((name, Artefact.AUDIO), Cell()) for name in classes]
        return _longest(cell.authority for cell in cells)

    def _terms(self, artefact: Artefact, classes: Sequence[str]) -> Terms:
        cells = [self.cells.get((name, artefact), Cell()) for name in classes]
        least = _longest(cell.minimum for cell in cells) or Bound(0, "")
        most = _shortest(cell.maximum for cell in cells)
        return Terms(
            artefact=artefact,
            minimum_days=least.days,
            minimum_source=least.source,
            maximum_days=None if most is None else max(most.days, least.days),
            maximum_source="" if most is None else most.source,
            edition=self.edition,
        )


def parse(text: str) -> Policies:
    """The statutory policies. Raises PolicyError."""
    found = _toml(text, {"edition", "rule", "lines"})
    cells: dict[tuple[str, Artefact], Cell] = {}
    for name, artefact, cell in _rules(found):
        cells[name, artefact] = _merged(cells.get((name, artefact), Cell()), cell)
    return Policies(_edition(found), cells, _lines(found))


def tightened(law: Policies, text: str) -> Policies:
    """The policies with those of a tenant's file over them.

    Raises PolicyError, with the source, where the file would go below what the law asks or above
    what it allows.
    """
    found = _toml(text, {"edition", "rule", "lines"})
    known = {name for name, _ in law.cells}
    lines = _lines(found)
    for line, names in lines.items():
        for name in names:
            if name not in known:
                raise PolicyError(
                    f"line {line!r}: there is no class {name!r}: {', '.join(sorted(known))}"
                )
    cells = dict(law.cells)
    for name, artefact, cell in _rules(found):
        if name not in known:
            raise PolicyError(f"there is no class {name!r}: take {', '.join(sorted(known))}")
        cells[name, artefact] = _tightened(name, artefact, cells.get((name, artefact)), cell)
    both = Policies(f"{law.edition}+{_edition(found)}", cells, {**law.lines, **lines})
    _no_maximum_below_the_law(law, both)
    return both


def _tightened(name: str, artefact: Artefact, law: Cell | None, ours: Cell) -> Cell:
    where = f"{name}, {artefact}"
    law = law or Cell()
    if ours.minimum and law.minimum and ours.minimum.days < law.minimum.days:
        raise PolicyError(
            f"{where}: a minimum of {ours.minimum.days} days is below the statutory"
            f" {law.minimum.days} days: {law.minimum.source}"
        )
    if ours.maximum and law.minimum and ours.maximum.days < law.minimum.days:
        raise PolicyError(
            f"{where}: a maximum of {ours.maximum.days} days is below the statutory minimum of"
            f" {law.minimum.days} days: {law.minimum.source}"
        )
    if ours.maximum and law.maximum and ours.maximum.days > law.maximum.days:
        raise PolicyError(
            f"{where}: a maximum of {ours.maximum.days} days is above the {law.maximum.days} days"
            f" allowed: {law.maximum.source}"
        )
    if law.maximum and law.maximum.days == 0 and ours.minimum:
        raise PolicyError(f"{where} may not be kept at all: {law.maximum.source}")
    if ours.authority and law.authority and ours.authority.days < law.authority.days:
        raise PolicyError(
            f"{where}: authority is at least {law.authority.days} days: {law.authority.source}"
        )
    return replace(
        law,
        minimum=ours.minimum or law.minimum,
        maximum=ours.maximum or law.maximum,
        authority=ours.authority or law.authority,
    )


def _no_maximum_below_the_law(law: Policies, both: Policies) -> None:
    """A tenant's own maximum in one class must not undercut the law of another on its line."""
    for line, names in both.lines.items():
        classes = both.classes(line)
        for artefact in Artefact:
            least = _longest(law.cells.get((name, artefact), Cell()).minimum for name in classes)
            for name in classes:
                before = law.cells.get((name, artefact), Cell()).maximum
                after = both.cells.get((name, artefact), Cell()).maximum
                if least and after and after != before and after.days < least.days:
                    raise PolicyError(
                        f"line {line!r} is in {', '.join(names)}: a maximum of {after.days} days"
                        f" for {artefact} is below the statutory minimum of {least.days} days:"
                        f" {least.source}"
                    )


def _rules(found: dict[str, Any]) -> Iterable[tuple[str, Artefact, Cell]]:
    rules = found.get("rule", [])
    if not isinstance(rules, list) or len(cast("list[Any]", rules)) > RULES_MAX:
        raise PolicyError(f"write each rule under [[rule]], {RULES_MAX} at most")
    for n, rule in enumerate(cast("list[Any]", rules), 1):
        yield from _rule(f"rule {n}", rule)


def _rule(where: str, rule: Any) -> list[tuple[str, Artefact, Cell]]:
    if not isinstance(rule, dict) or not rule.keys() <= _RULE_FIELDS:
        raise PolicyError(f"{where}: its fields are {', '.join(sorted(_RULE_FIELDS))}")
    given = cast("dict[str, Any]", rule)
    name, source, artefacts = given.get("class"), given.get("source"), given.get("artefacts")
    if not isinstance(name, str) or not name:
        raise PolicyError(f'{where}: class is missing: class = "{CLASS_OF_ALL}"')
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


def _merged(one: Cell, other: Cell) -> Cell:
    """Two rules of one cell: the stricter of each bound."""
    return Cell(
        _longest((one.minimum, other.minimum)),
        _longest((one.authority, other.authority)),
        _shortest((one.maximum, other.maximum)),
    )


def _longest(bounds: Iterable[Bound | None]) -> Bound | None:
    return max((one for one in bounds if one), key=lambda one: one.days, default=None)


def _shortest(bounds: Iterable[Bound | None]) -> Bound | None:
    return min((one for one in bounds if one), key=lambda one: one.days, default=None)


def _toml(text: str, known: set[str]) -> dict[str, Any]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"this is no TOML: {error}") from error
    if unknown := sorted(found.keys() - known):
        raise PolicyError(f"there is no {unknown[0]!r}: write {', '.join(sorted(known))}")
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
