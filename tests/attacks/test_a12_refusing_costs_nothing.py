"""A12: no speech is understood without a recogniser, so who refuses a recording loses the call?

Here they lose nothing: they are asked as much, the agent gets its turn in the same commit, it is
told what they say, and the words stay in memory. What is not there is a row of them.
"""

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from consent.machine import Event, State
from consent.permits import permit
from consent.tables import ConsentEvent, ConsentPrompt
from recordings.tables import Recording
from runtime.log import Entry
from runtime.outbox import Effect
from runtime.store import Store
from sessions.gating import RECORDED
from sessions.house import House
from tests import asked
from tests.sessions.test_attending import CALL, Desk, Recogniser
from tests.sessions.test_bridge_reducers import up
from transcripts.tables import Segment

pytestmark = pytest.mark.anyio

PHRASE = "i should like a table for four"


STEPS = [
    "sessions.call_offered",
    "sessions.call_rang",
    "sessions.call_answered",
    "sessions.question_put",
    "sessions.question_heard",
    "sessions.consent_answered",
    "sessions.caller_acted",
    "sessions.caller_acted",
]


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    ours, theirs = socket.socketpair()
    await house.speech.attach(ours)
    await up(house.store, CALL)
    made = Desk(house, await house.prepare_key(CALL), Recogniser(theirs))
    made.live.words_to = CALL
    yield made
    made.live.disarm()
    made.attending.leave(CALL)
    await house.speech.detach()
    theirs.close()


@dataclass(frozen=True)
class Service:
    """What a caller gets, whatever is kept of it."""

    questions: int
    turns: list[str]
    told: list[str]
    """What the agent is told that they said."""
    steps: list[str]
    """The reducers, in order; without those of the runtime itself."""
    effects: dict[str, int]
    """Of what kind, and how many; without those of the recording itself."""


async def served(desk: Desk, answer: Event) -> Service:
    """They answer, say something, press a key."""
    store = desk.house.store
    await asked.asked(store, CALL)
    keys = {party: await desk.house.prepare_key(CALL) for party in asked.KEYS}
    await asked.answers(store, CALL, answer, keys if answer is Event.YES_KEY else {})
    now_us = desk.house.clock()
    said = {"event": "heard", "id": "m-1", "rate": 8_000, "at_us": now_us, "end_us": now_us + 1}
    desk.attending.deliver(CALL, said, b"\0\0")
    await desk.recogniser.answer(PHRASE)
    await desk.turns(2)
    desk.presses("5", "m-2")
    turns = await desk.turns(3)
    told = [await future for future in desk.live.heard.values()]
    effects: dict[str, int] = {}
    for effect in await store.reader.rows(Effect):
        if not effect.kind.startswith("recordings."):
            effects[effect.kind] = effects.get(effect.kind, 0) + 1
    reducers = [entry.reducer for entry in await logged(store)]
    return Service(
        questions=len(await store.reader.rows(ConsentPrompt, call=CALL)),
        turns=turns,
        told=[one.text_content for one in told],
        steps=[name for name in reducers if not name.startswith("runtime.")],
        effects=effects,
    )


async def logged(store: Store) -> list[Entry]:
    rows = await store.reader.sql("SELECT entry FROM log ORDER BY seq")
    return [Entry.decode(data) for (data,) in rows]


async def test_who_refuses_is_served_and_their_words_are_in_memory_only(desk: Desk) -> None:
    store = desk.house.store
    service = await served(desk, Event.NO)
    assert service.told == [PHRASE]
    assert service.turns == ["enter", "heard", "dtmf"]
    assert await store.reader.rows(Segment) == []
    assert await store.reader.rows(Recording) == []
    written = json.dumps([str(entry) for entry in await logged(store)])
    assert "table for four" not in written
    standings = await asked.standings(store, CALL)
    assert {standings[scope].state for scope in RECORDED} == {State.REFUSED}
    assert standings["live_stt"].is_open and standings["ai_interaction"].is_open
    assert permit(await store.reader.rows(ConsentEvent, call=CALL), CALL, "live_stt")
    answered = next(
        one for one in await logged(store) if one.reducer == "sessions.consent_answered"
    )
    assert any(table == "turn" for table, _, _ in answered.deltas), "the agent begins at once"


@pytest.mark.parametrize(("answer", "kept"), [(Event.YES_KEY, 1), (Event.NO, 0)])
async def test_as_much_is_asked_and_done_for_who_refuses_as_for_who_agrees(
    desk: Desk, answer: Event, kept: int
) -> None:
    """The two calls differ in what is kept of them, and in nothing else."""
    assert await served(desk, answer) == Service(
        questions=1,
        turns=["enter", "heard", "dtmf"],
        told=[PHRASE],
        steps=STEPS,
        effects={
            "telephony.ring": 1,
            "telephony.answer": 1,
            "sessions.ask": 1,
            "conversation.turn": 3,
        },
    )
    # Words that may be kept wait a while, in case a card number goes on in the next ones.
    assert len(desk.live.drafts) + len(await desk.house.store.reader.rows(Segment)) == kept
    assert len(await desk.house.store.reader.rows(Recording)) == kept
