"""Calls that are joined, on a real store: rows, gates and ends."""

from typing import Any

import pytest

from consent import reducers as consent
from consent.machine import Event
from consent.tables import ConsentEvent
from consent.terms import ask_terms
from recordings.reducers import chunk_sealed
from recordings.tables import Chunk, Recording, RecordingState
from runtime import Context, Refused, Sealed, reducer
from runtime.outbox import Effect
from runtime.store import Store
from runtime.writer import Committed
from sessions.bridge_reducers import (
    agent_presence_changed,
    call_parted,
    part_changed,
)
from sessions.joining_reducers import calls_joined
from sessions.reducers import (
    call_answered,
    call_ended,
    call_offered,
    call_rang,
)
from telephony.bridge import Bridge, Hearing, Member, Part, Presence
from tests.asked import ASK, NEVER, answers, asked

pytestmark = pytest.mark.anyio

TEXT: Sealed[str] = Sealed("key_w", b"box", b"commitment")


async def act(store: Store, reducer: Any, call: str, **args: Any) -> Any:
    return await store.act(reducer, sender="node", scope=call, call=call, **args)


@reducer
def owed_for_later(ctx: Context, call: str) -> None:
    """Like one who was called to join others: asked once there is a recording to be asked about."""
    consent.owed(ctx, call, ask_terms())


async def up(store: Store, *calls: str, policy: str = "ask") -> None:
    for call in calls:
        await act(
            store,
            call_offered,
            call,
            line="sip",
            remote=TEXT,
            local=TEXT,
            agent="x:Y",
            words_key=f"key_{call}",
        )
        await act(store, call_rang, call)
        if policy == "later":
            await act(store, call_answered, call, terms=(), keys={})
            await act(store, owed_for_later, call)
        else:
            await act(store, call_answered, call, **(ASK if policy == "ask" else NEVER))


async def agrees(store: Store, call: str, answer: Event = Event.YES_KEY) -> None:
    await asked(store, call)
    await answers(store, call, answer, {"caller": f"key_{call}_c", "agent": f"key_{call}_a"})


async def states(store: Store) -> dict[str, tuple[RecordingState, int]]:
    rows = await store.reader.rows(Recording)
    return {row.id: (row.state, row.epoch) for row in rows}


async def heard(store: Store) -> set[str]:
    return {f"{r.listener}<{r.source}/{r.what}" for r in await store.reader.rows(Hearing)}


async def effects(store: Store, kind: str) -> list[str | None]:
    return [row.scope for row in await store.reader.rows(Effect) if row.kind == kind]


OPEN, SUSPENDED = RecordingState.OPEN, RecordingState.SUSPENDED


async def test_who_joins_closes_the_gate_in_the_same_commit(store: Store) -> None:
    await up(store, "a", "b")
    await agrees(store, "a")
    await agrees(store, "b", Event.NO)
    assert await states(store) == {"a": (OPEN, 1)}
    entries: list[Committed] = []
    store.listen(entries.extend)
    await act(store, calls_joined, "a", other="b")
    (entry,) = [committed.entry for committed in entries]
    assert {table for table, _, _ in entry.deltas} >= {"hearing", "recording", "effect"}
    assert await heard(store) == {"a<b/voice", "b<a/voice", "b<a/agent"}
    assert await states(store) == {"a": (SUSPENDED, 1)}
    assert await effects(store, "recordings.close_gate") == ["a"]
    assert await effects(store, "telephony.hear") == ["a"]


async def test_recording_goes_on_once_all_who_are_heard_have_agreed(store: Store) -> None:
    await up(store, "a", "b")
    await agrees(store, "a")
    await act(store, calls_joined, "a", other="b")
    await agrees(store, "b")
    assert await states(store) == {"a": (OPEN, 2), "b": (OPEN, 1)}


async def test_one_who_refuses_keeps_it_closed_until_they_leave(store: Store) -> None:
    await up(store, "a", "b", "c")
    await agrees(store, "a")
    await act(store, calls_joined, "a", other="b")
    await agrees(store, "b", Event.NO)
    assert await states(store) == {"a": (SUSPENDED, 1)}
    await act(store, call_parted, "a", other="b")
    assert await states(store) == {"a": (OPEN, 2)}


async def test_who_refuses_beside_others_is_told_of_in_the_record_of_each(store: Store) -> None:
    await up(store, "a", "b", "c")
    await agrees(store, "a")
    await act(store, calls_joined, "a", other="b")
    await agrees(store, "b", Event.NO)
    refused = await store.reader.rows(ConsentEvent, event=Event.JOIN_REFUSED)
    assert [(one.call, one.number, one.scope, one.is_open) for one in refused] == [
        ("a", 25, "recording", False)
    ]
    # Who is with nobody refuses for nobody else.
    await agrees(store, "c", Event.NO)
    assert len(await store.reader.rows(ConsentEvent, event=Event.JOIN_REFUSED)) == 1


