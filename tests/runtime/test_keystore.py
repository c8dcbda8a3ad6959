"""Keys: prepared ahead, taken once, destroyed to the last byte."""

import asyncio
import stat
from pathlib import Path

import pytest

from runtime.key_pool import KeyPool
from runtime.keystore import KEY_BYTES, KeyDestroyed, Keystore

pytestmark = pytest.mark.anyio


def test_keys_prepared_together_are_of_their_own(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    key_ids = keystore.prepare_several(3)
    assert len({keystore.key(key_id) for key_id in key_ids}) == 3
    for key_id in key_ids:
        path = tmp_path / "keys" / key_id
        assert (path.stat().st_size, stat.S_IMODE(path.stat().st_mode)) == (KEY_BYTES, 0o600)


def test_a_key_that_is_destroyed_is_gone_and_others_are_not(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    gone, kept = keystore.prepare_several(2)
    secret = keystore.key(kept)
    keystore.destroy(gone)
    keystore.destroy(gone)
    with pytest.raises(KeyDestroyed):
        keystore.key(gone)
    assert keystore.key(kept) == secret


def test_a_sweep_destroys_what_nobody_names(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    known, *strays = keystore.prepare_several(3)
    assert sorted(keystore.sweep([known, "key_gone"])) == sorted(strays)
    assert [path.name for path in tmp_path.iterdir()] == [known]


async def test_nobody_gets_a_key_that_another_has(tmp_path: Path) -> None:
    pool = KeyPool(Keystore(tmp_path), size=2)
    taken = await asyncio.gather(*(pool.take() for _ in range(9)))
    assert len(set(taken)) == 9
    await pool.fill()
    assert len(Keystore(tmp_path).sweep(taken)) == 2


async def test_a_ready_key_is_taken_without_a_wait(tmp_path: Path) -> None:
    pool = KeyPool(Keystore(tmp_path), size=1)
    await pool.fill()
    with pytest.raises(StopIteration):
        pool.take().send(None)
    await pool.fill()


async def test_a_disk_that_takes_no_key_is_the_takers_to_know_and_is_tried_again(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "keys"
    pool = KeyPool(Keystore(folder), size=1)
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        await pool.take()
    folder.mkdir()
    assert (folder / await pool.take()).exists()
    await pool.fill()
