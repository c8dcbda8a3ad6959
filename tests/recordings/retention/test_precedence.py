"""The table of precedence in full: every trigger against all that can stand against it."""

import itertools

import pytest

from recordings.retention.precedence import (
    DAY_US,
    RESIDUAL,
    SPANS,
    TABLE,
    WORDS,
    Artefact,
    Facts,
    Outcome,
    Standing,
    Terms,
    Trigger,
    joint,
    precedence,
)

BEGAN_US = 1_800_000_000_000_000
MINIMUM, MAXIMUM = 100, 200

EXECUTE, REFUSE, RESTRICT = Outcome.EXECUTE, Outcome.REFUSE, Outcome.RESTRICT
WAIT, KEEP, SHRED, ASK = Outcome.WAIT, Outcome.KEEP, Outcome.SHRED_SPAN, Outcome.ASK_COUNSEL


def terms(artefact: Artefact = Artefact.AUDIO, maximum: int | None = MAXIMUM) -> Terms:
    return Terms(artefact, MINIMUM, "the Act", maximum, "the Regulation", "2026-11-21")


def facts(
    *, held: bool = False, locked_days: int = 0, there: bool = True, counsel: bool = False
) -> Facts:
    holds = ("hold_1",) if held else ()
    locked_us = BEGAN_US + locked_days * DAY_US if locked_days else 0
    return Facts(BEGAN_US, holds, locked_us, "the authority's letter", there, counsel)


def at(days: int) -> int:
    return BEGAN_US + days * DAY_US


# Section by section: trigger, held, day, and what becomes of the audio.
LAW = [
    # An erasure request: a hold refuses it, a lock delays it, else it is done.
    (Trigger.ERASURE, True, 50, REFUSE),
    (Trigger.ERASURE, True, 150, REFUSE),
    (Trigger.ERASURE, True, 250, REFUSE),
    (Trigger.ERASURE, False, 50, RESTRICT),
    (Trigger.ERASURE, False, 150, EXECUTE),
    (Trigger.ERASURE, False, 250, EXECUTE),
    # Consent withdrawn, and erase: the same.
    (Trigger.WITHDRAWAL, True, 50, REFUSE),
    (Trigger.WITHDRAWAL, True, 150, REFUSE),
    (Trigger.WITHDRAWAL, True, 250, REFUSE),
    (Trigger.WITHDRAWAL, False, 50, RESTRICT),
    (Trigger.WITHDRAWAL, False, 150, EXECUTE),
    (Trigger.WITHDRAWAL, False, 250, EXECUTE),
    # Expiry: not due, then due; a hold makes it wait.
    (Trigger.EXPIRY, True, 50, KEEP),
    (Trigger.EXPIRY, True, 150, KEEP),
    (Trigger.EXPIRY, True, 250, WAIT),
    (Trigger.EXPIRY, False, 50, KEEP),
    (Trigger.EXPIRY, False, 150, KEEP),
    (Trigger.EXPIRY, False, 250, EXECUTE),
    # A card number: the span goes, whatever stands against it.
    *((Trigger.CARD_FOUND, held, day, SHRED) for held in (True, False) for day in (50, 150, 250)),
]


@pytest.mark.parametrize(("trigger", "held", "day", "outcome"), LAW)
def test_the_law_for_audio(trigger: Trigger, held: bool, day: int, outcome: Outcome) -> None:
    found = precedence(terms(), trigger, facts(held=held, counsel=True), at(day))
    assert found.outcome is outcome
    assert found.rule in found.trace


def test_every_trigger_has_an_answer_to_every_standing() -> None:
    assert {(one, other) for one, row in TABLE.items() for other in row} == {
        *itertools.product(Trigger, Standing)
    }


EVERYTHING = itertools.product(
    Artefact,
    Trigger,
    (True, False),
    (0, 300),
    (True, False),
    (True, False),
    (0, 99, 100, 199, 200, 299, 300, 400),
)