async def test_a_supervisor_who_only_listens_closes_nothing_and_one_who_speaks_does(
    store: Store,
) -> None:
    await up(store, "a", "b")
    await up(store, "s", policy="later")
    await agrees(store, "a")
    await agrees(store, "b")
    await act(store, calls_joined, "a", other="b")
    pair = await heard(store)
    await act(store, calls_joined, "a", other="s", part=Part.LISTENS)
    assert await states(store) == {"a": (OPEN, 1), "b": (OPEN, 1)}
    await act(store, part_changed, "a", other="s", part=Part.WHISPERS, coached="b")
    assert await states(store) == {"a": (SUSPENDED, 1), "b": (SUSPENDED, 1)}
    # They are asked first, and hear and are heard by nobody meanwhile.
    assert sorted(map(str, await effects(store, "sessions.ask"))) == ["a", "b", "s"]
    assert await heard(store) == pair
    await agrees(store, "s")
    assert await heard(store) == {*pair, "s<a/voice", "s<b/voice", "s<a/agent", "b<s/voice"}
    assert await states(store) == {"a": (OPEN, 2), "b": (OPEN, 2), "s": (OPEN, 1)}


@pytest.mark.parametrize("answer", [Event.NO, None])
async def test_a_supervisor_who_does_not_agree_suspends_the_recording(
    store: Store, answer: Event | None
) -> None:
    await up(store, "s", policy="later")
    await up(store, "b")
    await agrees(store, "b")
    await act(store, calls_joined, "b", other="s", part=Part.LISTENS)
    await act(store, part_changed, "b", other="s", part=Part.BARGES)
    if answer is not None:
        await agrees(store, "s", answer)
    assert await states(store) == {"b": (SUSPENDED, 1)}
    assert ("b<s/voice" in await heard(store)) == (answer is not None)


async def test_the_question_to_one_of_them_is_heard_by_nobody_else(store: Store) -> None:
    await up(store, "a", "b")
    await agrees(store, "b")
    # The one who leads is still being asked: what is played to them is the question.
    await act(store, calls_joined, "a", other="b")
    assert await heard(store) == set()
    assert await states(store) == {"b": (SUSPENDED, 1)}
    await agrees(store, "a")
    assert await heard(store) == {"a<b/voice", "b<a/voice", "b<a/agent"}
    assert await states(store) == {"a": (OPEN, 1), "b": (OPEN, 2)}


async def test_one_who_joins_while_they_are_asked_is_alone_until_they_have_answered(
    store: Store,
) -> None:
    await up(store, "a", "b", "c")
    await agrees(store, "a")
    await agrees(store, "b")
    await act(store, calls_joined, "a", other="b")
    pair = await heard(store)
    await act(store, calls_joined, "a", other="c")
    assert await heard(store) == pair
    await agrees(store, "c", Event.NO)
    assert {"a<c/voice", "c<a/voice", "c<a/agent", "b<c/voice"} <= await heard(store)


async def test_nothing_captured_after_the_suspension_is_taken(store: Store) -> None:
    await up(store, "a", "b")
    await agrees(store, "a")
    await act(store, calls_joined, "a", other="b")
    (row,) = await store.reader.rows(Recording, id="a")
    assert row.suspended_us is not None
    late = Chunk(
        id="k",
        call="a",
        party="caller",
        epoch=1,
        n=0,
        key_id="key_a_c",
        first_sample=0,
        samples=8_000,
        sha256="00",
        bytes=1,
        path="p",
        captured_from_us=row.suspended_us,
        at_us=0,
    )
    with pytest.raises(Refused, match="suspended"):
        await store.act(chunk_sealed, sender="node", scope="a", chunk=late)


async def test_a_line_that_closes_leaves_its_bridge_and_the_other_goes_on_with_the_agent(
    store: Store,
) -> None:
    await up(store, "a", "b")
    await agrees(store, "a")
    await act(store, calls_joined, "a", other="b")
    await act(store, call_ended, "b", by="them")
    assert await heard(store) == set()
    (bridge,) = await store.reader.rows(Bridge)
    assert bridge.closed_us is not None
    assert await states(store) == {"a": (OPEN, 2)}
    assert await effects(store, "telephony.hang_up") == []


async def test_without_the_agent_whoever_is_left_alone_is_hung_up_on(store: Store) -> None:
    await up(store, "a", "b", policy="never")
    await act(store, calls_joined, "a", other="b")
    await act(store, agent_presence_changed, "a", presence=Presence.GONE)
    assert await heard(store) == {"a<b/voice", "b<a/voice"}
    await act(store, call_ended, "a", by="caller")
    assert await effects(store, "telephony.hang_up") == ["b"]


async def test_the_agent_leaves_with_its_line(store: Store) -> None:
    await up(store, "a", "b", "c", policy="never")
    await act(store, calls_joined, "a", other="b")
    await act(store, calls_joined, "a", other="c")
    await act(store, call_ended, "a", by="caller")
    assert await heard(store) == {"b<c/voice", "c<b/voice"}
    (bridge,) = await store.reader.rows(Bridge)
    assert bridge.agent is Presence.GONE
    with pytest.raises(Refused, match="for good"):
        await act(store, agent_presence_changed, "b", presence=Presence.PRESENT)


async def test_what_cannot_be_joined_is_refused(store: Store) -> None:
    await up(store, "a", "b", "c", "d")
    with pytest.raises(Refused, match="there is no call"):
        await act(store, calls_joined, "a", other="nobody")
    await act(store, calls_joined, "a", other="b")
    await act(store, calls_joined, "c", other="d")
    with pytest.raises(Refused, match="already"):
        await act(store, calls_joined, "a", other="c")
    with pytest.raises(Refused, match="whisperer"):
        await act(store, part_changed, "a", other="b", part=Part.WHISPERS)
    await act(store, call_ended, "d", by="them")
    with pytest.raises(Refused, match="answered"):
        await act(store, calls_joined, "a", other="d")
    assert {m.call for m in await store.reader.rows(Member) if m.left_us is None} == {"a", "b"}
