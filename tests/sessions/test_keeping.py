"""A caller says a card number: no byte that is kept says it too, whatever keys there are."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from consent.machine import Event
from conversation.agent import Agent
from conversation.speech.engines import Hearing, SpokenWord
from conversation.speech.messages import hearing_answer
from conversation.tables import Action, Turn, Utterance
from media.wire import Decoder, encode
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect, EffectState
from runtime.sealed import from_json, unseal
from sessions import keeping
from sessions.asking import Asking
from sessions.attending import Attending
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import (
    call_answered,
    call_ended,
    call_offered,
)
from sessions.referring import Referring
from sessions.session import Session
from sessions.turns import Turns
from sessions.voice import Voice
from tests.asked import ASK, answers, asked
from transcripts.redaction.finding import Found, What, find
from transcripts.tables import Revision, Segment

pytestmark = pytest.mark.anyio

CALL = "c1"
CARD = "4242424242424242"
WAIT_S = 30.0


class Recogniser:
    """Hears what it is told to hear: the far end of the speech link."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.ours, self._sock = socket.socketpair()
        self._sock.setblocking(False)

    async def serve(self) -> None:
        loop, decoder = asyncio.get_running_loop(), Decoder()
        with suppress(OSError):
            while data := await loop.sock_recv(self._sock, 65_536):
                for header, _ in decoder.feed(data):
                    text = self.texts.pop(0)
                    words = tuple(
                        SpokenWord(word, 100 * at, 100 * at + 90, 900)
                        for at, word in enumerate(text.split())
                    )
                    heard = Hearing(text, 900, "an engine", True, "dictation", words)
                    req: Any = header["req"]
                    await loop.sock_sendall(self._sock, encode(hearing_answer(req, heard)))

    def close(self) -> None:
        self._sock.close()


class Line:
    """A call in which recording was agreed to, and everything that attends to it."""

    def __init__(self, house: House, words_key: str, texts: list[str]) -> None:
        self.house = house
        self.live = LiveCall(CALL, words_key, Agent())
        calls = {CALL: self.live}
        self.attending = Attending(house, calls, Asking(house, calls, Voice(house, calls)))
        self.turns = Turns(house, calls, Referring(house))
        self.turns.admit(self.live, None)
        self.attending.begin(self.live)
        self.recogniser = Recogniser(texts)
        self.changed = asyncio.Event()
        house.store.listen(lambda batch: self.changed.set())
        self._count = 0

    @property
    def session(self) -> Session:
        session = self.live.agent.session
        assert isinstance(session, Session)
        return session

    def says(self) -> None:
        self._count += 1
        at_us = self.house.clock()
        header = {"event": "heard", "id": f"e{self._count}", "rate": 8_000}
        header |= {"at_us": at_us, "end_us": self.house.clock()}
        self.attending.deliver(CALL, header, bytes(320))

    async def until(self, count: int, cls: type[Any]) -> list[Any]:
        """So many rows, once they are there."""
        async with asyncio.timeout(WAIT_S):
            while True:
                self.changed.clear()
                rows: list[Any] = await self.house.store.reader.rows(cls)
                if len(rows) >= count:
                    return rows
                await self.changed.wait()


@pytest.fixture
async def line(house: House) -> AsyncIterator[Callable[[list[str]], Any]]:
    made: list[Line] = []
    tasks: list[asyncio.Task[None]] = []

    async def make(texts: list[str]) -> Line:
        words_key, caller_key = await house.prepare_key(), await house.prepare_key()
        who = house.seal("sip:anna@example.org", caller_key)
        offered: dict[str, Any] = {"line": "sip", "remote": who, "local": who, "agent": "x:Y"}
        await house.act(call_offered, CALL, **offered, words_key=words_key)
        await house.act(call_answered, CALL, **ASK)
        text = house.seal("May we record this call?", words_key)
        await asked(house.store, CALL, "q", text)
        keys = {party: await house.prepare_key() for party in ("caller", "agent")}
        await answers(house.store, CALL, Event.YES_KEY, keys)
        one = Line(house, words_key, texts)
        await house.speech.attach(one.recogniser.ours)
        tasks.append(asyncio.create_task(one.recogniser.serve()))
        made.append(one)
        return one

    yield make
    await house.speech.detach()
    for one in made:
        one.live.disarm()
        one.attending.leave(CALL)
        one.recogniser.close()
    for task in tasks:
        task.cancel()


