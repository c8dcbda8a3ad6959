"""Keys prepared ahead: each for one taker."""

import asyncio
from pathlib import Path

import pytest

from runtime.errors import StoreBroken
from runtime.key_pool import CHILDREN, Family, KeyPool
from runtime.keystore import KeyDestroyed, Keystore
from runtime.wrapped import parent_of

pytestmark = pytest.mark.anyio


async def test_nobody_gets_a_key_that_another_has(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    pool = KeyPool(keystore, size=2)
    taken = await asyncio.gather(*(pool.take() for _ in range(9)))
    assert len(set(taken)) == 9
    await pool.fill()
    strays = keystore.sweep(taken)
    assert len([key_id for key_id in strays if "x" not in key_id]) == 2


async def test_a_ready_key_is_taken_without_a_wait(tmp_path: Path) -> None:
    pool = KeyPool(Keystore(tmp_path), size=1)
    await pool.fill()
    with pytest.raises(StopIteration):
        pool.take().send(None)
    await pool.fill()


async def test_a_folder_that_takes_no_key_is_the_takers_to_know_and_is_tried_again(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "keys"
    keystore = Keystore(folder)
    pool = KeyPool(keystore, size=1)
    folder.rmdir()
    with pytest.raises(StoreBroken, match="the disk failed"):
        await pool.take()
    folder.mkdir()
    assert len(keystore.key(await pool.take())) == 32
    await pool.fill()


async def test_a_family_is_for_one_call_and_its_keys_are_ready(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    pool = KeyPool(keystore, size=2)
    await pool.fill()
    with pytest.raises(StopIteration) as taken:
        pool.take_family().send(None)
    one: Family = taken.value.value
    for _ in range(CHILDREN):
        with pytest.raises(StopIteration) as child:
            one.child().send(None)  # It is on disk already: there is nothing to wait for.
        assert parent_of(child.value.value) == one.call_key
        assert len(keystore.key(child.value.value)) == 32
    other = await pool.take_family()
    assert other.call_key != one.call_key
    # Those that come after are prepared under the same key, and each is for one taker.
    more = await asyncio.gather(*(one.child() for _ in range(5)))
    assert len(set(more)) == 5 and {parent_of(child) for child in more} == {one.call_key}
    await pool.fill()


async def test_what_is_left_of_a_family_is_told_once(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    family = await KeyPool(keystore, size=1).take_family()
    taken = await family.child()
    left = family.left()
    assert len(left) == CHILDREN - 1 and taken not in left and family.left() == []
    keystore.discard(left)
    assert {taken, family.call_key} <= set(keystore.ids())
    keystore.destroy(family.call_key)
    assert family.is_destroyed
    with pytest.raises(KeyDestroyed):
        await family.child()
