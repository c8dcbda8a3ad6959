"""Who calls: sealed from the first row of a dialog on, under a key that dies by its own rules."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime import canonical
from runtime.errors import Refused, StoreBroken
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect
from runtime.performer import Closing
from runtime.values import row_to_plain
from sessions import recovery
from sessions.callers import RESPONSES_KEPT_S, Callers
from sessions.discreet import EffectFailed, discreet
from sessions.house import House
from sessions.reducers import call_offered
from telephony.reducers import dialog_saved
from telephony.sip import DialogState
from telephony.tables import Dialog

pytestmark = pytest.mark.anyio

STATE = DialogState(
    id="d1",
    role="uas",
    status="early",
    call_id="cassowary@198.51.100.7",
    local_tag="ours",
    remote_tag="theirs",
    local_uri="<sip:desk@example.org>",
    remote_uri='"Zanzibar Quetzal" <sip:+41790001122@198.51.100.7>',
    local_cseq=0,
    remote_cseq=7,
    route_set="<sip:198.51.100.7;lr>\n<sip:198.51.100.8;lr>",
    remote_target="sip:+41790001122@198.51.100.7:5062",
    destination_host="198.51.100.7",
    destination_port=5062,
    server_branch="z9hG4bKcassowary",
    server_request=b"INVITE sip:desk@example.org SIP/2.0\r\n\xff",
    remote_sdp=b"c=IN IP4 198.51.100.7",
    created_us=5,
)
PERSONAL = ("cassowary", "198.51.100", "Zanzibar", "4179", "desk@", "ours", "theirs")


async def save(house: House, callers: Callers, state: DialogState) -> str:
    """Commit a dialog; the id of its key."""
    row = await callers.row(state)
    await house.act(dialog_saved, state.id, dialog=row)
    return row.sealed.key_id


async def offer(house: House, callers: Callers, call: str) -> str:
    """Make it a call; the id of its key."""
    await house.act(
        call_offered,
        call,
        line="sip",
        remote=await callers.seal(call, STATE.remote_uri),
        local=await callers.seal(call, STATE.local_uri),
        agent="x:Y",
        words_key=await house.prepare_key(),
    )
    ((key_id,),) = await house.store.reader.sql("SELECT caller_key FROM call WHERE id = ?", [call])
    return str(key_id)


def is_there(house: House, key_id: str) -> bool:
    try:
        house.keystore.key(key_id)
    except KeyDestroyed:
        return False
    return True


async def test_a_dialog_comes_back_from_its_row_as_it_was(house: House) -> None:
    callers = Callers(house)
    await save(house, callers, STATE)
    await save(house, callers, replace(STATE, status="confirmed", final_response=b"SIP/2.0 200"))
    (row,) = await house.store.reader.rows(Dialog)
    found = Callers(house).dialog(row)
    assert found == replace(STATE, status="confirmed", final_response=b"SIP/2.0 200")


async def test_neither_row_nor_log_holds_anything_personal_in_plain(house: House) -> None:
    callers = Callers(house)
    await save(house, callers, STATE)
    (row,) = await house.store.reader.rows(Dialog)
    entries = await house.store.reader.sql("SELECT entry FROM log")
    shown = str(row_to_plain(row)) + "".join(bytes(entry).decode() for (entry,) in entries)
    assert [word for word in PERSONAL if word in shown] == []
    opened = house.unseal(row.sealed)
    assert canonical.decode(opened.encode())["call_id"] == STATE.call_id


async def test_a_dialog_and_its_call_have_one_key_however_often_they_are_saved(
    house: House,
) -> None:
    callers = Callers(house)
    both = await asyncio.gather(*(save(house, callers, STATE) for _ in range(3)))
    key_ids = {*both, await offer(house, callers, "d1"), await save(house, callers, STATE)}
    assert len(key_ids) == 1


async def test_rows_of_one_dialog_keep_their_order_while_no_key_is_ready(house: House) -> None:
    callers = Callers(house)
    cseqs = range(5)
    states = [replace(STATE, remote_cseq=n) for n in cseqs]
    await asyncio.gather(*(save(house, callers, state) for state in states))
    (row,) = await house.store.reader.rows(Dialog)
    found = callers.dialog(row)
    assert found is not None and found.remote_cseq == cseqs[-1]


async def test_the_key_of_a_dialog_that_never_was_a_call_is_destroyed(house: House) -> None:
    callers = Callers(house)
    key_id = await save(house, callers, STATE)
    other = await save(house, callers, replace(STATE, id="d2"))
    await offer(house, callers, "d2")
    await callers.forget("d1")
    await callers.forget("d2")
    assert [is_there(house, key) for key in (key_id, other)] == [False, True]


async def test_a_line_outlives_the_erasure_of_who_called(house: House) -> None:
    callers = Callers(house)
    await save(house, callers, STATE)
    erased = await offer(house, callers, "d1")
    house.keystore.destroy(erased)
    rows = await house.store.reader.rows(Dialog)
    assert Callers(house).dialog(rows[0]) is None

    again = await asyncio.gather(*(save(house, callers, STATE) for _ in range(2)))
    assert len(set(again)) == 1 and erased not in again
    await callers.forget("d1")
    assert not is_there(house, again[0])


async def test_the_sweep_leaves_the_keys_of_calls_and_of_open_dialogs(house: House) -> None:
    callers = Callers(house)
    now = house.clock()
    lately, long_ago = now - 1_000_000, now - 2 * RESPONSES_KEPT_S * 1_000_000
    states = [
        STATE,
        replace(STATE, id="d2", status="terminated", ended_us=lately),
        replace(STATE, id="d3", status="terminated", ended_us=long_ago),
        replace(STATE, id="d4", status="terminated", ended_us=long_ago),
    ]
    keys = [await save(house, callers, state) for state in states]
    await offer(house, callers, "d4")
    await house.keys.fill()
    stray = house.keystore.prepare()
    await recovery.sweep(house)
    assert [is_there(house, key) for key in keys] == [True, True, False, True]
    assert not is_there(house, stray)


async def test_why_an_effect_failed_quotes_nobody() -> None:
    async def fails(effect: Effect, args: dict[str, Any]) -> Closing | None:
        raise ValueError(STATE.remote_uri)

    async def refuses(effect: Effect, args: dict[str, Any]) -> Closing | None:
        raise Refused("the call has ended")

    effect: Any = None
    with pytest.raises(EffectFailed, match=r"^ValueError at test_callers.py:\d+$"):
        await discreet(fails)(effect, {})
    with pytest.raises(Refused, match="has ended"):
        await discreet(refuses)(effect, {})


async def test_a_keystore_whose_disk_fails_ends_the_node(house: House, tmp_path: Path) -> None:
    (tmp_path / "keys").rmdir()
    with pytest.raises(StoreBroken, match="the disk failed"):
        await house.prepare_key()
    assert isinstance(await house.store.broken, StoreBroken)
    (tmp_path / "keys").mkdir()


async def test_a_key_that_cannot_be_destroyed_ends_the_node(house: House, tmp_path: Path) -> None:
    key_id = await house.prepare_key()
    await house.keys.fill()
    (tmp_path / "keys").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreBroken, match="the disk failed"):
        await house.discard_key(key_id)
    assert isinstance(await house.store.broken, StoreBroken)
    (tmp_path / "elsewhere").rename(tmp_path / "keys")
