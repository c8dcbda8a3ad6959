"""A destroyed key is gone, also where its file comes back."""

from pathlib import Path

import pytest

from runtime.keystore import TOMBSTONES, KeyDestroyed, Keystore, read_tombstones


def test_a_prepared_key_is_32_bytes_for_its_owner(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    key_id = keystore.prepare()
    assert len(keystore.key(key_id)) == 32
    assert (tmp_path / "keys" / key_id).stat().st_mode & 0o777 == 0o600
    assert Keystore(tmp_path / "keys").ids() == [key_id]


def test_a_destroyed_key_that_comes_back_is_not_read_and_goes_again(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    key_id = keystore.prepare()
    key = keystore.key(key_id)
    keystore.destroy(key_id)
    keystore.destroy(key_id)
    assert read_tombstones(tmp_path) == {key_id}
    (tmp_path / key_id).write_bytes(key)
    with pytest.raises(KeyDestroyed):
        keystore.key(key_id)
    assert not keystore.take(key_id, key)
    assert Keystore(tmp_path).ids() == []
    assert not (tmp_path / key_id).exists()


def test_a_key_that_a_crash_left_overwritten_is_destroyed(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    key_id = keystore.prepare()
    (tmp_path / key_id).write_bytes(bytes(32))
    with pytest.raises(KeyDestroyed):
        keystore.key(key_id)


def test_a_tombstone_that_was_cut_short_swallows_no_other(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    one, two = keystore.prepare(), keystore.prepare()
    (tmp_path / TOMBSTONES).write_text(f"\n{one[:9]}")
    keystore = Keystore(tmp_path)
    assert len(keystore.key(one)) == 32
    keystore.destroy(two)
    assert two in read_tombstones(tmp_path)
    assert one not in read_tombstones(tmp_path)


def test_a_sweep_destroys_strays_and_spares_the_tombstones(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    kept, stray = keystore.prepare(), keystore.prepare()
    assert keystore.sweep([kept]) == [stray]
    assert Keystore(tmp_path).ids() == [kept]
    assert read_tombstones(tmp_path) == {stray}


@pytest.mark.parametrize("name", ["../log.key", "key_", "key_a/b", "log.key", TOMBSTONES, ""])
def test_what_is_no_id_names_no_file(tmp_path: Path, name: str) -> None:
    keystore = Keystore(tmp_path / "keys")
    (tmp_path / "log.key").write_bytes(b"x" * 32)
    with pytest.raises(KeyDestroyed):
        keystore.key(name)
    with pytest.raises(KeyDestroyed):
        keystore.destroy(name)
    assert (tmp_path / "log.key").exists()
