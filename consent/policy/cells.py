"""The data: jurisdictions, and for each of them cells (scope x line), dated and with a source."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from consent.policy.terms import (
    EVERYWHERE,
    FIRST_DAY,
    STRICTEST,
    BasisKind,
    Condition,
    Due,
    Grade,
    Line,
    OnNo,
    When,
)

Key = tuple[str, str, Line]
"""Jurisdiction, scope, line."""


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """A place with law of its own. `within` is the wider one whose cells count here too.

    `regions` are ISO 3166 codes of parts without an entry of their own; `names` what people call
    it and its cities.
    """

    code: str
    name: str
    within: str | None
    languages: tuple[str, ...]
    regions: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one jurisdiction asks for one scope on one line, in force from a day on.

    Days are ISO 8601. `implied_after_s`: who stays so many seconds after the whole notice has
    agreed; None where that is not allowed. `on_no` is None where the cell says nothing about it.
    `must_record`: no conversation without a recording. `prevails`: in its place it stands instead
    of the cells for all lines, as a duty to record does. `wording` replaces the scope's name in
    the keys of wordings.
    """

    jurisdiction: str
    scope: str
    line: Line
    start: str
    due: Due
    basis: BasisKind | None
    implied_after_s: int | None
    on_no: OnNo | None
    when: tuple[When, ...]
    beep: bool
    must_record: bool
    prevails: bool
    retention: str | None
    conditions: tuple[Condition, ...]
    wording: str | None
    source: str
    reviewed: str
    grade: Grade
    note: str
    file: str

    @property
    def key(self) -> Key:
        return self.jurisdiction, self.scope, self.line

    @property
    def id(self) -> str:
        """Its name for people: "US-CA/recording/general", with the day where it has one."""
        name = f"{self.jurisdiction}/{self.scope}/{self.line}"
        return name if self.start == FIRST_DAY else f"{name}@{self.start}"


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells by their key, each list from the oldest to the newest."""

    by_key: dict[Key, tuple[Cell, ...]] = field(default_factory=dict[Key, tuple[Cell, ...]])

    def __iter__(self) -> Iterator[Cell]:
        for found in self.by_key.values():
            yield from found

    def at(self, key: Key, day: str) -> Cell | None:
        """The cell in force on a day."""
        found = None
        for cell in self.by_key.get(key, ()):
            if cell.start <= day:
                found = cell
        return found


def indexed(cells: Iterable[Cell]) -> Cells:
    """Find them by their key."""
    found: defaultdict[Key, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell.key].append(cell)
    ordered = {key: sorted(some, key=lambda cell: cell.start) for key, some in found.items()}
    return Cells({key: tuple(some) for key, some in ordered.items()})


@dataclass(frozen=True, slots=True)
class Law:
    """All that ships with this version. `version` is the SHA-256 of its text, in hex."""

    version: str
    text: str
    jurisdictions: dict[str, Jurisdiction]
    states_of_area_codes: dict[int, str]
    """North American area code -> US state, as "US-CA"."""
    cells: Cells

    def chain(self, code: str) -> tuple[str, ...]:
        """Whose cells count at a place, the nearest first."""
        if code not in self.jurisdictions:
            return (STRICTEST, EVERYWHERE)
        found = [code]
        while (wider := self.jurisdictions[found[-1]].within) is not None:
            found.append(wider)
        return (*found, EVERYWHERE)


@dataclass(frozen=True, slots=True)
class Overlay:
    """A tenant's own policy: cells that only tighten. `version` is the SHA-256 of its text."""

    version: str
    text: str
    cells: Cells
