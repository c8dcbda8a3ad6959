"""A line that must be recorded: no conversation goes on there without a recording."""

from dataclasses import replace

import pytest

from consent.machine import Event, Reason
from consent.policy.terms import OnNo
from consent.terms import Term, ask_terms
from conversation.agent import Agent
from recordings.tables import Recording, RecordingState
from runtime import canonical
from runtime.outbox import Effect
from runtime.store import Store
from sessions.consent_reducers import consent_withdrawn
from sessions.house import House
from sessions.live import LiveCall
from sessions.referring import Referring
from sessions.sealing import GIVEN_UP_US, Sealing
from sessions.turns import Turns
from tests.asked import act, answers, asked, standings

from .test_closing import CALL, KEYS, up

pytestmark = pytest.mark.anyio

WHY = "the disk is full"


def terms(on_no: OnNo = OnNo.CONTINUE_UNRECORDED, *, must_record: bool = True) -> tuple[Term, ...]:
    return tuple(
        replace(term, must_record=must_record, on_no=on_no) if term.scope == "recording" else term
        for term in ask_terms()
    )


async def answered(store: Store, answer: Event, of: tuple[Term, ...]) -> None:
    await up(store, of)
    await asked(store, CALL)
    await answers(store, CALL, answer, KEYS)


async def turned_away(store: Store) -> list[tuple[str, str]]:
    """How, and with which words."""
    rows = await store.reader.rows(Effect, kind="sessions.turn_away")
    found = [canonical.decode(row.args.encode()) for row in rows]
    return [(args["how"], args["why"]) for args in found]


def sealing(house: House) -> tuple[Sealing, LiveCall]:
    live = LiveCall(CALL, "key_w", Agent())
    calls = {CALL: live}
    return Sealing(house, calls, Turns(house, calls, Referring(house))), live


async def recording(store: Store) -> Recording:
    (row,) = await store.reader.rows(Recording)
    return row


@pytest.mark.parametrize("on_no", [OnNo.CONTINUE_UNRECORDED, OnNo.TRANSFER_HUMAN_UNRECORDED])
async def test_a_refusal_ends_it_whatever_else_the_policy_says(store: Store, on_no: OnNo) -> None:
    await answered(store, Event.NO, terms(on_no))
    assert await turned_away(store) == [("end_with_reason", "refusal-end")]


async def test_a_withdrawal_ends_it_too_and_offers_nothing(store: Store) -> None:
    await answered(store, Event.YES_KEY, terms())
    await act(store, consent_withdrawn, CALL)
    assert await turned_away(store) == [("end_with_reason", "refusal-end")]
    (said,) = await store.reader.rows(Effect, kind="sessions.tell")
    assert canonical.decode(said.args.encode()) == {"what": ["recording-stopped"]}


async def test_a_gate_that_never_stays_open_ends_it(house: House) -> None:
    await answered(house.store, Event.YES_KEY, terms())
    keeper, live = sealing(house)
    live.unrecorded_since_us = house.clock() - GIVEN_UP_US
    assert await keeper.is_given_up(live, WHY)
    assert await turned_away(house.store) == [("end_with_reason", "refusal-fault")]
    assert (await recording(house.store)).state is RecordingState.SUSPENDED
    standing = (await standings(house.store, CALL))["recording"]
    assert standing.closed_by == (Reason.FAULT,)
    # Once: another loss says it no second time.
    assert await keeper.is_given_up(live, WHY)
    assert len(await turned_away(house.store)) == 1


async def test_one_that_was_lost_just_now_is_opened_again(house: House) -> None:
    await answered(house.store, Event.YES_KEY, terms())
    keeper, live = sealing(house)
    assert not await keeper.is_given_up(live, WHY)
    live.unrecorded_since_us = house.clock()
    assert not await keeper.is_given_up(live, WHY)
    assert await turned_away(house.store) == []


async def test_a_line_that_need_not_be_recorded_goes_on(house: House) -> None:
    await answered(house.store, Event.YES_KEY, terms(must_record=False))
    keeper, live = sealing(house)
    live.unrecorded_since_us = house.clock() - 2 * GIVEN_UP_US
    assert not await keeper.is_given_up(live, WHY)
    assert (await recording(house.store)).state is RecordingState.OPEN


async def test_a_piece_of_audio_says_that_its_gate_is_open(house: House) -> None:
    keeper, live = sealing(house)
    live.unrecorded_since_us = 1
    piece = {"call": CALL, "party": "caller", "epoch": 1, "n": 0, "at_us": 1, "samples": 8_000}
    await keeper.take({**piece, "rate": 8_000})
    assert live.unrecorded_since_us == 0