def everything(folder: Path, house: House) -> str:
    """All that the files say, and all that the keys open of it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    texts = [path.read_bytes().decode(errors="replace") for path in files]
    for text in list(texts):
        for start in _places(text, '{"$sealed":'):
            value, _ = json.JSONDecoder().raw_decode(text, start)
            sealed = from_json(value)
            with suppress(KeyDestroyed):
                texts.append(unseal(sealed, house.keystore.key(sealed.key_id)))
    return "\n".join(texts)


def _places(text: str, what: str) -> list[int]:
    found, at = [], text.find(what)
    while at >= 0:
        found.append(at)
        at = text.find(what, at + 1)
    return found


async def test_a_card_said_in_two_breaths_is_in_no_byte_that_is_kept(
    line: Any, house: House, tmp_path: Path
) -> None:
    one: Line = await line(
        ["my card is four two four two", "forty two forty two 4242 4242 thanks", "my name is anna"]
    )
    one.says()
    (turn,) = [row for row in await one.until(2, Turn) if row.cause == "heard"]
    assert turn.segment is None, "the agent is told at once, the words wait"
    assert await house.store.reader.rows(Segment) == []
    told = one.live.heard[turn.id].result()
    assert told.text_content == "my card is four two four two"
    one.says()
    one.says()
    rows = await one.until(3, Segment)
    assert [house.unseal(row.text) for row in rows] == [
        "my card is [card number]",
        "[card number] thanks",
        "my name is anna",
    ]
    assert [row.destroyed for row in rows] == [("card:3",), ("card:0",), ()]
    assert json.loads(house.unseal(rows[1].words)) == [
        ["[card number]", 0, 590, None],
        ["thanks", 600, 690, 900],
    ]
    kept = everything(tmp_path, house)
    assert "my name is anna" in kept and "my card is [card number]" in kept
    assert [said for said in ("four two", "forty two", "4242") if said in kept] == []


async def test_what_only_looked_like_the_beginning_is_kept_when_the_call_ends(
    line: Any, house: House
) -> None:
    one: Line = await line(["order four two four two"])
    one.says()
    await one.until(2, Turn)
    assert await house.store.reader.rows(Segment) == []
    await house.act(call_ended, CALL, by="caller")
    one.live.end()
    for draft, ready in keeping.due(house, one.live):
        await keeping.keep(house, one.live, draft, ready)
    (row,) = await house.store.reader.rows(Segment)
    assert house.unseal(row.text) == "order four two four two" and row.destroyed == ()


async def test_an_account_number_is_kept_and_hidden_in_the_same_commit(
    line: Any, house: House
) -> None:
    one: Line = await line(["it is DE89 3704 0044 0532 0130 00 thank you"])
    one.says()
    (segment,) = await one.until(1, Segment)
    (revision,) = await house.store.reader.rows(Revision)
    assert house.unseal(revision.text) == "it is [account number] thank you"
    assert revision.spans == ("iban:2-7",) and segment.destroyed == ()
    assert "DE89" in house.unseal(segment.text)


async def test_a_key_that_is_pressed_is_sealed(line: Any, house: House) -> None:
    one: Line = await line([])
    one.attending.deliver(CALL, {"event": "dtmf", "digit": "#", "id": "e9"}, b"")
    rows = await one.until(2, Turn)
    (row,) = (row for row in rows if row.id == f"{CALL}:e9")
    assert row.cause == "dtmf"
    assert row.digit is not None and house.unseal(row.digit) == "#"
    assert "#" not in "".join(
        str(entry) for entry in await house.store.reader.sql("SELECT entry FROM log")
    )


async def test_the_agent_is_not_made_to_keep_what_it_says_or_passes_on(
    line: Any, house: House, tmp_path: Path
) -> None:
    one: Line = await line([])
    session = one.session
    session.begin("t1")
    await session.say(f"So that is {CARD}")
    (row,) = [each for each in await house.store.reader.rows(Utterance) if each.id != "q"]
    assert house.unseal(row.text) == "So that is [card number]"
    assert one.live.clear == {row.id: f"So that is {CARD}"}
    pressing = asyncio.create_task(session.press(CARD))
    (action,) = await one.until(1, Action)
    assert json.loads(house.unseal(action.args)) == {"keys": "[card number]"}
    assert json.loads(one.live.clear[action.id]) == {"keys": CARD}
    pressing.cancel()
    session.userdata["order"] = {"card": int(CARD), "amount": 40}
    turn = await house.store.reader.rows(Turn)
    closing = await one.turns.run(_effect(), {"turn": turn[0].id})
    assert closing is not None
    kept = json.loads(house.unseal(closing.args["userdata"]))
    assert kept == {"order": {"card": "[card number]", "amount": 40}}
    assert CARD not in everything(tmp_path, house)


def _effect() -> Effect:
    return Effect("e", "conversation.turn", CALL, CALL, "{}", EffectState.OPEN, 0, 0, 0, None)


def test_the_recogniser_of_these_tests_says_what_would_be_found() -> None:
    assert find(CARD.split())


async def test_a_code_that_was_keyed_in_is_not_heard_when_the_agent_says_it(line: Any) -> None:
    live = (await line([])).live
    assert keeping.unspoken(live, "your code is 847, thank you") == ()
    live.secrets.add("847")
    assert keeping.unspoken(live, "your code is 847, thank you") == (Found(What.CARD, 3, 3),)
    assert keeping.unspoken(live, f"it is {CARD} and 847") == (
        Found(What.CARD, 2, 2),
        Found(What.CARD, 4, 4),
    )
    assert keeping.unspoken(live, "it is [card number] and") == (Found(What.CARD, 0, 4),)
    live.secrets.add("84 7")
    assert keeping.unspoken(live, "it is 84 7") == (Found(What.CARD, 0, 3),)
