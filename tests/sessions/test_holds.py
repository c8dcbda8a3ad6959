"""Pauses as rows: by whom, from when to when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from consent.machine import Event, Reason, State
from consent.tables import ConsentEvent
from consent.terms import ask_terms
from recordings.tables import Recording, RecordingState
from runtime import Refused, Sealed
from runtime.outbox import Effect
from runtime.store import Store
from sessions.hold_reducers import hold_asked, hold_settled, resume_asked
from sessions.reducers import (
    call_answered,
    call_ended,
    call_offered,
    call_rang,
    greeting_put,
    leg_changed,
    leg_planned,
    leg_rolled_over,
)
from sessions.tables import Hold, Leg
from tests.asked import NEVER, RECORDING, answers, asked, standings

pytestmark = pytest.mark.anyio

CALL = "c1"
WHO: Sealed[str] = Sealed("key_c", b"box", b"commitment")
KEYS: Sealed[str] = Sealed("key_c", b"keys", b"commitment")
LEG = Leg(CALL, CALL, "PCMU", 0, 101, 4_000, WHO, 9, 1, 2, 3, 7_000_000)


async def act(store: Store, reducer: Any, **args: Any) -> Any:
    return await store.act(reducer, sender="node", scope=CALL, **args)


async def offered(store: Store) -> None:
    who = {"remote": WHO, "local": WHO, "agent": "x:Y", "words_key": "key_w"}
    await act(store, call_offered, call=CALL, line="sip", **who)


async def up(store: Store) -> None:
    await offered(store)
    await act(store, call_rang, call=CALL)
    await act(store, leg_planned, leg=LEG)
    await act(store, call_answered, call=CALL, **NEVER)


async def moved(store: Store, direction: str, **more: Any) -> Leg:
    to = {"remote_host": WHO, "remote_port": 9, "payload_type": 0, "dtmf_payload_type": 101}
    await act(store, leg_changed, call=CALL, direction=direction, **(to | more))
    (leg,) = await store.reader.rows(Leg)
    return leg


async def holds(store: Store) -> list[Hold]:
    return await store.reader.rows(Hold)


async def test_the_caller_holds_and_resumes(store: Store) -> None:
    await up(store)
    await moved(store, "recvonly")
    await moved(store, "inactive")
    (held,) = await holds(store)
    assert (held.by, held.until_us) == ("caller", None) and held.since_us is not None
    await moved(store, "sendrecv")
    await moved(store, "recvonly")
    first, second = await holds(store)
    assert first.until_us is not None and second.until_us is None


async def test_a_pause_begins_once_the_other_side_agrees(store: Store) -> None:
    await up(store)
    assert await act(store, hold_asked, call=CALL, hold="h1") == "h1"
    # Asked once more, it is the same pause.
    assert await act(store, hold_asked, call=CALL, hold="h2") == "h1"
    (asked,) = await holds(store)
    assert (asked.since_us, asked.until_us) == (None, None)
    await act(store, hold_settled, hold="h1", on=True, agreed=True)
    (begun,) = await holds(store)
    assert begun.since_us is not None
    assert await act(store, resume_asked, call=CALL) == "h1"
    await act(store, hold_settled, hold="h1", on=False, agreed=False)
    assert [row.until_us for row in await holds(store)] == [None]
    await act(store, hold_settled, hold="h1", on=False, agreed=True)
    assert [row.until_us is None for row in await holds(store)] == [False]
    assert await act(store, resume_asked, call=CALL) is None
    asked_for = [e for e in await store.reader.rows(Effect) if e.kind == "telephony.hold"]
    assert len(asked_for) == 2


async def test_a_refused_pause_never_began(store: Store) -> None:
    await up(store)
    await act(store, hold_asked, call=CALL, hold="h1")
    await act(store, hold_settled, hold="h1", on=True, agreed=False)
    (row,) = await holds(store)
    assert row.since_us is None and row.until_us is not None


async def test_a_pause_ends_with_its_call_and_none_begins_before_or_after(store: Store) -> None:
    await offered(store)
    with pytest.raises(Refused, match="only an open line"):
        await act(store, hold_asked, call=CALL, hold="h0")
    await act(store, call_rang, call=CALL)
    await act(store, leg_planned, leg=LEG)
    await act(store, call_answered, call=CALL, **NEVER)
    await moved(store, "recvonly")
    await act(store, call_ended, call=CALL, by="caller")
    assert [row.until_us is None for row in await holds(store)] == [False]
    with pytest.raises(Refused):
        await act(store, hold_asked, call=CALL, hold="h1")


async def test_new_keys_count_from_nothing_and_old_ones_go_on(store: Store) -> None:
    await offered(store)
    keyed = replace(LEG, srtp_suite="AEAD_AES_128_GCM", srtp_keys=KEYS, srtp_roc=3)
    await act(store, leg_planned, leg=keyed)
    same = await moved(store, "sendrecv", srtp_suite="AEAD_AES_128_GCM", srtp_keys=KEYS)
    assert same.srtp_roc == 3
    await act(store, leg_rolled_over, call=CALL, roc=4)
    assert (await moved(store, "sendrecv", srtp_suite="AEAD_AES_128_GCM", srtp_keys=KEYS)) == (
        replace(same, srtp_roc=4)
    )
    fresh = await moved(store, "sendrecv", srtp_suite="AEAD_AES_128_GCM", srtp_keys=WHO)
    assert (fresh.srtp_roc, fresh.srtp_keys) == (0, WHO)
    plain = await moved(store, "sendrecv", codec="PCMA")
    assert (plain.srtp_suite, plain.srtp_keys, plain.codec) == ("", None, "PCMA")


async def test_only_a_call_that_rings_is_greeted(store: Store) -> None:
    await up(store)
    with pytest.raises(Refused):
        await act(store, greeting_put, call=CALL, utterance="u", text=WHO)


async def test_what_a_policy_closes_during_a_hold_is_closed_in_its_commit(store: Store) -> None:
    await offered(store)
    await act(store, call_rang, call=CALL)
    await act(store, leg_planned, leg=LEG)
    terms = tuple(replace(one, pauses_on_hold=one.scope == RECORDING) for one in ask_terms())
    await act(store, call_answered, call=CALL, terms=terms, keys={})
    await asked(store, CALL)
    await answers(store, CALL, Event.YES_KEY)

    await moved(store, "recvonly")
    standing = (await standings(store, CALL))[RECORDING]
    assert (standing.state, standing.closed_by) == (State.GRANTED, (Reason.HOLD,))
    (recording,) = await store.reader.rows(Recording)
    assert recording.state is RecordingState.SUSPENDED
    (held,) = await holds(store)
    assert recording.suspended_us == held.since_us

    await moved(store, "inactive")
    await moved(store, "sendrecv")
    (recording,) = await store.reader.rows(Recording)
    assert (recording.state, recording.epoch) == (RecordingState.OPEN, 2)
    rows = await store.reader.rows(ConsentEvent, scope=RECORDING)
    assert [one.number for one in rows if one.event in (Event.HELD, Event.RESUMED)] == [21, 23]
