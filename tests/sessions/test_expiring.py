"""A consent on file that ends during the call: row 30 of the machine."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.filed import consent_filed
from consent.machine import Event, State
from consent.policy.plan import Start
from consent.tables import ConsentEvent
from consent.terms import Term, ask_terms
from recordings.tables import Recording, RecordingState
from runtime.outbox import FIRE, Effect
from runtime.store import Store
from sessions.consent_reducers import consent_expired, consent_volunteered, consent_withdrawn
from sessions.reducers import call_ended
from tests.asked import TEXT, act, answers, due, heard, put, standings

from .test_closing import CALL, KEYS, up

pytestmark = pytest.mark.anyio

SCOPES = ("recording", "transcript_retention")


def terms(must_record: bool = False) -> tuple[Term, ...]:
    """As of who agreed before to be recorded, and is reminded of it."""
    return tuple(
        replace(
            term,
            start=Start.CONFIRM_DUE,
            wording="recording-and-transcript-standing-en-1",
            on_file="consent_1",
            must_record=must_record,
        )
        if term.scope in SCOPES
        else term
        for term in ask_terms()
    )


async def filed(store: Store, expires_us: int | None) -> None:
    await store.act(
        consent_filed,
        sender="operator",
        consent="consent_1",
        subject="tag",
        party=TEXT,
        about="recording",
        wording="recording-ask-en-1",
        wording_sha256="00",
        language="en",
        source=TEXT,
        granted_us=1,
        expires_us=expires_us,
    )


async def reminded(store: Store, expires_us: int | None, must_record: bool = False) -> None:
    """They were, and did not object: it is recorded."""
    await filed(store, expires_us)
    await up(store, terms(must_record))
    await put(store, CALL)
    assert await heard(store, CALL, keys=KEYS)


async def expires(store: Store) -> None:
    await store.act(
        consent_expired,
        sender="timer",
        scope=CALL,
        call=CALL,
        scopes=SCOPES,
        on_file="consent_1",
    )


async def state(store: Store) -> State:
    return (await standings(store, CALL))["recording"].state


async def test_a_timer_waits_for_the_moment_at_which_it_ends(
    store: Store, clock: Callable[[], int]
) -> None:
    at_us = clock() + 3_600_000_000
    await reminded(store, at_us)
    (timer,) = await store.reader.rows(Effect, kind=FIRE)
    assert (timer.due_us, timer.scope) == (at_us, CALL)
    assert "consent_expired" in timer.args


async def test_one_that_never_ends_needs_no_timer(store: Store) -> None:
    await reminded(store, None)
    assert await store.reader.rows(Effect, kind=FIRE) == []


async def test_when_it_ends_the_gate_closes_and_they_are_told(
    store: Store, clock: Callable[[], int]
) -> None:
    await reminded(store, clock() + 3_600_000_000)
    await expires(store)
    assert await state(store) is State.EXPIRED
    (row,) = await store.reader.rows(Recording)
    assert row.state is RecordingState.SUSPENDED
    ended = await store.reader.rows(ConsentEvent, event=Event.EXPIRED)
    assert [(one.number, one.evidence) for one in ended] == [(30, "consent_1")] * 2
    assert len(await store.reader.rows(Effect, kind="sessions.tell")) == 1
    assert await store.reader.rows(Effect, kind="sessions.turn_away") == []


async def test_who_agreed_anew_in_the_call_is_recorded_on(
    store: Store, clock: Callable[[], int]
) -> None:
    await reminded(store, clock() + 3_600_000_000)
    await act(store, consent_withdrawn, CALL)
    await act(store, consent_volunteered, CALL)
    await put(store, CALL, "again")
    await heard(store, CALL, "again")
    await answers(store, CALL, Event.YES_KEY, {"caller": "key_c2", "agent": "key_a2"})
    assert await due(store, CALL) is None
    await expires(store)
    assert await state(store) is State.GRANTED


async def test_after_the_call_it_is_of_no_account(store: Store, clock: Callable[[], int]) -> None:
    await reminded(store, clock() + 3_600_000_000)
    await act(store, call_ended, CALL, by="caller")
    await expires(store)
    assert await state(store) is State.CLOSED


async def test_a_line_that_must_record_ends_with_it(store: Store, clock: Callable[[], int]) -> None:
    await reminded(store, clock() + 3_600_000_000, must_record=True)
    await expires(store)
    (effect,) = await store.reader.rows(Effect, kind="sessions.turn_away")
    assert "end_with_reason" in effect.args
