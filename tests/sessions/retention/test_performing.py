"""With a node's performer beside the store: what people decide is done, without being asked."""

import asyncio
from pathlib import Path

import pytest

from runtime.performer import Performer
from sessions import reducers as sessions
from sessions.retention.tables import Erasure, ErasureState, HeldCall
from tests.parley.a_call import agreed
from tests.sessions.retention.desk import Desk, desk

pytestmark = pytest.mark.anyio


async def until(here: Desk, call: str, state: ErasureState) -> None:
    async with asyncio.timeout(30):
        while [row.state for row in await here.store.reader.rows(Erasure, call=call)] != [state]:
            continue


async def test_a_node_destroys_what_two_people_approved(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        performer = Performer(here.store, lambda: here.now_us[0])
        here.retaining.join(performer)
        await performer.recover()
        asked = await here.ask("erasure.request", calls=[one.call], reason="why")
        await here.approve(asked["erasures"][0]["gate"])
        await until(here, one.call, ErasureState.EXECUTED)
        await performer.close()


async def test_a_node_goes_on_with_what_a_dead_one_began(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        asked = await here.ask("erasure.request", calls=[one.call], reason="why")
        await here.approve(asked["erasures"][0]["gate"])
    async with desk(tmp_path) as here:
        performer = Performer(here.store, lambda: here.now_us[0])
        here.retaining.join(performer)
        await performer.recover()
        await until(here, one.call, ErasureState.EXECUTED)
        await performer.close()


async def test_a_node_holds_a_call_from_its_beginning(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        performer = Performer(here.store, lambda: here.now_us[0])
        here.retaining.join(performer)
        hold = (await here.ask("hold.place", matter="Case 12", callers=["+41790001122"]))["hold"]
        for call, who in (("call_a", "+41790001122"), ("call_b", "+41790001133")):
            words, caller = here.keys.prepare_several(2)
            sealed = here.seal(f"sip:{who}@carrier.example", caller)
            await here.store.act(
                sessions.call_offered,
                sender="node",
                scope=call,
                call=call,
                line="sip",
                remote=sealed,
                local=sealed,
                agent="x:Y",
                words_key=words,
            )
        await here.retaining.shell.idle()
        held = await here.store.reader.rows(HeldCall)
        assert [(row.hold, row.call) for row in held] == [(hold, "call_a")]
        await performer.close()
