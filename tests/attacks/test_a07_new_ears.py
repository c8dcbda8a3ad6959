"""A7: a transfer, a whisper, a supervisor who barges in: new ears and voices on a recorded call.

The log is read entry by entry. After none of them was anybody's recording open while a voice was
heard beside it whose party had not agreed: the gate closes in the entry that lets them be heard.
"""

import pytest

from consent.machine import OPENING, Event
from recordings.tables import RecordingState
from runtime import Refused
from runtime.log import Entry
from runtime.store import Store
from sessions.bridge_reducers import agent_presence_changed, call_parted, part_changed
from sessions.consent_reducers import (
    consent_withdrawn,
    secure_capture_began,
    secure_capture_ended,
)
from sessions.consult_reducers import consult_answered, consult_asked
from sessions.joining_reducers import calls_joined
from telephony.bridge import Part, Presence
from tests import asked
from tests.sessions.test_bridge_reducers import TEXT, act, agrees, heard, states, up
from tests.sessions.test_consulting import basis, picks_up

pytestmark = pytest.mark.anyio

OPEN, SUSPENDED = RecordingState.OPEN, RecordingState.SUSPENDED


async def logged(store: Store) -> list[Entry]:
    rows = await store.reader.sql("SELECT entry FROM log ORDER BY seq")
    return [Entry.decode(data) for (data,) in rows]


def breaches(entries: list[Entry]) -> list[str]:
    """Entries after which a call is recorded while somebody is heard who has not agreed."""
    hearing: dict[str, tuple[str, str]] = {}
    gates: dict[str, str] = {}
    agreed: set[str] = set()
    found: list[str] = []
    for entry in entries:
        for table, old, new in entry.deltas:
            row = new or old or {}
            if table == "hearing":
                hearing.pop(row["id"], None)
                if new is not None and row["what"] == "voice":
                    hearing[row["id"]] = row["listener"], row["source"]
            elif table == "recording":
                gates[row["id"]] = row["state"]
            elif table == "consent_event" and row["scope"] == asked.RECORDING:
                (agreed.add if row["state"] in OPENING else agreed.discard)(row["call"])
        open_ = {call for call, state in gates.items() if state == OPEN}
        found += [
            f"{entry.seq} {entry.reducer}: {source} is heard by {listener}"
            for listener, source in hearing.values()
            if source not in agreed and listener in open_
        ]
    return found


async def joined_entry(store: Store, who: str) -> Entry:
    """The entry from which on somebody is heard."""
    return next(
        entry
        for entry in await logged(store)
        for table, _, new in entry.deltas
        if table == "hearing"
        and new is not None
        and new["source"] == who
        and new["what"] == "voice"
    )


def closes(entry: Entry, call: str) -> bool:
    """Whether an entry closes the gate of a call, and says why."""
    rows = [(table, new) for table, _, new in entry.deltas if new is not None]
    gate = [new["state"] for table, new in rows if table == "recording" and new["id"] == call]
    why = [
        new["closed_by"]
        for table, new in rows
        if table == "consent_event" and (new["call"], new["scope"]) == (call, asked.RECORDING)
    ]
    return gate[-1:] == [SUSPENDED] and list(why[-1]) == ["join"]


async def on_a_recorded_call(store: Store) -> None:
    await up(store, "ann", "bob")
    await agrees(store, "ann")
    await agrees(store, "bob")
    await act(store, calls_joined, "ann", other="bob")


@pytest.mark.parametrize(
    ("part", "coached"), [(Part.TALKS, None), (Part.BARGES, None), (Part.WHISPERS, "bob")]
)
async def test_the_entry_that_lets_a_new_voice_be_heard_closes_the_gates(
    store: Store, part: Part, coached: str | None
) -> None:
    await on_a_recorded_call(store)
    await up(store, "sue", policy="never")
    await act(store, calls_joined, "ann", other="sue", part=part, coached=coached)
    entry = await joined_entry(store, "sue")
    assert closes(entry, "ann") and closes(entry, "bob")
    assert breaches(await logged(store)) == []


