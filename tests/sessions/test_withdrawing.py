"""Withdrawal in a call: by words, by keys; that it stops, and that it goes, are two wishes."""

import pytest

from consent.machine import Event, State
from consent.tables import ConsentEvent
from conversation.tables import Turn
from recordings.tables import Recording, RecordingState
from runtime import canonical
from runtime.outbox import Effect
from runtime.store import Store
from sessions.consent_reducers import consent_withdrawn
from sessions.retention.tables import Erasure, ErasureState
from sessions.wish_reducers import erasure_wanted, past_kept
from tests import asked as consent
from transcripts.tables import Segment

from .test_attending import CALL, Desk, desk, recording_of
from .test_bridge_reducers import act, agrees, up

__all__ = ["desk"]

pytestmark = pytest.mark.anyio


async def told(store: Store) -> list[list[str]]:
    """What the house says to the party, in order."""
    rows = [row for row in await store.reader.rows(Effect) if row.kind == "sessions.tell"]
    return [
        canonical.decode(row.args.encode())["what"]
        for row in sorted(rows, key=lambda row: (row.created_us, row.id))
    ]


async def erasures(store: Store) -> list[ErasureState]:
    return [row.state for row in await store.reader.rows(Erasure, call=CALL)]


async def all_words(desk: Desk) -> list[Segment]:
    return await desk.house.store.reader.rows(Segment, call=CALL, party="caller")


async def says(desk: Desk, event: str, text: str) -> None:
    """It is said and understood; what they say next is looked at only once that was."""
    desk.says(event)
    await desk.recogniser.answer(text)


async def test_words_stop_the_recording_and_are_neither_kept_nor_answered(desk: Desk) -> None:
    await agrees(desk.house.store, CALL)
    await says(desk, "m-1", "please stop recording me")
    await says(desk, "m-2", "hello")
    assert await desk.turns(2) == ["enter", "heard"]
    assert await recording_of(desk) is State.WITHDRAWN
    events = await desk.house.store.reader.rows(ConsentEvent, event=Event.WITHDRAWN)
    assert {one.method for one in events} == {"voice:x"}
    (row,) = await desk.house.store.reader.rows(Recording)
    assert row.state is RecordingState.SUSPENDED
    assert await all_words(desk) == []
    assert await erasures(desk.house.store) == []


async def test_words_that_want_it_deleted_stop_nothing_and_two_people_decide(desk: Desk) -> None:
    await agrees(desk.house.store, CALL)
    await says(desk, "m-1", "I want you to delete the recording")
    await says(desk, "m-2", "delete my recording")
    await says(desk, "m-3", "hello")
    assert await desk.turns(2) == ["enter", "heard"]
    assert await recording_of(desk) is State.GRANTED
    assert await erasures(desk.house.store) == [ErasureState.QUEUED]


async def test_words_of_a_party_who_never_agreed_stop_nothing(desk: Desk) -> None:
    await agrees(desk.house.store, CALL, Event.NO)
    await says(desk, "m-1", "please stop recording me")
    assert await desk.turns(2) == ["enter", "heard"]
    assert await recording_of(desk) is State.REFUSED


async def test_a_key_answers_the_offer_to_erase_while_it_stands(desk: Desk) -> None:
    await agrees(desk.house.store, CALL)
    await act(desk.house.store, consent_withdrawn, CALL)
    desk.presses("1", "m-1")
    assert await desk.turns(2) == ["enter", "dtmf"]
    desk.live.past_asked_until_us = desk.house.clock() + 1_000_000_000
    desk.presses("1", "m-2")
    desk.presses("1", "m-3")
    assert await desk.turns(3) == ["enter", "dtmf", "dtmf"]
    assert await erasures(desk.house.store) == [ErasureState.QUEUED]


async def test_the_offer_comes_once_after_what_has_stopped_is_said(store: Store) -> None:
    await up(store, CALL)
    await agrees(store, CALL)
    await act(store, consent_withdrawn, CALL)
    assert await told(store) == [["recording-stopped", "erasure-ask"]]


async def test_a_no_to_the_offer_keeps_what_there_is(store: Store) -> None:
    await up(store, CALL)
    await agrees(store, CALL)
    await act(store, past_kept, CALL, method="dtmf:2")
    assert await told(store) == [["erasure-kept"]]
    assert await erasures(store) == []


async def test_the_same_wish_twice_is_one_erasure_and_told_twice(store: Store) -> None:
    await up(store, CALL)
    await agrees(store, CALL)
    first = await act(store, erasure_wanted, CALL, method="dtmf:1")
    assert await act(store, erasure_wanted, CALL, method="voice:x") == first
    assert await told(store) == [["erasure-noted"], ["erasure-noted"]]
    assert (await store.reader.rows(Turn, call=CALL, cause="heard")) == []
    assert consent.RECORDING in await consent.standings(store, CALL)
