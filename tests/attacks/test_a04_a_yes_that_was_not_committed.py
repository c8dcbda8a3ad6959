"""A4: the house dies between a yes and its commit. What a yes was is never inferred: it asks again.

After it, the rows say what they said; that it was restarted changes none of them. Who was to be
told something is told it, and who was waited for is asked again once they are silent.
"""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from consent.machine import Event, State
from consent.prompts import Act
from consent.tables import ConsentEvent, ConsentKey
from conversation.tables import Turn
from recordings.tables import Recording
from runtime.outbox import Effect, EffectState
from runtime.performer import Performer
from runtime.store import Store
from sessions import recovery
from sessions.consent_reducers import call_recovered
from sessions.house import House
from tests import asked
from tests.sessions.test_attending import CALL, Desk, Recogniser
from tests.sessions.test_bridge_reducers import act, up

pytestmark = pytest.mark.anyio


@pytest.fixture
async def first(house: House, tmp_path: Path) -> House:
    """A house of which we close the store when we like."""
    return await born(house, tmp_path)


async def born(house: House, folder: Path) -> House:
    store = await Store.open(folder / "a04.db", house.clock, house.entropy)
    return replace(house, store=store, performer=Performer(store, house.clock))


async def is_where(house: House) -> dict[str, object]:
    return {**await asked.standings(house.store, CALL)}


async def gone_and_back(house: House, folder: Path) -> House:
    """Another process over the same rows, after a restart."""
    before = await is_where(house)
    await house.store.close()
    again = await born(house, folder)
    assert await is_where(again) == before, "what was committed"
    await act(again.store, call_recovered, CALL)
    assert await is_where(again) == before, "that it was restarted changes nothing"
    restarted = await again.store.reader.rows(ConsentEvent, event=Event.RESTARTED)
    assert {one.number for one in restarted} == {35}
    return again


async def nothing_is_granted(house: House) -> None:
    assert await house.store.reader.rows(ConsentKey) == []
    assert await house.store.reader.rows(Recording) == []
    assert await house.store.reader.rows(Turn) == [], "the agent waits for the answer"
    assert await house.store.reader.rows(ConsentEvent, state=State.GRANTED) == []


async def test_a_yes_that_was_being_understood_is_asked_for_again(
    first: House, tmp_path: Path
) -> None:
    await up(first.store, CALL)
    await asked.asked(first.store, CALL, "u0")
    ours, theirs = socket.socketpair()
    await first.speech.attach(ours)
    desk = Desk(first, await first.prepare_key(), Recogniser(theirs))
    desk.says("m-1")
    await desk.recogniser.asked()  # It knows what was said, and the house dies before it is told.
    desk.live.disarm()
    desk.attending.leave(CALL)
    second = await gone_and_back(first, tmp_path)
    await nothing_is_granted(second)
    assert await asked.due(second.store, CALL) is None, "they were asked; an answer counts"

    again = Desk(second, desk.live.words_key, desk.recogniser)
    again.live.question = ""
    await again.asking.silence(again.live)
    again.live.disarm()
    again.attending.leave(CALL)
    due = await asked.due(second.store, CALL)
    assert due is not None and due.act is Act.ASK_AGAIN
    assert asked.RECORDING in due.scopes
    await nothing_is_granted(second)
    await first.speech.detach()
    theirs.close()
    await second.store.close()


async def test_a_yes_that_was_not_read_back_is_read_back(first: House, tmp_path: Path) -> None:
    await up(first.store, CALL)
    await asked.asked(first.store, CALL, "u0")
    await asked.answers(first.store, CALL, Event.YES_VOICE, {}, "voice:x")
    second = await gone_and_back(first, tmp_path)
    due = await asked.due(second.store, CALL)
    assert due is not None and due.act is Act.READ_BACK
    orders = await second.store.reader.rows(Effect, state=EffectState.OPEN, kind="sessions.ask")
    assert orders, "and there is an order to say it, which outlived the process"
    await nothing_is_granted(second)
    # Heard, and a yes to it: only this grants.
    await asked.asked(second.store, CALL, "u1")
    assert await asked.answers(second.store, CALL, Event.YES_VOICE, method="voice:x")
    await second.store.close()


async def test_a_second_yes_that_was_not_committed_is_none(first: House, tmp_path: Path) -> None:
    await up(first.store, CALL)
    await asked.asked(first.store, CALL, "u0")
    await asked.answers(first.store, CALL, Event.YES_VOICE, {}, "voice:x")
    await asked.asked(first.store, CALL, "u1")
    second = await gone_and_back(first, tmp_path)
    await nothing_is_granted(second)
    await asked.answers(second.store, CALL, Event.SILENCE, {}, "silence")
    standings = await asked.standings(second.store, CALL)
    assert standings[asked.RECORDING].state is State.REFUSED, "silence is no yes"
    await second.store.close()


async def test_keys_that_were_prepared_for_a_yes_die_with_it(first: House, tmp_path: Path) -> None:
    await up(first.store, CALL)
    await asked.asked(first.store, CALL, "u0")
    prepared = {await first.prepare_key(CALL), await first.prepare_key(CALL)}
    assert prepared <= set(first.keystore.ids())
    second = await gone_and_back(first, tmp_path)
    await recovery.sweep(second)
    assert not prepared & set(second.keystore.ids())
    await second.store.close()