@pytest.mark.parametrize("part", [Part.WHISPERS, Part.BARGES])
async def test_a_supervisor_who_listened_and_now_speaks_closes_them_then(
    store: Store, part: Part
) -> None:
    await on_a_recorded_call(store)
    await up(store, "sue", policy="never")
    await act(store, calls_joined, "ann", other="sue", part=Part.LISTENS)
    assert await states(store) == {"ann": (OPEN, 1), "bob": (OPEN, 1)}, "on no track is their voice"
    assert "sue<ann/voice" in await heard(store)
    coached = "bob" if part is Part.WHISPERS else None
    await act(store, part_changed, "ann", other="sue", part=part, coached=coached)
    entry = await joined_entry(store, "sue")
    assert entry.reducer == "sessions.part_changed"
    assert closes(entry, "ann") and closes(entry, "bob")
    await act(store, part_changed, "ann", other="sue", part=Part.LISTENS)
    assert await states(store) == {"ann": (OPEN, 2), "bob": (OPEN, 2)}
    assert breaches(await logged(store)) == []


async def test_a_colleague_who_takes_a_call_over_closes_it_before_they_are_heard(
    store: Store,
) -> None:
    """A warm transfer: they accept, are asked themselves, and only then are with the caller."""
    await up(store, "ann")
    await agrees(store, "ann")
    brief = {"action": "a1", "args": TEXT, "basis": await basis(store), "brief": TEXT}
    bob = await act(store, consult_asked, "ann", **brief)
    await picks_up(store, bob, "x:Y")
    await act(store, consult_answered, bob, accepted=True)
    entry = (await logged(store))[-1]
    assert closes(entry, "ann") and entry.reducer == "sessions.consult_answered"
    assert await heard(store) == set()
    await agrees(store, bob, Event.NO)
    assert entry.seq < (await joined_entry(store, bob)).seq
    await act(store, agent_presence_changed, "ann", presence=Presence.GONE)
    assert await states(store) == {"ann": (SUSPENDED, 1)}
    assert breaches(await logged(store)) == []


async def test_over_a_whole_evening_of_coming_and_going_no_entry_breaks_it(store: Store) -> None:
    await on_a_recorded_call(store)
    await up(store, "eve", policy="ask")
    await up(store, "sue", policy="later")
    await act(store, calls_joined, "ann", other="eve")
    await agrees(store, "eve")
    await act(store, calls_joined, "ann", other="sue", part=Part.LISTENS)
    await act(store, part_changed, "ann", other="sue", part=Part.BARGES)
    await agrees(store, "sue", Event.NO)
    await act(store, part_changed, "ann", other="eve", part=Part.HELD)
    await act(store, call_parted, "ann", other="sue")
    await act(store, part_changed, "ann", other="eve", part=Part.TALKS)
    entries = await logged(store)
    assert breaches(entries) == []
    # The control: the same log in which gates never close is a log of breaches.
    for entry in entries:
        entry.deltas[:] = [
            [table, old, {**new, "state": OPEN} if table == "recording" and new else new]
            for table, old, new in entry.deltas
        ]
    assert breaches(entries)


async def test_nobody_listens_while_a_card_is_keyed_in_or_after_listening_was_withdrawn(
    store: Store,
) -> None:
    await up(store, "ann")
    await up(store, "sue", "eve", policy="later")
    await agrees(store, "ann")
    await act(store, calls_joined, "ann", other="sue", part=Part.LISTENS)
    assert "sue<ann/voice" in await heard(store)

    await act(store, secure_capture_began, "ann", why="card")
    assert "sue<ann/voice" not in await heard(store)
    with pytest.raises(Refused, match="may not be listened to"):
        await act(store, calls_joined, "ann", other="eve", part=Part.LISTENS)
    await act(store, secure_capture_ended, "ann")
    assert "sue<ann/voice" in await heard(store)

    await act(store, consent_withdrawn, "ann", scopes=("monitoring",), method="operator")
    assert "sue<ann/voice" not in await heard(store)
