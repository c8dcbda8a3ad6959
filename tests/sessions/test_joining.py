"""Calls at different media processes, and whose words the agent is told: the rows."""

import pytest

from consent.machine import Event
from recordings.tables import Recording, RecordingState
from runtime import Refused
from runtime.store import Store
from sessions.bridge_reducers import agent_presence_changed, part_changed
from sessions.consult_reducers import ATTENDANT, supervision_dialled, supervisor_pressed
from sessions.joining_reducers import Joining, calls_joined, joining_settled, leg_moved
from sessions.reducers import call_answered, call_ended, call_offered, caller_acted, leg_planned
from sessions.tables import Leg
from telephony.bridge import Member, Part, Presence
from tests.asked import ASK
from transcripts.tables import Segment

from .test_bridge_reducers import TEXT, act, agrees, effects, heard, up
from .test_consulting import basis, parts, picks_up

pytestmark = pytest.mark.anyio

WHY = "no room"


async def offered_at(store: Store, call: str, process: int) -> None:
    """A call that is not answered yet, whose media is at this process."""
    words = {"remote": TEXT, "local": TEXT, "agent": "x:Y", "words_key": f"key_{call}"}
    await act(store, call_offered, call, line="sip", **words)
    port = 20_000 + process
    leg = Leg(call, call, "PCMU", 0, 101, port, TEXT, 9, 1, 2, 3, 4, process)
    await store.act(leg_planned, sender="node", scope=call, leg=leg)


async def apart(store: Store) -> str:
    """Ann and Bob have agreed to a recording; Bob is on his way to her. Answers which joining."""
    for process, call in enumerate(("ann", "bob")):
        await offered_at(store, call, process)
        await answered(store, call)
        await agrees(store, call)
    name: str = await act(store, calls_joined, "ann", other="bob")
    return name


async def answered(store: Store, call: str) -> None:
    await act(store, call_answered, call, **ASK)


async def recording(store: Store, call: str) -> tuple[RecordingState, int]:
    (row,) = await store.reader.rows(Recording, id=call)
    return row.state, row.epoch


async def test_a_call_at_another_process_is_moved_before_it_joins(store: Store) -> None:
    name = await apart(store)
    assert await heard(store) == set()
    assert await effects(store, "telephony.move") == ["bob"]
    assert await recording(store, "bob") == (RecordingState.SUSPENDED, 1)
    assert await recording(store, "ann") == (RecordingState.OPEN, 1)
    with pytest.raises(Refused, match="on its way"):
        await act(store, calls_joined, "ann", other="bob")
    await act(store, leg_moved, "bob", process=0, port=20_002)
    await settled(store, name, None)
    assert "ann<bob/voice" in await heard(store)
    assert await recording(store, "bob") == (RecordingState.OPEN, 2)


async def test_one_that_cannot_be_moved_stays_as_it_was(store: Store) -> None:
    name = await apart(store)
    await settled(store, name, WHY)
    assert await parts(store) == {} and await heard(store) == set()
    assert await recording(store, "bob") == (RecordingState.OPEN, 2)
    (row,) = await store.reader.rows(Joining, id=name)
    assert row.refused == WHY


async def test_who_hangs_up_on_the_way_joins_nobody(store: Store) -> None:
    name = await apart(store)
    await act(store, call_ended, "bob", by="caller", cause="normal")
    await settled(store, name, None)
    assert await parts(store) == {}
    assert await recording(store, "bob") == (RecordingState.SUSPENDED, 1)


async def settled(store: Store, joining: str, refused: str | None) -> None:
    await store.act(joining_settled, sender="node", scope="bob", joining=joining, refused=refused)


def words(call: str) -> Segment:
    return Segment(f"{call}-s", call, "caller", TEXT, 2**52, 2**52 + 1, "e", "grammar", 900)


async def acted(store: Store, speaker: str, segment: Segment | None = None) -> None:
    turn = {"turn": f"t-{speaker}", "cause": "heard", "segment": segment}
    await act(store, caller_acted, "ann", **turn, speaker=speaker)


async def test_the_agent_that_leads_is_told_what_a_member_says_while_they_talk(
    store: Store,
) -> None:
    await up(store, "ann", "bob")
    with pytest.raises(Refused, match="not heard by the agent"):
        await acted(store, "bob")
    await act(store, calls_joined, "ann", other="bob")
    await acted(store, "bob")
    await act(store, part_changed, "ann", other="bob", part=Part.HELD)
    with pytest.raises(Refused, match="not heard by the agent"):
        await acted(store, "bob")
    await act(store, part_changed, "ann", other="bob", part=Part.TALKS)
    await act(store, agent_presence_changed, "ann", presence=Presence.GONE)
    with pytest.raises(Refused, match="not heard by the agent"):
        await acted(store, "bob")


async def test_a_members_words_are_kept_under_their_own_consent(store: Store) -> None:
    await up(store, "ann", "bob", "eve")
    for other in ("bob", "eve"):
        await act(store, calls_joined, "ann", other=other)
    await agrees(store, "bob")
    await agrees(store, "ann")
    await acted(store, "bob", words("bob"))
    with pytest.raises(Refused, match="only of a caller who agreed"):
        await acted(store, "eve", words("eve"))
    with pytest.raises(Refused, match="only of a caller who agreed"):
        await acted(store, "eve", words("ann"))
    (kept,) = await store.reader.rows(Segment)
    assert kept.call == "bob"


async def test_a_supervisor_changes_part_by_a_key_and_nobody_else_does(store: Store) -> None:
    await up(store, "ann")
    await agrees(store, "ann", Event.YES_KEY)
    other = await act(store, supervision_dialled, "ann", basis=await basis(store))
    await picks_up(store, other, ATTENDANT)
    await act(store, supervisor_pressed, other, part=Part.WHISPERS)
    (member,) = await store.reader.rows(Member, call=other)
    assert (member.part, member.coached) == (Part.WHISPERS, "ann")
    assert (await recording(store, "ann"))[0] is RecordingState.SUSPENDED
    await act(store, supervisor_pressed, other, part=Part.LISTENS)
    assert await recording(store, "ann") == (RecordingState.OPEN, 2)
    for call, part in ((other, Part.TALKS), ("ann", Part.BARGES)):
        with pytest.raises((Refused, LookupError)):
            await act(store, supervisor_pressed, call, part=part)
