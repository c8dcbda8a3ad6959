"""In which order a plan is played: what must be told first, then what is asked, one by one."""

from collections.abc import Sequence

from consent.policy.plan import Act, Requirement, Start, Step
from consent.policy.saying import first_moment
from consent.policy.terms import SCOPES, When, kind_of, rank

ACTS = {
    Start.NOTICE_DUE: Act.TELL,
    Start.CONFIRM_DUE: Act.CONFIRM,
    Start.ASK_DUE: Act.ASK,
}


def ordered(requirements: Sequence[Requirement]) -> tuple[Step, ...]:
    """All steps. What is only told to a party is told at once; each question stands alone, but
    those in the same words are one."""
    parties = list(dict.fromkeys(one.party for one in requirements))
    steps = [step for one in requirements for step in _steps(one)]
    steps.sort(
        key=lambda step: (
            rank(step.when),
            rank(step.act),
            parties.index(step.party),
            SCOPES.index(kind_of(step.scopes[0])),
        )
    )
    return tuple(_together(steps))


def _steps(one: Requirement) -> list[Step]:
    act = ACTS.get(one.start)
    if act is None:
        return []
    first = first_moment(one.start, one.when)
    if first is When.BEFORE_CALL:  # Nobody is there yet to hear a word.
        found = [Step(first, Act.CHECK, one.party, (one.scope,), ())]
    else:
        found = [Step(first, act, one.party, (one.scope,), one.wordings[:1])]
    if When.END in one.when:
        found.append(Step(When.END, Act.TELL, one.party, (one.scope,), one.wordings[1:]))
    return found


def _together(steps: Sequence[Step]) -> list[Step]:
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        if (
            last is not None
            and (last.when, last.act, last.party) == (step.when, step.act, step.party)
            and (step.act in (Act.TELL, Act.CONFIRM) or _in_the_same_words(last, step))
        ):
            scopes, wordings = (*last.scopes, *step.scopes), (*last.wordings, *step.wordings)
            wordings = tuple(dict.fromkeys(wordings))
            found[-1] = Step(last.when, last.act, last.party, scopes, wordings)
        else:
            found.append(step)
    return found


def _in_the_same_words(one: Step, other: Step) -> bool:
    return one.act is Act.ASK and one.wordings == other.wordings
