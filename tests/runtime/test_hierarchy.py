"""Keys under the key of a call, under the KEK: what one opens, and what goes with it."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import key_files
from runtime.key_errors import KekError
from runtime.key_files import ids_in
from runtime.keystore import KeyDestroyed, Keystore, read_tombstones

ROOT = Path(__file__).parents[2]


def family(keystore: Keystore, children: int = 3) -> tuple[str, list[str]]:
    ((call_key, below),) = keystore.prepare_families(1, children).items()
    return call_key, below


def is_there(keystore: Keystore, key_id: str) -> bool:
    try:
        return len(keystore.key(key_id)) == 32
    except KeyDestroyed:
        return False


def test_each_key_is_another_and_all_open_again(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    call_key, below = family(keystore)
    below += keystore.prepare_children(call_key, 2)
    ids = [call_key, *below, keystore.prepare()]
    keys = [keystore.key(key_id) for key_id in ids]
    assert len(set(keys)) == len(ids)
    again = Keystore(tmp_path / "keys")
    assert [again.key(key_id) for key_id in ids] == keys
    assert again.ids() == sorted(ids)


def test_one_tombstone_for_the_key_of_a_call_forgets_all_of_it(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    (call_key, below), (_, others) = family(keystore), family(keystore)
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "keys", copy)
    keystore.destroy(call_key)
    assert read_tombstones(tmp_path / "keys") == {call_key}
    assert not any(is_there(keystore, key_id) for key_id in (call_key, *below))
    assert all(is_there(keystore, key_id) for key_id in others)
    assert keystore.ids() == sorted([*others, others[0][:29]])
    # All of it comes back from a copy, and nothing of it is read.
    for key_id in (call_key, *below):
        shutil.copy(copy / key_id, tmp_path / "keys")
        assert not is_there(keystore, key_id)
        assert not keystore.take(key_id, (copy / key_id).read_bytes())
    with pytest.raises(KeyDestroyed):
        keystore.prepare_children(call_key, 1)
    assert set(Keystore(tmp_path / "keys").ids()).isdisjoint({call_key, *below})


def test_a_key_of_a_call_goes_alone(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    call_key, (gone, *left) = family(keystore)
    keystore.destroy(gone)
    assert [is_there(keystore, one) for one in (call_key, gone, *left)] == [True, False, True, True]


def test_the_key_of_a_call_goes_with_the_last_that_is_under_it(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    call_key, (one, *others) = family(keystore)
    keystore.destroy_all(others)
    assert keystore.ids() == sorted([call_key, one])
    keystore.destroy_all([one])
    assert keystore.ids() == []
    assert read_tombstones(tmp_path / "keys") == {call_key, one, *others}


def test_what_sealed_nothing_goes_without_a_tombstone(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    call_key, (one, *others) = family(keystore)
    keystore.discard(others)
    assert keystore.ids() == sorted([call_key, one])
    assert read_tombstones(tmp_path / "keys") == set()


def test_a_sweep_spares_the_key_of_a_call_of_which_one_is_named(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    (call_key, (named, *unnamed)), (stray, below) = family(keystore), family(keystore)
    loose = keystore.prepare()
    assert keystore.sweep([named]) == sorted([*unnamed, stray, *below, loose])
    assert keystore.ids() == sorted([call_key, named])
    # Those under a key that went need no tombstone of their own.
    assert read_tombstones(tmp_path / "keys") == {*unnamed, stray, loose}


def test_a_key_under_another_name_or_parent_opens_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keystore = Keystore(folder)
    (one, (a, b, c)), (two, (d, *_)) = family(keystore), family(keystore)
    loose, other = keystore.prepare(), keystore.prepare()
    for name, at in ((a, b), (d, c), (loose, other), (one, two), (loose, one)):
        (folder / at).write_bytes((folder / name).read_bytes())
    for key_id in (b, c, other, two, one):
        with pytest.raises(KekError, match="not as it was written"):
            Keystore(folder).key(key_id)


@pytest.mark.parametrize("spoiled", [b"", b"\n", b"parley-key/1 kek_0 AAAA\n", b"x" * 99, b"\xff"])
def test_a_file_that_is_no_key_is_an_error_and_no_key(tmp_path: Path, spoiled: bytes) -> None:
    keystore = Keystore(tmp_path / "keys")
    loose, (call_key, (child, *_)) = keystore.prepare(), family(keystore)
    for name in (loose, call_key, child):
        (tmp_path / "keys" / name).write_bytes(spoiled)
        with pytest.raises((KekError, KeyDestroyed)):
            keystore.key(name)
        assert not keystore.take(f"key_{name[-8:]}", spoiled)


def test_a_copy_brings_a_family_back_the_parent_first(tmp_path: Path) -> None:
    old = Keystore(tmp_path / "keys")
    call_key, below = family(old)
    keys = [old.key(key_id) for key_id in below]
    new = Keystore(tmp_path / "new")
    files = {one: (tmp_path / "keys" / one).read_bytes() for one in sorted([call_key, *below])}
    assert not new.take(below[0], files[below[0]])  # Without its parent it opens nothing.
    assert [new.take(one, data) for one, data in files.items()] == [True] * 4
    assert [Keystore(tmp_path / "new").key(key_id) for key_id in below] == keys


# -- from an older release --


def in_clear(folder: Path, count: int) -> dict[str, bytes]:
    """A keystore as older releases wrote it."""
    folder.mkdir()
    keys = {f"key_{n:024x}": os.urandom(32) for n in range(1, count + 1)}
    for name, key in keys.items():
        (folder / name).write_bytes(key)
    return keys


def holding(folder: Path, secret: bytes) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if secret in path.read_bytes()]


def test_keys_in_clear_are_wrapped_where_they_lie(tmp_path: Path) -> None:
    keys = in_clear(tmp_path / "keys", 5)
    (tmp_path / "keys" / "key_0").write_bytes(bytes(32))  # Destroyed but for its name.
    handles = [os.open(tmp_path / "keys" / name, os.O_RDONLY) for name in keys]
    assert all(holding(tmp_path, key) == [name] for name, key in keys.items())
    keystore = Keystore(tmp_path / "keys")
    assert {name: keystore.key(name) for name in keys} == keys
    assert [holding(tmp_path, key) for key in keys.values()] == [[]] * len(keys)
    assert sorted(ids_in(tmp_path / "keys")) == sorted([*keys, "key_0"])
    # The bytes of before are overwritten, not only let go of.
    assert [os.pread(handle, 64, 0) for handle in handles] == [bytes(32)] * len(keys)
    for handle in handles:
        os.close(handle)


def test_a_crash_while_a_file_is_replaced_is_made_good(tmp_path: Path) -> None:
    """Each state that `replace_all` passes through, as a crash leaves it."""
    folder = tmp_path / "keys"
    keys = in_clear(folder, 4)
    one, two, three, four = keys
    whole = Keystore(folder)
    clear = {name: keys[name] for name in (one, two)}
    sealed = {name: (folder / name).read_bytes() for name in (one, two)}
    for name, key in clear.items():
        (folder / name).write_bytes(key)
    (folder / f".{one}.new").write_bytes(sealed[one])  # Written, not linked yet.
    (folder / f".{two}.new").write_bytes(sealed[two])
    os.link(folder / two, folder / f".{two}.old")  # Linked, not renamed yet.
    (folder / f".{three}.old").write_bytes(keys[three])  # Renamed, not overwritten yet.
    whole.destroy(four)
    (folder / f".{four}.old").write_bytes(keys[four])  # And destroyed since.
    keystore = Keystore(folder)
    assert {name: keystore.key(name) for name in (one, two, three)} == {
        name: keys[name] for name in (one, two, three)
    }
    assert not is_there(keystore, four)
    assert [holding(tmp_path, key) for key in keys.values()] == [[]] * 4
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_what_cannot_be_written_whole_leaves_all_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "b").write_bytes(b"there")
    with pytest.raises(FileExistsError):
        key_files.write_all(folder, {"a": b"new", "b": b"new"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"b": b"there"}


@pytest.mark.slow
def test_killed_at_any_time_while_it_wraps_no_key_is_lost(tmp_path: Path) -> None:
    """kill -9 later and later, until one gets to its end; each next one goes on."""
    folder = tmp_path / "keys"
    keys = in_clear(folder, 500)
    program = (
        "import sys, pathlib; from runtime.keystore import Keystore\n"
        "print(flush=True); Keystore(pathlib.Path(sys.argv[1])); print('done')"
    )
    command = [sys.executable, "-c", program, str(folder)]
    killed = 0
    for looks in itertools.count(1):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        ) as one:
            assert one.stdout is not None
            one.stdout.readline()
            try:
                one.wait(looks * 0.05)
            except subprocess.TimeoutExpired:
                killed += 1
                one.kill()
            if one.stdout.read().strip() == b"done":
                break
    assert killed
    keystore = Keystore(folder)
    assert {name: keystore.key(name) for name in keys} == keys
    assert not any(holding(tmp_path, key) for key in itertools.islice(keys.values(), 50))
