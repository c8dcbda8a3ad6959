"""Claims about a span that is destroyed by a process which dies on the way."""

from pathlib import Path

import pytest

from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect, EffectState
from sessions.retention.span_tables import ShredState, SpanShred
from sessions.retention.tables import KeyDestroyed as Destroyed
from sessions.tables import Call
from tests.parley.a_call import BEGIN_US, agreed
from tests.sessions.retention.desk import desk

pytestmark = pytest.mark.anyio


async def test_what_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        asked = await here.ask(
            "span.shred",
            call=one.call,
            party="caller",
            from_us=BEGIN_US,
            until_us=BEGIN_US + 60_000_000,
            words=[f"{one.call}:2#1-1"],
            reason="found late",
        )
        assert asked["chunks"] == 2
        await here.approve(asked["gate"])
        due = await here.store.reader.rows(Effect, state=EffectState.OPEN)
        (fired,) = [row for row in due if "sessions.shred_approved" in row.args]
        await here.retaining.perform(here.store, fired)
        due = await here.store.reader.rows(Effect, state=EffectState.OPEN)
        (found,) = [row for row in due if row.kind == "sessions.shred"]
        # It is all done but for the last commit: there the process dies.
        closing = await here.retaining.shell.shredding.shred(found, {"shred": asked["shred"]})
        assert closing is not None
        (row,) = await here.store.reader.rows(SpanShred)
        assert row.state is ShredState.BEGUN
        (call,) = await here.store.reader.rows(Call, id=one.call)
        after = call.words_key
        assert after != one.words_key
    async with desk(tmp_path, BEGIN_US + 2 * 86_400_000_000) as here:
        await here.retaining.carry_out()
        (row,) = await here.store.reader.rows(SpanShred)
        assert row.state is ShredState.EXECUTED
        (gone,) = await here.store.reader.rows(Destroyed)
        assert (gone.id, gone.erasure) == (one.words_key, row.id)
        (call,) = await here.store.reader.rows(Call, id=one.call)
        assert call.words_key == after
        assert here.keys.key(after)
        with pytest.raises(KeyDestroyed):
            here.keys.key(one.words_key)
        # The call as a whole can still be erased.
        assert (await here.erase(one.call))["state"] == "requested"
        with pytest.raises(KeyDestroyed):
            here.keys.key(after)
