"""A6: B's voice on A's track, over a loudspeaker or a bridge. Then A's consent alone is a fiction.

The gate of each who is joined is open only while all who are heard have agreed; and consent is
said of a line, never of a voice: nobody claims to know who it is that spoke there.
"""

from itertools import product

import pytest

from consent.machine import OPENING, Event, Reason
from consent.tables import ConsentEvent
from recordings.reducers import chunk_sealed
from recordings.tables import Chunk, Recording, RecordingState
from runtime import Refused
from runtime.store import Store
from sessions.bridge_reducers import call_parted
from sessions.joining_reducers import calls_joined
from telephony.bridge import HEARD, Part, may_record
from tests import asked
from tests.sessions.test_bridge_reducers import act, agrees, states, up

pytestmark = pytest.mark.anyio

OPEN, SUSPENDED = RecordingState.OPEN, RecordingState.SUSPENDED
HEARD_AS = [(Part.TALKS, None), (Part.BARGES, None), (Part.WHISPERS, "ann")]


@pytest.mark.parametrize(("part", "coached"), HEARD_AS)
@pytest.mark.parametrize("answer", [Event.NO, Event.SILENCE, Event.UNCLEAR, None])
async def test_one_who_has_not_agreed_closes_the_gate_of_everybody_else(
    store: Store, part: Part, coached: str | None, answer: Event | None
) -> None:
    await up(store, "ann", "bob", "eve")
    await agrees(store, "ann")
    await agrees(store, "bob")
    await act(store, calls_joined, "ann", other="bob")
    assert await states(store) == {"ann": (OPEN, 1), "bob": (OPEN, 1)}
    await act(store, calls_joined, "ann", other="eve", part=part, coached=coached)
    if answer is not None:
        await agrees(store, "eve", answer)
    assert await states(store) == {"ann": (SUSPENDED, 1), "bob": (SUSPENDED, 1)}
    for call in ("ann", "bob"):
        standing = (await asked.standings(store, call))[asked.RECORDING]
        assert standing.state in OPENING, "they did not take back what they said"
        assert standing.closed_by == (Reason.JOIN,)
        with pytest.raises(Refused, match="suspended"):
            await store.act(
                chunk_sealed, sender="node", scope=call, chunk=await captured_now(store, call)
            )
    await act(store, call_parted, "ann", other="eve")
    assert await states(store) == {"ann": (OPEN, 2), "bob": (OPEN, 2)}
    await store.act(
        chunk_sealed, sender="node", scope="ann", chunk=await captured_now(store, "ann")
    )


async def test_they_are_open_again_once_the_last_has_agreed(store: Store) -> None:
    await up(store, "ann", "bob", "eve")
    await agrees(store, "ann")
    for other in ("bob", "eve"):
        await act(store, calls_joined, "ann", other=other)
    await agrees(store, "bob")
    assert {state for state, _ in (await states(store)).values()} == {SUSPENDED}
    await agrees(store, "eve")
    assert {state for state, _ in (await states(store)).values()} == {OPEN}


def test_the_rule_itself_is_an_and_over_all_who_are_heard() -> None:
    for parts in product([(part, agreed) for part in Part for agreed in (True, False)], repeat=3):
        missing = [part for part, agreed in parts if part in HEARD and not agreed]
        assert may_record(parts) is (not missing)


async def test_consent_is_of_a_line_and_never_of_a_voice(store: Store) -> None:
    await up(store, "ann", "bob")
    await agrees(store, "ann")
    await act(store, calls_joined, "ann", other="bob")
    await agrees(store, "bob", Event.NO)
    events = await store.reader.rows(ConsentEvent)
    assert {event.party for event in events} == {"caller"}
    opened = {event.call for event in events if event.scope == asked.RECORDING and event.is_open}
    assert opened == {"ann"}
    (recording,) = await store.reader.rows(Recording)
    assert recording.id == "ann", "who refused has no track, on whichever line they are heard"


async def captured_now(store: Store, call: str) -> Chunk:
    """A second of the caller, as if it began at the last moment that we know of."""
    (row,) = await store.reader.rows(Recording, id=call)
    return Chunk(
        id=f"{call}/caller/{row.epoch}/0",
        call=call,
        party="caller",
        epoch=row.epoch,
        n=0,
        key_id=row.caller_key,
        first_sample=0,
        samples=8_000,
        sha256="00",
        bytes=1,
        path="p",
        captured_from_us=max(row.opened_us, row.suspended_us or 0),
        at_us=0,
    )
