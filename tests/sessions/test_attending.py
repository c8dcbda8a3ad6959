"""What a caller does while something they said is still being understood."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator
from typing import cast

import pytest

from consent.machine import Event, State
from consent.tables import ConsentEvent
from conversation.agent import Agent
from conversation.speech.engines import Hearing
from conversation.speech.messages import hearing_answer
from conversation.tables import Turn
from media.wire import Decoder, encode
from runtime.writer import Committed
from sessions.asking import Asking
from sessions.attending import Attending
from sessions.house import House
from sessions.live import LiveCall
from sessions.voice import Voice
from tests import asked as consent

from .test_bridge_reducers import agrees, up

pytestmark = pytest.mark.anyio

CALL = "ann"
GUARD_S = 10.0
"""A test that would wait for ever fails instead."""


class Recogniser:
    """The other end of the link to the speech process: it answers when it is told to."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.setblocking(False)
        self._decoder = Decoder()
        self._asked: list[int] = []

    async def asked(self) -> None:
        """Wait until something is to be understood."""
        loop = asyncio.get_running_loop()
        while not self._asked:
            data = await loop.sock_recv(self._sock, 65_536)
            self._asked += [int(str(header["req"])) for header, _ in self._decoder.feed(data)]

    async def answer(self, text: str) -> None:
        await self.asked()
        heard = Hearing(text, 900, "x", accepted=True, kind="dictation")
        answer = encode(hearing_answer(self._asked.pop(0), heard))
        await asyncio.get_running_loop().sock_sendall(self._sock, answer)


class Desk:
    """One call which is attended to, on a real store."""

    def __init__(self, house: House, words_key: str, recogniser: Recogniser) -> None:
        self.house, self.recogniser = house, recogniser
        self.live = LiveCall(CALL, words_key, Agent())
        calls = {CALL: self.live}
        self.asking = Asking(house, calls, Voice(house, calls))
        self.attending = Attending(house, calls, self.asking)
        self._committed = asyncio.Event()
        house.store.listen(self._told)
        self.attending.begin(self.live)

    def says(self, event: str) -> None:
        header = {"event": "heard", "id": event, "rate": 8_000, "at_us": 1, "end_us": 2}
        self.attending.deliver(CALL, header, b"\0\0")

    def presses(self, digit: str, event: str) -> None:
        self.attending.deliver(CALL, {"event": "dtmf", "id": event, "digit": digit}, b"")

    async def turns(self, count: int) -> list[str]:
        """The causes of the turns of the agent, once there are so many."""
        async with asyncio.timeout(GUARD_S):
            while True:
                self._committed.clear()
                rows = await self.house.store.reader.rows(Turn, call=CALL)
                causes = [row.cause for row in sorted(rows, key=lambda row: row.began_us)]
                if len(causes) >= count:
                    return causes
                await self._committed.wait()

    def _told(self, batch: list[Committed]) -> None:
        self._committed.set()


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    ours, theirs = socket.socketpair()
    await house.speech.attach(ours)
    await up(house.store, CALL)
    made = Desk(house, await house.prepare_key(), Recogniser(theirs))
    yield made
    made.live.disarm()
    made.attending.leave(CALL)
    await house.speech.detach()
    theirs.close()


async def asked(desk: Desk) -> None:
    """The question was heard: an answer counts."""
    await consent.asked(desk.house.store, CALL)


async def recording_of(desk: Desk) -> State:
    return (await consent.standings(desk.house.store, CALL))[consent.RECORDING].state


async def test_a_key_does_not_wait_for_words_that_are_still_being_understood(desk: Desk) -> None:
    await agrees(desk.house.store, CALL, Event.NO)
    desk.says("m-1")
    await desk.recogniser.asked()
    desk.presses("5", "m-2")
    assert await desk.turns(2) == ["enter", "dtmf"]
    await desk.recogniser.answer("hello")
    assert await desk.turns(3) == ["enter", "dtmf", "heard"]


async def test_a_key_answers_the_question_though_a_voice_is_still_being_understood(
    desk: Desk,
) -> None:
    await asked(desk)
    desk.says("m-1")
    await desk.recogniser.asked()
    desk.presses("2", "m-2")
    assert await desk.turns(1) == ["enter"]
    assert await recording_of(desk) is State.REFUSED
    await desk.recogniser.answer("yes")
    desk.presses("7", "m-3")
    assert await desk.turns(2) == ["enter", "dtmf"]
    assert await recording_of(desk) is State.REFUSED


async def test_who_is_being_understood_is_not_silent(desk: Desk) -> None:
    await asked(desk)
    desk.says("m-1")
    await desk.recogniser.asked()
    desk.attending.deliver(CALL, {"event": "silence"}, b"")
    desk.presses("2", "m-2")
    assert await desk.turns(1) == ["enter"]
    events = await desk.house.store.reader.rows(ConsentEvent, call=CALL)
    assert [event for event in events if event.event in (Event.UNCLEAR, Event.SILENCE)] == []


class Sound(bytearray):
    """Of which one can ask whether anybody still has it."""


async def test_what_was_being_understood_of_a_call_that_is_left_is_let_go_at_once(
    desk: Desk,
) -> None:
    await agrees(desk.house.store, CALL, Event.NO)
    sound = Sound(b"\0\0")
    kept = weakref.ref(sound)
    header = {"event": "heard", "id": "m-1", "rate": 8_000, "at_us": 1, "end_us": 2}
    desk.attending.deliver(CALL, header, cast("bytes", sound))
    del sound
    await desk.recogniser.asked()
    gc.disable()
    try:
        desk.attending.leave(CALL)
        assert await desk.turns(1) == ["enter"]
        assert kept() is None
    finally:
        gc.enable()
