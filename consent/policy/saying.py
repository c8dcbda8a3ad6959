"""In which words a requirement is said, when, and what is said in one sentence.

Who is asked everything at once agrees to nothing freely: what the call needs is one question
where one answer decides it, and what can be asked later is asked after the call.
"""

from collections.abc import Sequence
from dataclasses import replace

from consent.policy.plan import Requirement, Start
from consent.policy.terms import When, kind_of
from consent.wordings import language_of, newest

DOES = {Start.NOTICE_DUE: "notice", Start.CONFIRM_DUE: "standing", Start.ASK_DUE: "ask"}

SAID = (
    "ai-interaction",
    "live-stt",
    "recording",
    "transcript-retention",
    "vendor",
    "monitoring",
    "outbound-ai-voice",
    "quality-analysis",
    "training",
    "ai-health",
    "recording-trading",
    "recording-and-transcript",
)
"""All that there are words about: the scopes that may ever be open, and what replaces them."""

TOGETHER = (("recording", "transcript_retention", "recording-and-transcript"),)
"""Two scopes that are one sentence, and its words: a transcript is a recording in writing."""


def about(scope: str) -> str:
    """What the words about a scope are called, where no cell says otherwise."""
    return kind_of(scope).replace("_", "-")


def spoken_in(scope: str, language: str) -> str:
    """The language in which a scope is spoken of: this one, or English where it has no words."""
    return language_of([f"{about(scope)}-{does}" for does in DOES.values()], language)


def first_moment(start: Start, when: Sequence[When]) -> When:
    """When it is said for the first time. What may be asked after the call waits until then:
    unasked is closed."""
    if start is Start.ASK_DUE and When.AFTER_CALL in when:
        return When.AFTER_CALL
    return next((moment for moment in when if moment is not When.END), When.START)


def wordings_of(stem: str, start: Start, when: Sequence[When], language: str) -> tuple[str, ...]:
    """The names of what is said: "recording-ask-de-1"; one more where it is said again at the
    end. Before a call nobody is there to hear a word."""
    if start not in DOES or first_moment(start, when) is When.BEFORE_CALL:
        return ()
    names = (f"{stem}-{DOES[start]}", *([f"{stem}-closing"] if When.END in when else ()))
    found = [newest(f"{name}-{language}") for name in names]
    return tuple(one.id for one in found if one is not None)


def in_one_sentence(requirements: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """What can be said in one sentence is."""
    found = list(requirements)
    for one, other, stem in TOGETHER:
        for first in [each for each in found if each.scope == one]:
            second = next(
                (each for each in found if (each.party, each.scope) == (first.party, other)), None
            )
            if second is not None and _go_together(first, second):
                said = wordings_of(stem, first.start, first.when, first.language)
                found[found.index(first)] = replace(first, wordings=said)
                found[found.index(second)] = replace(second, wordings=said)
    return tuple(found)


def _go_together(first: Requirement, second: Requirement) -> bool:
    """One answer is enough: it means the same for both, and no cell has words of its own."""
    return first.start in DOES and all(
        (
            first.start is second.start,
            first.when == second.when,
            first.language == second.language,
            first.on_no is second.on_no,
            first.implied_after_s == second.implied_after_s,
            first.must_record == second.must_record,
            all(_own_words(each) for each in (first, second)),
        )
    )


def _own_words(one: Requirement) -> bool:
    return one.wordings == wordings_of(about(one.scope), one.start, one.when, one.language)
