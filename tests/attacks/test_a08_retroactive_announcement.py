"""Attack A8: "this call was recorded", said when it already was.

What was captured before the grant never becomes a row, whatever is said and agreed to afterwards:
the reducer refuses it, and so does the store against a raw connection.
"""

import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from consent.machine import Event
from parley import history
from recordings.reducers import chunk_sealed
from recordings.tables import Chunk
from runtime.errors import Refused
from tests.parley.a_call import SECOND_US, Playing, playing

assert len(history.DECLARING) > 1, "a store has the tables of all that was imported"

pytestmark = pytest.mark.anyio


def captured(call: Playing, party: str, at_us: int) -> Chunk:
    """A second of a party that was captured then, sealed under the key of the grant."""
    name = f"{call.call}|{party}|1|7"
    return Chunk(
        id=name,
        call=call.call,
        party=party,
        epoch=1,
        n=7,
        key_id=call.granted.get(party, "key_nobody"),
        first_sample=56_000,
        samples=8_000,
        sha256="00" * 32,
        bytes=16_016,
        path="0123456789abcdef-0.seg",
        captured_from_us=at_us,
        at_us=0,
        offset=300,
    )


async def test_what_was_captured_before_the_grant_is_never_taken(tmp_path: Path) -> None:
    call = await playing(tmp_path)
    await call.ring()
    early_us = call.now_us + SECOND_US
    call.now_us += 10 * SECOND_US
    with pytest.raises(Refused, match="nobody granted"):
        await call.act(chunk_sealed, chunk=captured(call, "caller", early_us))
    # Now it is announced, and the caller agrees to it.
    await call.ask()
    await call.answer(Event.YES_KEY, "dtmf:1")
    granted_us = call.now_us
    for at_us in (early_us, granted_us - 1):
        with pytest.raises(Refused, match="began before"):
            await call.act(chunk_sealed, chunk=captured(call, "caller", at_us))
    late = captured(call, "caller", call.now_us)
    await call.act(chunk_sealed, chunk=late)
    assert [one.id for one in await call.store.reader.rows(Chunk)] == [late.id]
    await call.store.close()


async def test_the_store_refuses_it_without_our_code(tmp_path: Path) -> None:
    call = await playing(tmp_path)
    await call.ring()
    early_us = call.now_us
    await call.ask()
    await call.answer(Event.YES_KEY, "dtmf:1")
    late = captured(call, "caller", call.now_us)
    await call.act(chunk_sealed, chunk=late)
    await call.store.close()
    raw = sqlite3.connect(tmp_path / "parley.db")
    row = asdict(replace(late, id="other", n=8, captured_from_us=early_us))
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    with pytest.raises(sqlite3.IntegrityError, match="not admitted"):
        raw.execute(f"INSERT INTO chunk ({columns}) VALUES ({marks})", list(row.values()))
    # The same of after the grant would be admitted: what is refused is the time.
    row["captured_from_us"] = late.captured_from_us
    raw.execute(f"INSERT INTO chunk ({columns}) VALUES ({marks})", list(row.values()))
    raw.close()
