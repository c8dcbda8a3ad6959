"""What a call needs: for each party and scope what is due, and all of it in order.

A requirement is the input of the consent machine: `start` says which of its first rows is taken.
"""

from dataclasses import dataclass
from enum import StrEnum

from consent.policy.terms import BasisKind, Condition, Due, Grade, Line, OnNo, Role, When


class Start(StrEnum):
    """Where the machine of one party and scope begins."""

    OPEN = "open"
    """Nothing is required."""
    NOTICE_DUE = "notice_due"
    ASK_DUE = "ask_due"
    CONFIRM_DUE = "confirm_due"
    """They agreed before: a short notice is enough."""
    DISABLED = "disabled"
    """Never in this call."""


class Act(StrEnum):
    """What is done in one step of a plan."""

    CHECK = "check"
    """Look for a consent on file; without one there is no call."""
    TELL = "tell"
    CONFIRM = "confirm"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Rule:
    """Why: a cell, the party whose place brought it in, and how far it has been checked.

    `brings` names what of the requirement it is the reason for: "due", "on_no", a condition.
    """

    cell: str
    source: str
    reviewed: str
    grade: Grade
    note: str
    brings: tuple[str, ...]
    party: str
    because: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one party is owed for one scope.

    `rules` begin with the one that won; those that ask as much follow, then what only adds.

    `language` is the one that is spoken, `unspoken` the one that it stands in for, because there
    are no words in it.

    `basis` is None where the scope is off. `must_record`: this line holds no conversation that is
    not recorded.
    """

    party: str
    role: Role
    scope: str
    due: Due
    start: Start
    basis: BasisKind | None
    implied_after_s: int | None
    on_no: OnNo
    when: tuple[When, ...]
    beep: bool
    must_record: bool
    retention: tuple[str, ...]
    conditions: tuple[Condition, ...]
    language: str
    wordings: tuple[str, ...]
    rules: tuple[Rule, ...]
    unspoken: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is played, asked or looked up, about scopes in this order."""

    when: When
    act: Act
    party: str
    scopes: tuple[str, ...]
    wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All requirements and their order, under these versions of the policy."""

    versions: tuple[str, ...]
    day: str
    line: Line
    requirements: tuple[Requirement, ...]
    steps: tuple[Step, ...]

    def of(self, party: str, scope: str) -> Requirement | None:
        """What this party is owed for this scope; None where it is not in question."""
        for one in self.requirements:
            if (one.party, one.scope) == (party, scope):
                return one
        return None
