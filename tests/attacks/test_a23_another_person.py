"""A23: another person takes the telephone. Consent is a leg's: nobody claims to know whose voice it
is, so once the agent sees that it is another, nothing is kept until they were asked, too."""

from dataclasses import replace

import pytest

from consent.machine import Event, State
from consent.policy.plan import Start
from consent.tables import ConsentEvent, ConsentKey, ConsentPrompt
from consent.terms import ask_terms
from conversation.agent import Agent
from recordings.reducers import chunk_sealed
from recordings.tables import Recording, RecordingState
from runtime import Refused
from runtime.store import Store
from sessions.house import House
from sessions.live import LiveCall
from sessions.session import Session
from tests.asked import answers, heard, put, standings
from tests.sessions.conftest import house
from tests.sessions.test_bridge_reducers import agrees
from tests.sessions.test_bridge_reducers import up as asked_up
from tests.sessions.test_closing import CALL, KEYS, up
from tests.sessions.test_pauses import chunk

__all__ = ["house"]

pytestmark = pytest.mark.anyio

NEW_KEYS = {"caller": "key_c2", "agent": "key_a2"}
WHY = "another person"


async def seen(house: House, call: str) -> None:
    """The agent sees that it is another."""
    live = LiveCall(call, f"key_{call}", Agent())
    session = Session(house, live, {})
    session.begin(f"{call}:turn-1")
    await session.ask_again(WHY)


async def state(store: Store, call: str) -> State:
    return (await standings(store, call))["recording"].state


async def recording(store: Store, call: str) -> Recording:
    (row,) = await store.reader.rows(Recording, id=call)
    return row


async def test_nothing_is_kept_of_another_until_they_were_asked(house: House) -> None:
    store = house.store
    await asked_up(store, "ann")
    await agrees(store, "ann")
    before = await recording(store, "ann")
    await seen(house, "ann")
    assert await state(store, "ann") is State.ASK_DUE
    assert (await recording(store, "ann")).state is RecordingState.SUSPENDED
    with pytest.raises(Refused):
        late = chunk(before.epoch, before.opened_us + 1)
        await store.act(chunk_sealed, sender="node", scope="ann", chunk=late)
    changed = await store.reader.rows(ConsentEvent, event=Event.CHANGED)
    assert {(one.number, one.method) for one in changed} == {(29, f"agent: {WHY}")}


@pytest.mark.parametrize(
    ("answer", "then"), [(Event.YES_KEY, State.GRANTED), (Event.NO, State.REFUSED)]
)
async def test_they_answer_for_themselves_and_no_old_key_opens(
    house: House, answer: Event, then: State
) -> None:
    store = house.store
    await asked_up(store, "ann")
    await agrees(store, "ann")
    await seen(house, "ann")
    await put(store, "ann", "again")
    await heard(store, "ann", "again")
    await answers(store, "ann", answer, NEW_KEYS)
    assert await state(store, "ann") is then
    now = await recording(store, "ann")
    is_open = then is State.GRANTED
    assert (now.state is RecordingState.OPEN) is is_open
    assert ({now.caller_key, now.agent_key} == {*NEW_KEYS.values()}) is is_open
    assert len(await store.reader.rows(ConsentKey, call="ann")) == (4 if is_open else 2)


async def test_who_was_only_told_is_asked_in_the_words_of_a_question(house: House) -> None:
    store, kept = house.store, ("recording", "transcript_retention")
    told = tuple(
        replace(term, start=Start.NOTICE_DUE, wording="recording-notice-en-1")
        if term.scope in kept
        else term
        for term in ask_terms()
    )
    await up(store, told)
    await put(store, CALL, "told")
    await heard(store, CALL, "told", KEYS)
    assert await state(store, CALL) is State.BASIS_OK
    await seen(house, CALL)
    await put(store, CALL, "asked")
    (prompt,) = await store.reader.rows(ConsentPrompt, id="asked")
    assert (prompt.act, prompt.wordings) == ("ask", ("recording-ask-en-1",))


async def test_where_nothing_is_kept_nobody_is_asked(house: House) -> None:
    await asked_up(house.store, "ann")
    await agrees(house.store, "ann", Event.NO)
    await seen(house, "ann")
    assert await state(house.store, "ann") is State.REFUSED
