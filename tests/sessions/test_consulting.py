"""A colleague is asked, and a supervisor joins: the rows, whatever happens first."""

import pytest

from consent.bases import basis_recorded
from consent.policy.terms import BasisKind
from conversation.tables import Turn
from recordings.tables import Recording, RecordingState
from runtime import Refused
from runtime.store import Store
from sessions.consult_reducers import (
    ATTENDANT,
    Consultation,
    ConsultState,
    consult_answered,
    consult_asked,
    consult_given_up,
    supervision_dialled,
    supervisor_pressed,
)
from sessions.outbound import call_placed, dial_failed
from sessions.reducers import call_answered, call_ended
from sessions.tables import Dial
from telephony.bridge import Bridge, Member, Part
from tests.asked import ASK

from .test_bridge_reducers import TEXT, act, agrees, effects, heard, owed_for_later, up

pytestmark = pytest.mark.anyio


async def basis(store: Store) -> str:
    await store.act(
        basis_recorded,
        sender="node",
        basis="basis_1",
        party=TEXT,
        kind=BasisKind.CONSENT,
        source=TEXT,
        expires_us=None,
    )
    return "basis_1"


async def asked(store: Store) -> str:
    """Ann is up, on hold, and a colleague is being called."""
    await up(store, "ann", policy="never")
    brief = {"action": "a1", "args": TEXT, "basis": await basis(store), "brief": TEXT}
    other: str = await act(store, consult_asked, "ann", **brief)
    return other


async def picks_up(store: Store, other: str, agent: str) -> None:
    placed = {"line": "sip", "remote": TEXT, "local": TEXT, "agent": agent, "words_key": "k2"}
    await act(store, call_placed, other, **placed)
    if agent == ATTENDANT:
        await act(store, call_answered, other, **ASK)
    else:
        await act(store, call_answered, other, terms=(), keys={})
        await act(store, owed_for_later, other)


async def parts(store: Store) -> dict[str, Part]:
    rows = await store.reader.rows(Member)
    return {row.call: row.part for row in rows if row.left_us is None}


async def state(store: Store, other: str) -> ConsultState:
    (row,) = await store.reader.rows(Consultation, id=other)
    return row.state


async def test_who_accepts_is_joined_and_the_caller_off_hold_in_one_commit(store: Store) -> None:
    other = await asked(store)
    assert await parts(store) == {"ann": Part.HELD}
    await picks_up(store, other, "x:Y")
    assert await heard(store) == set()
    await act(store, consult_answered, other, accepted=True)
    assert await parts(store) == {"ann": Part.TALKS, other: Part.TALKS}
    assert f"ann<{other}/voice" in await heard(store)
    assert f"{other}<ann/agent" in await heard(store)
    with pytest.raises(Refused, match="already"):
        await act(store, consult_given_up, other)


async def test_who_declines_gives_the_caller_back(store: Store) -> None:
    other = await asked(store)
    await picks_up(store, other, "x:Y")
    await act(store, consult_answered, other, accepted=False)
    assert await parts(store) == {}
    (bridge,) = await store.reader.rows(Bridge)
    assert bridge.closed_us is not None
    assert await state(store, other) is ConsultState.DECLINED


async def test_nobody_there_gives_the_caller_back(store: Store) -> None:
    other = await asked(store)
    await act(store, dial_failed, other, cause="busy")
    assert await parts(store) == {}
    (row,) = await store.reader.rows(Consultation)
    assert (row.state, row.cause) == (ConsultState.OVER, "busy")


async def test_a_colleague_who_hangs_up_gives_the_caller_back(store: Store) -> None:
    other = await asked(store)
    await picks_up(store, other, "x:Y")
    await act(store, call_ended, other, by="callee", cause="normal")
    assert await parts(store) == {}
    assert await state(store, other) is ConsultState.OVER


async def test_a_caller_who_leaves_frees_the_colleague(store: Store) -> None:
    other = await asked(store)
    await picks_up(store, other, "x:Y")
    await act(store, call_ended, "ann", by="caller", cause="normal")
    assert await state(store, other) is ConsultState.OVER
    assert await effects(store, "telephony.hang_up") == [other]
    with pytest.raises(Refused, match="already"):
        await act(store, consult_answered, other, accepted=True)


async def test_one_who_takes_too_long_is_hung_up_on(store: Store) -> None:
    other = await asked(store)
    await picks_up(store, other, "x:Y")
    await act(store, consult_given_up, other)
    assert await parts(store) == {}
    assert await effects(store, "telephony.hang_up") == [other]


async def test_a_supervisor_joins_when_they_answer_and_is_asked_nothing(store: Store) -> None:
    await up(store, "ann", policy="never")
    other = await act(store, supervision_dialled, "ann", basis=await basis(store))
    (dial,) = await store.reader.rows(Dial)
    assert (dial.agent, dial.joins) == (ATTENDANT, "ann")
    asked_before = await effects(store, "sessions.ask")
    await picks_up(store, other, dial.agent)
    assert await parts(store) == {"ann": Part.TALKS, other: Part.LISTENS}
    assert await heard(store) == {f"{other}<ann/voice", f"{other}<ann/agent"}
    assert await effects(store, "sessions.ask") == asked_before


async def test_a_supervisor_who_comes_too_late_is_hung_up_on(store: Store) -> None:
    await up(store, "ann")
    other = await act(store, supervision_dialled, "ann", basis=await basis(store))
    await act(store, call_ended, "ann", by="caller")
    await picks_up(store, other, ATTENDANT)
    assert await parts(store) == {}
    assert await effects(store, "telephony.hang_up") == [other]


async def test_a_supervisor_who_is_heard_beside_a_recording_is_asked_first(store: Store) -> None:
    await up(store, "ann")
    await agrees(store, "ann")
    other = await act(store, supervision_dialled, "ann", basis=await basis(store), part=Part.BARGES)
    await picks_up(store, other, ATTENDANT)
    assert await heard(store) == set()
    # Its agent says which keys there are once they have answered.
    assert await turns(store, other) == []
    await agrees(store, other)
    assert f"ann<{other}/voice" in await heard(store)
    assert await turns(store, other) == ["enter"]
    recorded = {row.id: row.state for row in await store.reader.rows(Recording)}
    assert recorded == {"ann": RecordingState.OPEN, other: RecordingState.OPEN}


async def test_a_supervisor_who_begins_to_speak_is_asked_then_and_enters_once(store: Store) -> None:
    await up(store, "ann")
    await agrees(store, "ann")
    other = await act(store, supervision_dialled, "ann", basis=await basis(store))
    await picks_up(store, other, ATTENDANT)
    assert await turns(store, other) == ["enter"]
    await act(store, supervisor_pressed, other, part=Part.WHISPERS)
    assert await heard(store) == set()
    await agrees(store, other)
    assert f"ann<{other}/voice" in await heard(store)
    assert await turns(store, other) == ["enter"]


async def turns(store: Store, call: str) -> list[str]:
    return [row.cause for row in await store.reader.rows(Turn, call=call)]
