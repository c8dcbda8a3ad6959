"""The law of the house: walked in full, and by chance."""

import random

import pytest

from consent.machine import (
    DUE,
    LISTENING,
    OPENING,
    ROWS,
    Due,
    Event,
    Reason,
    Row,
    Standing,
    State,
    after,
    row_of,
)

GRANTING = (6, 8, 11, 12, 16, 17, 33)
"""The rows that lead into a state which opens a gate."""
REOPENING = (23, 24, 26)

STANDINGS_MAX = 20_000
STEPS, WALKS = 60, 3_000


def every_standing() -> dict[Standing, tuple[Event, ...]]:
    """All that can be reached, each with a shortest way; epochs aside, there are not many."""
    found: dict[Standing, tuple[Event, ...]] = {Standing(): ()}
    last = dict(found)
    while last and len(found) < STANDINGS_MAX:
        following: dict[Standing, tuple[Event, ...]] = {}
        for standing, way in last.items():
            for event in Event:
                if (row := row_of(standing, event)) is None:
                    continue
                there = without_epoch(after(standing, row))
                if there not in found:
                    found[there] = following[there] = (*way, event)
        last = following
    assert not last, "the walk has not seen everything: make it deeper"
    return found


def without_epoch(standing: Standing) -> Standing:
    return Standing(
        standing.state,
        tuple(sorted(standing.closed_by)),
        0,
        standing.replays,
        standing.volunteered,
        standing.implied,
    )


EVERY = every_standing()


def test_the_table_has_the_35_rows() -> None:
    assert sorted({row.number for row in ROWS}) == list(range(1, 36))


def test_every_state_and_every_event_is_reached() -> None:
    assert {standing.state for standing in EVERY} == set(State)
    told = {event for standing in EVERY for event in Event if row_of(standing, event)}
    assert told == set(Event)


def test_one_event_has_one_meaning() -> None:
    for standing in EVERY:
        for event in Event:
            rows = [
                row
                for row in ROWS
                if row.event is event and standing.state in row.states and row.first_time is None
            ]
            assert len(rows) <= 1, (standing, rows)


def test_a_gate_opens_by_the_granting_rows_alone() -> None:
    for standing in EVERY:
        for event in Event:
            row = row_of(standing, event)
            if row is not None and after(standing, row).is_open and not standing.is_open:
                assert row.number in (*GRANTING, *REOPENING), (standing, row)
                assert Due.OPEN in row.due


def test_who_has_no_grant_is_not_recorded_by_the_end_of_a_pause() -> None:
    for standing in EVERY:
        for event in Event:
            row = row_of(standing, event)
            if row is not None and row.number in REOPENING and standing.state not in OPENING:
                assert not after(standing, row).is_open


@pytest.mark.parametrize("seed", range(20))
def test_no_sequence_of_events_opens_a_gate_but_through_a_granting_row(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(WALKS // 20):
        standing, granted = Standing(), False
        for event in chance.choices(list(Event), k=STEPS):
            if (row := row_of(standing, event)) is None:
                continue
            before, standing = standing, after(standing, row)
            granted = (granted or row.number in GRANTING) and standing.state in OPENING
            assert not standing.is_open or granted
            assert standing.epoch - before.epoch == (standing.is_open != before.is_open)


def test_a_closing_is_due_whenever_a_gate_closes() -> None:
    for standing in EVERY:
        for event in Event:
            row = row_of(standing, event)
            if row is not None and standing.is_open and not after(standing, row).is_open:
                assert Due.CLOSE in row.due, (standing, row)


def test_silence_and_unclear_words_never_grant() -> None:
    for state in State:
        for event in (Event.SILENCE, Event.UNCLEAR, Event.CUT_SHORT):
            row = row_of(Standing(state), event)
            assert row is None or row.to not in OPENING


def test_an_answer_nobody_asked_for_means_nothing() -> None:
    for state in set(State) - set(LISTENING):
        for event in (Event.YES_KEY, Event.YES_VOICE, Event.STAYED):
            assert row_of(Standing(state), event) is None


def test_a_spoken_yes_is_read_back_before_it_counts() -> None:
    standing = told(Event.JOINED, Event.CONSENT_REQUIRED, Event.HEARD, Event.YES_VOICE)
    assert standing.state is State.READ_BACK_DUE
    assert told_from(standing, Event.HEARD, Event.YES_VOICE).is_open


def test_who_withdrew_is_never_recorded_under_the_same_grant() -> None:
    for standing in EVERY:
        if standing.state is State.WITHDRAWN:
            for event in Event:
                row = row_of(standing, event)
                moved = standing if row is None else after(standing, row)
                assert not moved.is_open or moved.state is State.VITAL


def test_a_pause_inside_a_pause_ends_when_both_have() -> None:
    granted = told(Event.JOINED, Event.CONSENT_REQUIRED, Event.HEARD, Event.YES_KEY)
    both = told_from(granted, Event.CAPTURE_BEGAN, Event.HELD, Event.CAPTURE_ENDED)
    assert not both.is_open and both.closed_by == (Reason.HOLD,)
    assert told_from(both, Event.RESUMED).is_open


def test_withdrawn_in_a_pause_stays_closed_after_it() -> None:
    granted = told(Event.JOINED, Event.CONSENT_REQUIRED, Event.HEARD, Event.YES_KEY)
    gone = told_from(granted, Event.HELD, Event.WITHDRAWN, Event.RESUMED)
    assert not gone.is_open and gone.state is State.WITHDRAWN


def test_who_refused_may_come_back_to_it_once() -> None:
    ways = (Event.VOLUNTEERED, Event.HEARD, Event.NO)
    refused = told(Event.JOINED, Event.CONSENT_REQUIRED, Event.HEARD, Event.NO)
    again = told_from(refused, *ways)
    assert again.state is State.REFUSED
    assert row_of(again, Event.VOLUNTEERED) is None


def test_a_party_is_asked_at_most_so_often() -> None:
    """Asked, asked again or read back; once more where they come back to it."""
    for way in EVERY.values():
        standing, asked = Standing(), 0
        for event in way:
            row = row_of(standing, event)
            assert row is not None
            asked += row.due in ((Due.ASK,), (Due.ASK_AGAIN,)) and event is not Event.CUT_SHORT
            standing = after(standing, row)
        volunteered = sum(event is Event.VOLUNTEERED for event in way)
        changed = sum(event is Event.CHANGED for event in way)
        assert asked <= 2 * (1 + volunteered + changed)


def test_every_state_that_is_due_says_what_is_to_be_played() -> None:
    for row in ROWS:
        if row.to in DUE:
            assert row.due, row


def told(*events: Event) -> Standing:
    return told_from(Standing(), *events)


def told_from(standing: Standing, *events: Event) -> Standing:
    for event in events:
        row: Row | None = row_of(standing, event)
        assert row is not None, (standing, event)
        standing = after(standing, row)
    return standing
