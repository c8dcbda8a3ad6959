"""The keys of a call are one family: from its dialog's first row, over restarts, to its erasure."""

import secrets
from dataclasses import replace

import pytest

from runtime.keystore import KekError, KeyDestroyed, read_tombstones
from runtime.wrapped import parent_of
from sessions import recovery
from sessions.callers import Callers
from sessions.house import House
from sessions.tables import Call
from tests.sessions.test_callers import STATE, offer, save

pytestmark = pytest.mark.anyio


async def test_a_dialog_and_its_call_share_a_key_and_others_do_not(house: House) -> None:
    callers = Callers(house)
    caller_key = await save(house, callers, STATE)
    words_key = await house.prepare_key("d1")
    other = await save(house, callers, replace(STATE, id="d2"))
    assert parent_of(caller_key) == parent_of(words_key) is not None
    assert parent_of(other) not in (None, parent_of(caller_key))
    assert parent_of(await house.prepare_key()) is None


async def test_a_call_that_goes_on_after_a_restart_takes_keys_of_the_same_family(
    house: House,
) -> None:
    callers = Callers(house)
    await save(house, callers, STATE)
    caller_key = await offer(house, callers, "d1")
    house.families.clear()
    await recovery.sweep(house)
    (row,) = await house.store.reader.rows(Call, id="d1")
    house.adopt(row.id, row.caller_key)
    assert parent_of(await house.prepare_key("d1")) == parent_of(caller_key)
    assert len(house.keystore.key(caller_key)) == 32


async def test_a_call_from_before_there_were_families_gets_one(house: House) -> None:
    house.adopt("d1", house.keystore.prepare())
    assert parent_of(await house.prepare_key("d1")) is not None


async def test_a_dialog_that_never_became_a_call_leaves_no_key(house: House) -> None:
    callers = Callers(house)
    before = set(house.keystore.ids())
    key_id = await save(house, callers, STATE)
    await callers.forget("d1")
    assert not [one for one in house.keystore.ids() if str(parent_of(key_id)) in one]
    assert set(house.keystore.ids()) >= before
    assert "d1" not in house.families


async def test_of_a_call_that_is_over_only_what_is_named_is_left(house: House) -> None:
    callers = Callers(house)
    await save(house, callers, STATE)
    key_id = await offer(house, callers, "d1")
    await callers.forget("d1")
    family = str(parent_of(key_id))
    assert [one for one in house.keystore.ids() if family in one] == [family, key_id]
    assert not read_tombstones(house.settings.recordings.parent / "keys")


async def test_a_call_whose_family_was_destroyed_goes_on_under_another(house: House) -> None:
    first = await house.prepare_key("d1")
    house.keystore.destroy(str(parent_of(first)))
    with pytest.raises(KeyDestroyed):
        house.seal("hello", first)
    second = await house.prepare_key("d1")
    assert parent_of(second) != parent_of(first)
    # Also where its file is gone and nothing says why.
    (house.settings.recordings.parent / "keys" / str(parent_of(second))).unlink()
    house.families.clear()
    house.adopt("d1", second)
    third = await house.prepare_key("d1")
    assert parent_of(third) not in (parent_of(first), parent_of(second))


async def test_a_kek_that_is_gone_is_an_error_and_no_erasure(house: House) -> None:
    key_id = await house.prepare_key()
    kek = house.settings.recordings.parent / "kek"
    kept = kek.read_bytes()
    kek.write_bytes(secrets.token_bytes(32))
    with pytest.raises(KekError):
        house.seal("hello", key_id)
    kek.write_bytes(kept)
    assert house.unseal(house.seal("hello", key_id)) == "hello"
