"""Claims about an erasure that was asked for while the call was up."""

from pathlib import Path

import pytest

from consent.machine import Event
from runtime.keystore import KeyDestroyed
from sessions.retention.tables import Erasure, ErasureState, ProcessorNotice
from tests.parley.a_call import Playing, playing
from tests.sessions.retention.desk import Desk, desk

pytestmark = pytest.mark.anyio


async def up(data: Path) -> Playing:
    """A call that is up, recorded, with words."""
    call = await playing(data, "call_live")
    await call.ring()
    await call.ask()
    await call.answer(Event.YES_KEY, "dtmf:1")
    await call.record(0)
    await call.talk()
    await call.store.close()
    return call


async def over(data: Path, call: Playing) -> None:
    """It is hung up and sealed, by a process that came later."""
    later = await playing(data, "call_live", call.now_us)
    later.keys, later.granted = call.keys, call.granted
    later.now_us = max(call.now_us, later.now_us)
    await later.hang_up()
    await later.finish()
    await later.store.close()


async def erasure(one: Desk) -> Erasure:
    (row,) = await one.store.reader.rows(Erasure, call="call_live")
    return row


async def test_it_waits_for_the_end_and_survives_restarts(tmp_path: Path) -> None:
    call = await up(tmp_path)
    async with desk(tmp_path, call.now_us) as one:
        found = await one.ask("erasure.request", calls=["call_live"], reason="she asked")
        assert [each["state"] for each in found["erasures"]] == ["queued"]
        assert found["erasures"][0]["gate"] is None
        again = await one.ask("erasure.request", calls=["call_live"], reason="again")
        assert "is queued already" in again["erasures"][0]["why"]
        await one.retaining.carry_out()
        assert (await erasure(one)).state is ErasureState.QUEUED
        call.now_us = one.now_us[0]
    await over(tmp_path, call)
    async with desk(tmp_path, call.now_us + 60_000_000) as one:
        assert (await erasure(one)).state is ErasureState.QUEUED
        await one.retaining.carry_out()
        row = await erasure(one)
        assert row.state is ErasureState.REQUESTED
        assert row.gate is not None
        await one.approve(row.gate)
        await one.retaining.carry_out()
        assert (await erasure(one)).state is ErasureState.EXECUTED
        with pytest.raises(KeyDestroyed):
            one.keys.key(call.words_key)


async def test_a_hold_that_came_meanwhile_wins_and_the_subject_is_told(tmp_path: Path) -> None:
    call = await up(tmp_path)
    async with desk(tmp_path, call.now_us) as one:
        await one.ask("erasure.request", calls=["call_live"], reason="she asked")
        await one.ask("hold.place", matter="M", calls=["call_live"], callers=[])
        call.now_us = one.now_us[0]
    await over(tmp_path, call)
    async with desk(tmp_path, call.now_us + 60_000_000) as one:
        await one.retaining.carry_out()
        assert (await erasure(one)).state is ErasureState.REFUSED
        assert one.keys.key(call.words_key)
        (notice,) = await one.store.reader.rows(ProcessorNotice, call="call_live")
        assert notice.recipient == "the data subject: refused"
        assert "audio" in notice.artefacts
