"""What was told is told again before we hang up; where nobody heard it, the record says so."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.machine import Event
from consent.tables import ConsentEvent, ConsentHeard, ConsentPrompt, ConsentTerm
from consent.terms import Term, ask_terms
from conversation.agent import Agent
from conversation.tables import Utterance
from parley.plain import fields_of
from parley.words import unsaid
from runtime.outbox import Effect
from runtime.performer import Closing
from runtime.store import Store
from sessions.announcing import Announcing
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import call_answered, call_ended, call_offered, call_rang, hang_up_decided
from sessions.tables import Call
from sessions.transferring import Transferring
from sessions.voice import Voice
from tests.asked import TEXT, act, answers, asked

pytestmark = pytest.mark.anyio

CALL = "c1"
TOTAL_MS = 1_000
KEYS = {"caller": "key_c", "agent": "key_a"}
SAID = "recording-closing-en-1"


def terms() -> tuple[Term, ...]:
    """As a policy has them by which it is said at the end, too, that the call is recorded."""
    return tuple(
        replace(term, closing=SAID) if term.scope == "recording" else term for term in ask_terms()
    )


async def up(store: Store, of: tuple[Term, ...], words_key: str = "key_w") -> None:
    line = {"line": "sip", "remote": TEXT, "local": TEXT, "agent": "x:Y", "words_key": words_key}
    await act(store, call_offered, CALL, **line)
    await act(store, call_rang, CALL)
    await act(store, call_answered, CALL, terms=of, keys={})


async def recorded(store: Store, answer: Event = Event.YES_KEY, words_key: str = "key_w") -> None:
    await up(store, terms(), words_key)
    await asked(store, CALL)
    await answers(store, CALL, answer, KEYS)


async def at_the_end(store: Store) -> list[str]:
    rows = await store.reader.rows(Effect, scope=CALL)
    return sorted(row.kind for row in rows if row.kind in ("sessions.close", "telephony.hang_up"))


async def not_said(store: Store) -> str:
    """By the record, as `parley show` has it."""
    reader = store.reader
    heard = {one.id for one in await reader.rows(ConsentHeard, call=CALL)}
    (call,) = await reader.rows(Call, id=CALL)
    return unsaid(
        {
            "call": {"ended_us": call.ended_us},
            "terms": [fields_of(one) for one in await reader.rows(ConsentTerm, call=CALL)],
            "consent": [fields_of(one) for one in await reader.rows(ConsentEvent, call=CALL)],
            "prompts": [
                {**fields_of(one), "heard": one.id in heard}
                for one in await reader.rows(ConsentPrompt, call=CALL)
            ],
        }
    )


class Spoken(Voice):
    """It is played as far as it is told to."""

    played_ms = TOTAL_MS

    async def say(
        self,
        live: LiveCall,
        row: Utterance,
        progress: Callable[[int], None] | None = None,
        *,
        language: str = "",
    ) -> Closing:
        played = {"utterance": row.id, "played_ms": self.played_ms, "total_ms": TOTAL_MS}
        return Closing("sessions.utterance_ended", {**played, "interrupted": False, "heard": None})


async def closed(house: House, played_ms: int = TOTAL_MS) -> Closing | None:
    """The effect is performed."""
    words_key = await house.prepare_key()
    await recorded(house.store, words_key=words_key)
    await act(house.store, hang_up_decided, CALL)
    calls = {CALL: LiveCall(CALL, words_key, Agent())}
    voice = Spoken(house, calls)
    voice.played_ms = played_ms
    announcing = Announcing(house, calls, voice, Transferring(house, calls, {}))
    (effect,) = await house.store.reader.rows(Effect, kind="sessions.close")
    return await announcing.close(effect, {})


async def test_it_is_said_before_the_line_is_closed(store: Store) -> None:
    await recorded(store)
    await act(store, hang_up_decided, CALL)
    assert await at_the_end(store) == ["sessions.close", "telephony.hang_up"]


async def test_who_refused_is_not_told_that_they_are_recorded(store: Store) -> None:
    await recorded(store, Event.NO)
    await act(store, hang_up_decided, CALL)
    assert await at_the_end(store) == ["telephony.hang_up"]
    await act(store, call_ended, CALL, by="agent")
    assert await not_said(store) == ""


async def test_once_it_was_heard_it_is_not_said_again(house: House) -> None:
    said = await closed(house)
    assert said is not None
    (prompt,) = await house.store.reader.rows(ConsentPrompt, act="close")
    assert (prompt.wordings, prompt.scopes) == ((SAID,), ("recording",))
    assert await house.store.reader.rows(ConsentHeard, id=prompt.id) != []
    await act(house.store, hang_up_decided, CALL)
    assert (await at_the_end(house.store)).count("sessions.close") == 1
    await act(house.store, call_ended, CALL, by="agent")
    assert await not_said(house.store) == ""


async def test_what_broke_off_counts_as_not_heard(house: House) -> None:
    await closed(house, TOTAL_MS // 2)
    await act(house.store, call_ended, CALL, by="caller")
    assert await not_said(house.store) == "recording"


async def test_where_the_caller_hangs_up_before_the_record_says_so(store: Store) -> None:
    await recorded(store)
    assert await not_said(store) == ""
    await act(store, call_ended, CALL, by="caller")
    assert await not_said(store) == "recording"