def test_no_combination_breaks_the_precedence() -> None:
    counted = 0
    for artefact, trigger, held, locked_days, there, counsel, day in EVERYTHING:
        counted += 1
        known = facts(held=held, locked_days=locked_days, there=there, counsel=counsel)
        found = precedence(terms(artefact), trigger, known, at(day))
        assert found.artefact is artefact and found.trace and found.rule in found.trace
        if found.outcome in (REFUSE, WAIT) and held:
            assert found.rule == "legal hold hold_1"
        if not there:
            assert found.outcome is Outcome.NOTHING
        elif trigger is Trigger.CARD_FOUND:
            stands = held or day < max(MINIMUM, locked_days)
            spans = SHRED if counsel or not stands else ASK
            assert found.outcome is (spans if artefact in SPANS else KEEP)
        elif artefact in RESIDUAL:
            assert (found.outcome, found.until_us) == (KEEP, None)
        else:
            locked = day < max(MINIMUM, locked_days)
            due = trigger is not Trigger.EXPIRY or day >= MAXIMUM
            # What is destroyed was neither held nor locked, and was due.
            gone = not held and not locked and due
            assert (found.outcome is EXECUTE) == gone
            if found.outcome is RESTRICT:
                assert found.until_us == at(max(MINIMUM, locked_days))
    assert counted == len(Artefact) * len(Trigger) * 2 * 2 * 2 * 2 * 8


def test_a_lock_of_the_call_outlasts_the_policys() -> None:
    found = precedence(terms(), Trigger.ERASURE, facts(locked_days=300), at(150))
    assert (found.outcome, found.until_us) == (RESTRICT, at(300))
    assert found.rule == "statutory lock: the authority's letter"
    over = precedence(terms(), Trigger.EXPIRY, facts(locked_days=300), at(250))
    assert (over.outcome, over.until_us) == (WAIT, at(300))


def test_a_shorter_lock_of_the_call_changes_nothing() -> None:
    found = precedence(terms(), Trigger.ERASURE, facts(locked_days=10), at(50))
    assert (found.until_us, found.rule) == (at(MINIMUM), "statutory lock: the Act")


def test_a_refusal_says_the_rule_and_a_delay_its_end() -> None:
    held = precedence(terms(), Trigger.ERASURE, facts(held=True), at(150))
    assert (held.rule, held.until_us) == ("legal hold hold_1", None)
    locked = precedence(terms(), Trigger.ERASURE, facts(), at(50))
    assert (locked.rule, locked.until_us) == ("statutory lock: the Act", at(MINIMUM))


def test_what_has_no_maximum_never_expires() -> None:
    found = precedence(terms(maximum=None), Trigger.EXPIRY, facts(), at(100_000))
    assert (found.outcome, found.until_us) == (KEEP, None)


def test_what_is_not_due_says_when_it_is() -> None:
    found = precedence(terms(), Trigger.EXPIRY, facts(), at(150))
    assert (found.outcome, found.until_us) == (KEEP, at(MAXIMUM))


def test_a_card_number_under_a_hold_is_shredded_and_the_hold_is_named() -> None:
    found = precedence(terms(), Trigger.CARD_FOUND, facts(held=True, counsel=True), at(50))
    assert found.outcome is SHRED
    assert found.trace[0] == "legal hold hold_1: not against PCI"
    assert "PCI DSS 3.3.1" in found.rule


def test_words_under_one_key_have_one_fate() -> None:
    long = Terms(Artefact.TRANSCRIPT, 300, "the Act", 400, "ours", "e")
    short = Terms(Artefact.ACTIONS_PII, 0, "", 350, "theirs", "e")
    both = joint([terms(), long, short])
    assert [(one.minimum_days, one.maximum_days) for one in both] == [(100, 200), *[(300, 350)] * 2]
    assert {one.minimum_source for one in both if one.artefact in WORDS} == {"the Act"}
