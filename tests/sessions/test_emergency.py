"""Row 33: a life is at stake. It is opened at once, on a basis that says so, and two look at it."""

from typing import Any

import pytest

from consent.machine import Event, State
from consent.tables import BasisKind, ConsentEvent, ConsentKey
from parley.voting import policies_set
from recordings.tables import Recording, RecordingState
from runtime import Refused
from runtime.gates.tables import Gate
from runtime.store import Store
from sessions.emergency_reducers import Emergency, emergency_declared
from sessions.reducers import call_answered, call_ended, call_offered
from tests import asked
from tests.asked import KEYS, TEXT, act, answers

pytestmark = pytest.mark.anyio

CALL = "ann"
WHY = "the caller reports a heart attack"


async def up(store: Store, **owed: Any) -> None:
    offered = {"line": "sip", "remote": TEXT, "local": TEXT, "agent": "x:Y", "words_key": "k"}
    await act(store, call_offered, CALL, **offered)
    await act(store, call_answered, CALL, **(asked.ASK | owed))


async def declared(store: Store) -> bool:
    return bool(await act(store, emergency_declared, CALL, by="", why=WHY, keys=KEYS))


async def test_who_refused_is_recorded_in_an_emergency_on_vital_interests(store: Store) -> None:
    await policies_set(store)
    await up(store)
    await asked.asked(store, CALL)
    await answers(store, CALL, Event.NO, {})

    assert await declared(store)

    (recording,) = await store.reader.rows(Recording)
    assert recording.state is RecordingState.OPEN
    events = await store.reader.rows(ConsentEvent, scope="recording", state=State.VITAL)
    assert [(one.number, one.basis) for one in events] == [(33, BasisKind.VITAL_INTERESTS)]
    keys = await store.reader.rows(ConsentKey)
    assert {key.party: key.id for key in keys} == KEYS
    (row,) = await store.reader.rows(Emergency)
    (gate,) = await store.reader.rows(Gate)
    assert (row.gate, row.justified, gate.quorum) == (gate.id, None, 2)


async def test_one_who_is_recorded_goes_on_under_the_same_keys(store: Store) -> None:
    await policies_set(store)
    await up(store)
    await asked.asked(store, CALL)
    await answers(store, CALL, Event.YES_KEY)
    assert not await declared(store)
    assert len(await store.reader.rows(Recording)) == 1


async def test_there_is_none_where_nobody_could_look_at_it_or_nobody_is_there(
    store: Store,
) -> None:
    await up(store)
    with pytest.raises(Refused):
        await declared(store)
    await policies_set(store)
    await act(store, call_ended, CALL, by="caller")
    with pytest.raises(Refused, match="not answered"):
        await declared(store)
    assert await store.reader.rows(Recording) == []
