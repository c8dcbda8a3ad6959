"""The oracle's deployed module: which version serves whom, and what its till holds."""

import hashlib
import re
from dataclasses import dataclass, field, replace

BEFORE_MAX = 16
ALL = 1_000


class No(Exception):
    """The rules say no."""


@dataclass
class Modules:
    """The releases of `till.py`: `stable`, a `candidate` for some, and what was before."""

    known: bool = False
    stable: str | None = None
    candidate: str | None = None
    permille: int = 0
    before: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    """What a version writes on its slips, read from its sources."""
    pins: dict[str, str] = field(default_factory=dict)
    drawers: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "Modules":
        """A copy that may be changed."""
        return replace(
            self,
            before=[*self.before],
            labels={**self.labels},
            pins={**self.pins},
            drawers={**self.drawers},
        )

    def deployed(self, name: str, version: str, sources: str, permille: int) -> str:
        """Answers what was stable before."""
        was = self.stable
        if permille < ALL:
            if version == was:
                raise No
            self.candidate, self.permille = version, permille
        else:
            if was is not None and version != was:
                self.before = [was, *self.before][:BEFORE_MAX]
            self.stable, self.candidate, self.permille = version, None, 0
        self.known = True
        found = re.search("slip of ([a-z]+)", sources)
        self.labels[version] = found.group(1) if found else "?"
        return was or ""

    def rolled_back(self) -> str:
        """Answers what is stable now."""
        if self.candidate is not None:
            self.candidate, self.permille = None, 0
        elif self.before:
            self.stable, *self.before = self.before
        else:
            raise No
        return self.stable or ""

    def opened(self, scope: str) -> str:
        """A till keeps the version that it was opened with."""
        if not self.known or scope in self.pins:
            raise No
        drawn = int.from_bytes(hashlib.sha256(f"till/{scope}".encode()).digest()[:8], "big") % ALL
        served = self.candidate if drawn < self.permille else self.stable
        if served is None:
            raise No
        self.pins[scope] = served
        return served

    def rung(self, scope: str, cents: int) -> str:
        """Money came into a till."""
        version = self.pins.get(scope, self.stable)
        if version is None:
            raise No
        self.drawers[scope] = self.drawers.get(scope, 0) + cents
        return f"{self.drawers[scope]}, slip of {self.labels[version]}"
