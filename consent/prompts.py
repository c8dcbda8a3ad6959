"""What is said to a party next: from what it is owed, and where it stands. Pure.

First what was begun is brought to its end; then all that is only told is told at once; then
questions are asked, one by one. Scopes that share a wording share its question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from consent.machine import LISTENING, Standing, State
from consent.policy.terms import When
from consent.tables import ConsentTerm


class Act(StrEnum):
    """What is said, and so what may come of it."""

    TELL = "tell"
    CONFIRM = "confirm"
    """They agreed before: a short notice, and time to object."""
    ASK = "ask"
    READ_BACK = "read_back"
    ASK_AGAIN = "ask_again"
    CLOSE = "close"
    """What was told is told once more, before we hang up."""


ACT = {
    State.READ_BACK_DUE: Act.READ_BACK,
    State.AMBIGUOUS: Act.ASK_AGAIN,
    State.NOTICE_DUE: Act.TELL,
    State.CONFIRM_DUE: Act.CONFIRM,
    State.ASK_DUE: Act.ASK,
}
"""What each state puts, the most urgent first."""

IN_CALL = (When.START,)
"""What else is said is said before the call, at its end, or after it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing that is played. `wordings` name its texts, in order."""

    act: Act
    scopes: tuple[str, ...]
    wordings: tuple[str, ...]
    language: str


def due(terms: Sequence[ConsentTerm], standings: Mapping[str, Standing]) -> Prompt | None:
    """What is to be played next; None while an answer is waited for, or when all is said."""
    owed = [
        term
        for term in sorted(terms, key=lambda term: term.position)
        if term.moment in IN_CALL and term.scope in standings
    ]
    if any(standings[term.scope].state in LISTENING for term in owed):
        return None
    for state, act in ACT.items():
        mine = [term for term in owed if _is_due(standings[term.scope], state)]
        if mine:
            together = mine if act in (Act.TELL, Act.CONFIRM) else _sharing(mine)
            wordings = tuple(dict.fromkeys(term.wording for term in together))
            scopes = tuple(term.scope for term in together)
            return Prompt(act, scopes, wordings, together[0].language)
    return None


def closing(terms: Sequence[ConsentTerm], standings: Mapping[str, Standing]) -> Prompt | None:
    """What is said again before we hang up: of what was done until now."""
    mine = [
        term
        for term in sorted(terms, key=lambda term: term.position)
        if term.closing and standings.get(term.scope, Standing()).is_open
    ]
    if not mine:
        return None
    wordings = tuple(dict.fromkeys(term.closing for term in mine))
    return Prompt(Act.CLOSE, tuple(term.scope for term in mine), wordings, mine[0].language)


def is_asked(terms: Sequence[ConsentTerm], standings: Mapping[str, Standing]) -> bool:
    """Whether something is to be said or heard yet before the party and the agent may talk."""
    return due(terms, standings) is not None or is_listening(standings)


def is_listening(standings: Mapping[str, Standing]) -> bool:
    """Whether an answer counts now."""
    return any(standing.state in LISTENING for standing in standings.values())


def _is_due(standing: Standing, state: State) -> bool:
    # What is closed by a fault would be said in vain.
    return standing.state is state and not standing.closed_by


def _sharing(terms: Sequence[ConsentTerm]) -> list[ConsentTerm]:
    return [term for term in terms if term.wording == terms[0].wording]
