"""Retention policies as dated data: TOML, a source in every cell, tightened by a tenant's file.

A tenant may keep longer than the law asks and shorter than it allows, never the other way round.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from recordings.retention import policy_file
from recordings.retention.policy_file import Bound, Cell, PolicyError
from recordings.retention.precedence import RESIDUAL, Artefact, Terms, joint

EVERY_LINE = "*"
CLASS_OF_ALL = "gdpr"
"""Every call is in it, whatever else its line is in."""
CLASS_OF_OUTBOUND = "outbound"
"""Calls that we make are in it."""


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

    def soonest_days(self) -> int | None:
        """No call of any class has anything that expires before; None where nothing ever does."""
        # Card data is never kept at all, and the log never goes.
        apart = (Artefact.CARD_DATA, *RESIDUAL)
        maxima = [cell.maximum for (_, one), cell in self.cells.items() if one not in apart]
        return min((one.days for one in maxima if one is not None), default=None)

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
    found = policy_file.read(text)
    cells: dict[tuple[str, Artefact], Cell] = {}
    for name, artefact, cell in found.rules:
        cells[name, artefact] = _merged(cells.get((name, artefact), Cell()), cell)
    return Policies(found.edition, cells, found.lines)


def tightened(law: Policies, text: str) -> Policies:
    """The policies with those of a tenant's file over them.

    Raises PolicyError, with the source, where the file would go below what the law asks or above
    what it allows.
    """
    found = policy_file.read(text)
    known = {name for name, _ in law.cells}
    for line, names in found.lines.items():
        for name in names:
            if name not in known:
                raise PolicyError(
                    f"line {line!r}: there is no class {name!r}: {', '.join(sorted(known))}"
                )
    cells = dict(law.cells)
    for name, artefact, cell in found.rules:
        if name not in known:
            raise PolicyError(f"there is no class {name!r}: take {', '.join(sorted(known))}")
        cells[name, artefact] = _tightened(name, artefact, cells.get((name, artefact)), cell)
    both = Policies(f"{law.edition}+{found.edition}", cells, {**law.lines, **found.lines})
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
