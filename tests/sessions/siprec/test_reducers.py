"""When a recorder of others may be called, and what is due with it, as the rows tell it."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from consent.machine import Event
from recordings.tables import Recording, RecordingState
from runtime import Refused, Sealed
from runtime.store import Store
from sessions.consent_reducers import consent_withdrawn
from sessions.reducers import call_ended
from sessions.retention.tables import Disclosure
from sessions.siprec import rules
from sessions.siprec.reducers import (
    recorder_agreed,
    recorder_invited,
    recorder_left,
    recording_elsewhere,
    tap_planned,
)
from sessions.siprec.rules import ATTEMPTS_MAX, RETRY_S, Step, step
from sessions.siprec.tables import RecordingElsewhere, RecordingSession, SessionState
from sessions.tables import Call, CallState, Leg
from tests.asked import answers, asked
from tests.sessions.test_reducers import CALL, answered

pytestmark = pytest.mark.anyio

WHERE: Sealed[str] = Sealed("key_c", b"box", b"commitment")
NOW = 1_800_000_000_000_000


async def act(store: Store, reducer: Any, **args: Any) -> Any:
    return await store.act(reducer, sender="node", scope=CALL, **args)


async def granted(store: Store) -> None:
    await answered(store)
    await asked(store, CALL, "u1")
    assert await answers(store, CALL, Event.YES_KEY)


async def invited(store: Store) -> str:
    session: str = await act(store, recorder_invited, call=CALL, recorder="vault")
    return session


def leg(session: str) -> Leg:
    return Leg(
        id=f"{session}.1",
        call=CALL,
        codec="PCMU",
        payload_type=0,
        dtmf_payload_type=None,
        port=4_000,
        remote_host=WHERE,
        remote_port=9,
        ssrc=1,
        seq0=2,
        ts0=3,
        epoch_us=4,
        direction="inactive",
    )


async def test_no_recorder_is_called_before_the_grant(store: Store) -> None:
    await answered(store)
    with pytest.raises(Refused, match="is not recorded now"):
        await invited(store)
    await asked(store, CALL, "u1")
    with pytest.raises(Refused, match="is not recorded now"):
        await invited(store)
    await answers(store, CALL, Event.NO, keys={})
    with pytest.raises(Refused, match="is not recorded now"):
        await invited(store)
    assert await store.reader.rows(RecordingSession) == []
    assert await store.reader.rows(Disclosure) == []


async def test_who_is_given_the_voices_stands_in_the_commit_that_calls_them(store: Store) -> None:
    await granted(store)
    await invited(store)
    (row,) = await store.reader.rows(Disclosure)
    assert (row.call, row.recipient) == (CALL, "recorder vault")
    assert row.artefacts == ("audio", "call_metadata")
    with pytest.raises(Refused, match="has a session with vault"):
        await invited(store)


async def test_after_a_withdrawal_no_recorder_is_called_any_more(store: Store) -> None:
    await granted(store)
    session = await invited(store)
    await act(store, recorder_left, session=session, why="refused with 503", again=True)
    await store.act(consent_withdrawn, sender="node", scope=CALL, call=CALL)
    with pytest.raises(Refused, match="is not recorded now"):
        await invited(store)


async def test_what_a_recorder_takes_and_is_told_is_in_the_rows(store: Store) -> None:
    await granted(store)
    session = await invited(store)
    await act(store, tap_planned, call=CALL, leg=leg(session))
    sends = replace(leg(session), direction="sendonly", remote_port=9_000)
    await act(store, recorder_agreed, session=session, legs=(sends,), is_sending=True)
    assert await store.reader.rows(Leg, id=f"{session}.1") == [sends]
    (up,) = await store.reader.rows(RecordingSession)
    assert (up.state, up.is_sending, up.up_us is not None) == (SessionState.UP, True, True)
    await act(store, recorder_agreed, session=session, legs=(), is_sending=False)
    (told,) = await store.reader.rows(RecordingSession)
    assert (told.is_sending, told.up_us) == (False, up.up_us)
    assert told.since_us > up.since_us


async def test_a_session_that_is_over_stays_over(store: Store) -> None:
    await granted(store)
    session = await invited(store)
    await act(store, recorder_left, session=session, why="the call is over", again=False)
    for again in (
        act(store, recorder_left, session=session, why="remote", again=True),
        act(store, recorder_agreed, session=session, legs=(), is_sending=True),
    ):
        with pytest.raises(Refused, match="is over"):
            await again
    with pytest.raises(Refused, match="was given up"):
        await invited(store)


async def test_a_recorder_that_fails_is_tried_so_often_and_no_more(store: Store) -> None:
    await granted(store)
    waits: list[int] = []
    for _ in range(ATTEMPTS_MAX):
        session = await invited(store)
        await act(store, recorder_left, session=session, why="timed out", again=True)
        (row,) = await store.reader.rows(RecordingSession, id=session)
        if row.retry_us is not None and row.over_us is not None:
            waits.append((row.retry_us - row.over_us) // 1_000_000)
    assert waits == [*RETRY_S, *itertools.repeat(RETRY_S[-1], ATTEMPTS_MAX - 1 - len(RETRY_S))]
    with pytest.raises(Refused, match="was given up"):
        await invited(store)


async def test_nothing_begins_for_a_call_that_is_over(store: Store) -> None:
    await granted(store)
    await act(store, call_ended, call=CALL, by="caller")
    with pytest.raises(Refused):
        await invited(store)


async def test_an_incident_is_noted_once_for_a_call(store: Store) -> None:
    await answered(store)
    for _ in range(2):
        await act(store, recording_elsewhere, call=CALL, how="a=record:on")
    (row,) = await store.reader.rows(RecordingElsewhere)
    assert (row.call, row.how) == (CALL, "a=record:on")


async def rows(store: Store) -> tuple[Call, Recording, RecordingSession]:
    await granted(store)
    await invited(store)
    (call,) = await store.reader.rows(Call)
    (recording,) = await store.reader.rows(Recording)
    (session,) = await store.reader.rows(RecordingSession)
    return call, recording, session


async def test_what_is_due_follows_from_the_rows_alone(store: Store) -> None:
    call, recording, ordered = await rows(store)
    paused = replace(recording, state=RecordingState.SUSPENDED, suspended_us=NOW)
    over = replace(call, state=CallState.ENDED)
    up = replace(ordered, state=SessionState.UP)
    told = replace(up, is_sending=False)
    failed = replace(ordered, state=SessionState.OVER, retry_us=NOW)
    done = replace(failed, retry_us=None)
    table: list[tuple[Call | None, Recording | None, RecordingSession | None, Step]] = [
        (call, None, None, Step.NOTHING),
        (call, recording, None, Step.BEGIN),
        (call, paused, None, Step.NOTHING),
        (over, recording, None, Step.NOTHING),
        (call, recording, ordered, Step.INVITE),
        (call, recording, up, Step.NOTHING),
        (call, paused, up, Step.TELL),
        (call, paused, told, Step.NOTHING),
        (call, recording, told, Step.TELL),
        (over, recording, up, Step.END),
        (over, recording, ordered, Step.END),
        (None, None, up, Step.END),
        (call, replace(recording, state=RecordingState.SEALED), up, Step.END),
        (call, recording, failed, Step.BEGIN),
        (call, paused, failed, Step.NOTHING),
        (call, recording, replace(failed, retry_us=NOW + 1), Step.WAIT),
        (call, recording, done, Step.NOTHING),
        (over, recording, done, Step.NOTHING),
    ]
    for one, two, three, wanted in table:
        assert step(one, two, three, NOW) is wanted, (one, two, three)


async def test_the_latest_session_counts_of_each_recorder(store: Store) -> None:
    _, _, session = await rows(store)
    second = replace(session, id="s2", attempt=2)
    other = replace(session, id="s3", attempt=7, recorder="other")
    assert rules.latest([second, other, session], "vault") == second
    assert rules.latest([], "vault") is None
