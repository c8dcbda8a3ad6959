"""Keys prepared ahead: each for one taker."""

import asyncio
from pathlib import Path

import pytest

from runtime.errors import StoreBroken
from runtime.key_pool import KeyPool
from runtime.keystore import Keystore

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
