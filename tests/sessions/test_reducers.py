"""A call as its reducers tell it, on a real store."""

from typing import Any

import pytest

from consent.machine import Event, State
from consent.tables import ConsentEvent, ConsentKey
from conversation.tables import Turn
from recordings.reducers import chunk_sealed, recording_sealed
from recordings.tables import Chunk, Recording
from runtime import Refused, Sealed
from runtime.outbox import Effect
from runtime.store import Store
from sessions.reducers import (
    call_answered,
    call_ended,
    call_offered,
    call_rang,
    call_sealed,
    caller_acted,
)
from sessions.tables import Call, CallState
from tests import asked as consent
from transcripts.tables import Segment

pytestmark = pytest.mark.anyio

CALL = "c1"
KEYS = {"caller": "key_c", "agent": "key_a"}
WHO: Sealed[str] = Sealed("key_c", b"box", b"commitment")
TEXT: Sealed[str] = Sealed("key_w", b"box", b"commitment")


async def act(store: Store, reducer: Any, **args: Any) -> Any:
    return await store.act(reducer, sender="node", scope=CALL, **args)


async def answered(store: Store) -> None:
    await act(
        store,
        call_offered,
        call=CALL,
        line="sip",
        remote=WHO,
        local=WHO,
        agent="x:Y",
        words_key="key_w",
    )
    await act(store, call_rang, call=CALL)
    await act(store, call_answered, call=CALL, **consent.ASK)


async def asked(store: Store, utterance: str = "u1") -> None:
    await consent.asked(store, CALL, utterance)


async def answer(store: Store, given: Event) -> bool:
    return await consent.answers(store, CALL, given)


def chunk(**changes: Any) -> Chunk:
    fields: dict[str, Any] = {
        "id": "k1",
        "call": CALL,
        "party": "caller",
        "epoch": 1,
        "n": 0,
        "key_id": "key_c",
        "first_sample": 0,
        "samples": 8_000,
        "sha256": "00",
        "bytes": 16_016,
        "path": "c1/caller-1-0.chunk",
        "captured_from_us": 2**52,
        "at_us": 0,
    }
    return Chunk(**(fields | changes))


def segment() -> Segment:
    return Segment(
        id="s1",
        call=CALL,
        party="caller",
        text=TEXT,
        start_us=1,
        end_us=2,
        engine="e",
        kind="grammar",
        confidence_permille=900,
    )


async def test_a_grant_its_keys_and_the_recording_are_born_in_one_commit(store: Store) -> None:
    await answered(store)
    await asked(store)
    before = await store.reader.rows(Recording)

    assert await answer(store, Event.YES_KEY)

    assert before == []
    (recording,) = await store.reader.rows(Recording)
    grants = await store.reader.rows(ConsentEvent, state=State.GRANTED)
    assert {grant.scope for grant in grants} == {"recording", "transcript_retention"}
    keys = await store.reader.rows(ConsentKey)
    assert {key.party: key.id for key in keys} == KEYS
    assert {one.at_us for one in grants} | {key.at_us for key in keys} == {recording.began_us}
    (entry,) = await store.reader.sql("SELECT count(*) FROM log WHERE at_us = ?", [grants[0].at_us])
    assert entry == (1,)


async def test_a_refusal_gives_no_key_any_life_and_the_call_goes_on(store: Store) -> None:
    await answered(store)
    await asked(store)

    assert not await answer(store, Event.NO)

    assert await store.reader.rows(Recording) == []
    assert [turn.cause for turn in await store.reader.rows(Turn)] == ["enter"]
    with pytest.raises(Refused):
        await act(store, chunk_sealed, chunk=chunk())


async def test_an_answer_before_the_must_hear_mark_is_refused(store: Store) -> None:
    await answered(store)
    await consent.put(store, CALL)

    with pytest.raises(Refused, match="means nothing"):
        await answer(store, Event.YES_KEY)


async def test_a_spoken_yes_asks_again_before_it_grants(store: Store) -> None:
    await answered(store)
    await asked(store)
    assert not await answer(store, Event.YES_VOICE)
    questions = [row for row in await store.reader.rows(Effect) if row.kind == "sessions.ask"]
    assert len(questions) == 2
    assert await store.reader.rows(Recording) == []

    await asked(store, "u2")
    assert await answer(store, Event.YES_VOICE)


async def test_words_of_a_caller_who_did_not_agree_are_not_kept(store: Store) -> None:
    await answered(store)
    await asked(store)
    await answer(store, Event.NO)

    with pytest.raises(Refused, match="agreed"):
        await act(store, caller_acted, call=CALL, turn="t", cause="heard", segment=segment())

    assert await store.reader.rows(Segment) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"key_id": "key_x"}, "nobody granted"),
        ({"party": "agent"}, "nobody granted"),
        ({"captured_from_us": 1}, "before its grant"),
        ({"epoch": 2}, "no gate is open"),
    ],
)
async def test_a_chunk_without_its_grant_is_refused(
    store: Store, changes: dict[str, Any], why: str
) -> None:
    await answered(store)
    await asked(store)
    await answer(store, Event.YES_KEY)
    await act(store, chunk_sealed, chunk=chunk())

    with pytest.raises(Refused, match=why):
        await act(store, chunk_sealed, chunk=chunk(id="k2", n=1, **changes))


async def test_a_call_is_sealed_only_after_its_recording(store: Store) -> None:
    await answered(store)
    await asked(store)
    await answer(store, Event.YES_KEY)
    await act(store, call_ended, call=CALL, by="caller")

    with pytest.raises(Refused, match="still open"):
        await act(store, call_sealed, call=CALL, forgotten=False)

    await act(store, recording_sealed, call=CALL)
    await act(store, call_sealed, call=CALL, forgotten=False)
    (row,) = await store.reader.rows(Call)
    assert row.state is CallState.SEALED


async def test_nothing_happens_in_a_call_that_is_over(store: Store) -> None:
    await answered(store)
    await asked(store)
    await act(store, call_ended, call=CALL, by="caller")

    for late in (
        answer(store, Event.YES_KEY),
        act(store, caller_acted, call=CALL, turn="t", cause="dtmf:1", segment=None),
        act(store, call_ended, call=CALL, by="agent"),
    ):
        with pytest.raises(Refused):
            await late
