"""A backup is one sound moment without keys; a restore brings back all but what was destroyed."""

import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import apsw
import pytest

from media import segment
from parley import backup, cli, history
from parley.backup import files, manifest
from runtime.engines import sqlite, witness
from runtime.keystore import TOMBSTONES, KeyDestroyed, Keystore
from runtime.opening import examine
from runtime.store import Store
from runtime.tables import all_schemas
from tests.disks import small_disk
from tests.parley.a_call import BEGIN_US, SECOND_US, agreed, refused
from tests.runtime.bank import opened
from tests.runtime.damage import flip

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PARLEY = (sys.executable, "-P", "-m", "parley.cli")
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT)}
WORD = "monday please"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def holding(folder: Path, secret: bytes) -> list[str]:
    """The files below a folder in which these bytes stand."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in found if secret in path.read_bytes())


def move_away(data: Path) -> None:
    """As the refused restore says."""
    for end in ("", "-wal", "-shm"):
        (data / f"parley.db{end}").unlink(missing_ok=True)


def bring_kek(old: Path, new: Path) -> None:
    """It is in no backup, and no copy of the keys: whoever restores puts it in place."""
    new.mkdir(exist_ok=True)
    shutil.copy(old / "kek", new / "kek")


async def two_calls(data: Path) -> list[str]:
    """A recorded call, and one that is forgotten; the ids of the keys that are left."""
    first = await agreed(data, "call_a1")
    await refused(data, "call_b2", first.now_us + SECOND_US)
    return Keystore(data / "keys").ids()


async def test_a_restored_store_shows_exports_and_replays_as_before(
    tmp_path: Path, said: Any
) -> None:
    old, new, kept = tmp_path / "old", tmp_path / "new", tmp_path / "backup"
    await two_calls(old)
    _, shown, _ = said("show", "call_a1", "--data", old)
    code, out, err = said("backup", "--to", kept, "--data", old)
    assert (code, err) == (0, "")
    assert "it holds no key" in out
    bring_kek(old, new)
    code, out, _ = said("restore", "--from", kept, "--data", new, "--keys", old / "keys")
    assert code == 0
    size = manifest.parse((kept / manifest.NAME).read_bytes()).size
    assert f"restored {size} entries" in out and f"entry {size + 1} says so" in out
    assert "does not fit this log" in out and "keys: 5 brought, 0 not" in out
    shutil.copy(old / "log.key", new / "log.key")
    assert said("show", "call_a1", "--data", new)[1] == shown
    assert said("replay", "--all", "--data", new)[1].startswith("replay: identical")
    assert said("export", "call_a1", "--to", tmp_path / "pack", "--data", new)[0] == 0
    assert said("verify", tmp_path / "pack", "--checkpoint", kept / "checkpoint.txt")[0] == 0
    restored, *since = list(history.entries(new / "parley.db"))[size:]
    assert (restored.reducer, restored.args["size"]) == ("runtime.store_restored", size)
    assert {entry.reducer for entry in since} == {"recordings.media_disclosed"}
    assert examine(new / "parley.db", at_work=False).frontier.size == size + 1 + len(since)


async def test_a_backup_holds_no_key(tmp_path: Path, said: Any) -> None:
    keys = await two_calls(tmp_path / "data")
    said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    keystore = Keystore(tmp_path / "data" / "keys")
    for key_id in keys:
        wrapped = (tmp_path / "data" / "keys" / key_id).read_bytes()
        assert holding(tmp_path / "data", wrapped) == [f"keys/{key_id}"]
        assert holding(tmp_path, keystore.key(key_id)) == []
        assert holding(tmp_path / "backup", wrapped) == []
        assert holding(tmp_path / "backup", key_id.encode()) != []  # The search finds things.
    assert holding(tmp_path / "backup", b"PRIVATE KEY") == []
    assert holding(tmp_path / "data", b"PRIVATE KEY") == ["log.key"]
    assert holding(tmp_path / "backup", WORD.encode()) == []


async def test_a_destroyed_key_stays_destroyed(tmp_path: Path, said: Any) -> None:
    data, stale = tmp_path / "data", tmp_path / "stale"
    call = await agreed(data, "call_a1")
    other = await agreed(data, "call_b2", call.now_us + SECOND_US)
    shutil.copytree(data / "keys", stale)
    keystore = Keystore(data / "keys")
    gone, left = ((data / "keys" / one.words_key).read_bytes() for one in (call, other))
    said("backup", "--to", tmp_path / "backup", "--data", data)
    keystore.destroy(call.words_key)
    move_away(data)
    shutil.rmtree(data / "recordings")
    code, out, _ = said("restore", "--from", tmp_path / "backup", "--data", data, "--keys", stale)
    assert code == 0
    assert "keys: 0 brought, 8 not" in out
    assert holding(data, gone) == [] and holding(tmp_path / "backup", gone) == []
    assert holding(stale, gone) == [call.words_key]  # The search finds it where it is.
    assert holding(data, left) == [f"keys/{other.words_key}"]
    assert holding(data, WORD.encode()) == []
    (data / "planted").write_text(WORD)
    assert holding(data, WORD.encode()) == ["planted"]
    assert WORD not in said("show", "call_a1", "--data", data)[1]
    assert WORD in said("show", "call_b2", "--data", data)[1]
    assert said("replay", "--all", "--data", data)[0] == 0
    pack = tmp_path / "pack"
    assert said("export", "call_b2", "--to", pack, "--data", data)[0] == 0
    assert said("verify", pack, "--checkpoint", tmp_path / "backup" / "checkpoint.txt")[0] == 0
    # By hand, the file comes back all the same; nobody reads it, and the next start removes it.
    shutil.copy(stale / call.words_key, data / "keys")
    with pytest.raises(KeyDestroyed):
        keystore.key(call.words_key)
    assert call.words_key not in Keystore(data / "keys").ids()
    assert holding(data, gone) == []


async def test_what_a_copy_of_the_keystore_or_a_row_calls_destroyed_does_not_come_back(
    tmp_path: Path, said: Any
) -> None:
    data, stale, new = tmp_path / "data", tmp_path / "stale", tmp_path / "new"
    call = await agreed(data, "call_a1")
    stale.mkdir()
    shutil.copytree(data / "keys", stale, dirs_exist_ok=True)
    forgotten = await refused(data, "call_b2", call.now_us + SECOND_US)
    (stale / forgotten.words_key).write_bytes(b"k" * 32)  # As a copy from during the call has it.
    (stale / TOMBSTONES).write_text(f"\n{call.words_key}\n")
    said("backup", "--to", tmp_path / "backup", "--data", data)
    bring_kek(data, new)
    code, out, _ = said("restore", "--from", tmp_path / "backup", "--data", new, "--keys", stale)
    assert code == 0
    assert "keys: 3 brought, 2 not" in out
    assert {call.words_key, forgotten.words_key}.isdisjoint(Keystore(new / "keys").ids())


async def test_an_older_backup_says_what_is_lost(tmp_path: Path, said: Any) -> None:
    data = tmp_path / "data"
    call = await agreed(data, "call_a1")
    said("backup", "--to", tmp_path / "backup", "--data", data)
    await refused(data, "call_b2", call.now_us + SECOND_US)
    code, _, err = said("restore", "--from", tmp_path / "backup", "--data", data)
    assert code == 2
    assert f"mv {data / 'parley.db'}" in err
    move_away(data)
    code, out, _ = said("restore", "--from", tmp_path / "backup", "--data", data)
    assert code == 0
    assert "7 entries were acknowledged after this backup, and are lost" in out
    assert witness.read(data / "parley.db") is None
    assert said("calls", "--data", data)[0] == 0


async def test_a_backup_is_not_written_over_something(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path / "data")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    code, _, err = said("backup", "--to", tmp_path / "full", "--data", tmp_path / "data")
    assert code == 2
    assert "name another folder with --to" in err
    (tmp_path / "empty").mkdir()
    arguments = ("backup", "--to", tmp_path / "empty", "--data", tmp_path / "data", "--json")
    code, out, _ = said(*arguments)
    assert (code, json.loads(out)["missing"]) == (0, [])
    assert said(*arguments)[0] == 2


def segments_of(data: Path) -> list[Path]:
    return sorted((data / "recordings").glob("*.seg"))


async def test_a_chunk_that_is_not_what_its_row_says_is_named(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path / "data")
    (one,) = segments_of(tmp_path / "data")
    whole = one.read_bytes()
    places = [begin for begin, _ in segment.frames(whole)]
    flip(one, places[1] + 5)
    os.truncate(one, len(whole) - 1)
    _, out, _ = said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    assert out.count("missing or changed") == 2
    assert "missing or changed: call_abc1/agent-1-0" in out
    assert "missing or changed: call_abc1/agent-1-1" in out
    _, out, _ = said("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new")
    assert "missing in the backup: call_abc1/agent-1-0" in out
    (brought,) = segments_of(tmp_path / "new")
    assert [begin for begin, _ in segment.frames(brought.read_bytes())] == [places[0], places[2]]


async def test_a_segment_that_is_gone_is_named_chunk_by_chunk(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path / "data")
    segments_of(tmp_path / "data")[0].unlink()
    _, out, _ = said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    assert out.count("missing or changed") == 4
    assert segments_of(tmp_path / "backup") == []


async def test_a_backup_takes_what_rows_name_from_a_segment_that_grows(
    tmp_path: Path, said: Any
) -> None:
    await agreed(tmp_path / "data", "call_a1")
    (growing,) = segments_of(tmp_path / "data")
    named = growing.read_bytes()
    stray = b"sealed, but not a row yet" * 100_000
    growing.write_bytes(named + stray)
    second = await agreed(tmp_path / "data", "call_b2", BEGIN_US + 1_000 * SECOND_US)
    growing.write_bytes(growing.read_bytes() + stray[:777])
    said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    assert holding(tmp_path / "data", b"not a row yet") == [f"recordings/{growing.name}"]
    assert holding(tmp_path / "backup", b"not a row yet") == []
    (kept,) = segments_of(tmp_path / "backup")
    assert (
        kept.read_bytes()
        == named + bytes(len(stray)) + growing.read_bytes()[len(named + stray) : -777]
    )
    assert kept.stat().st_blocks * 512 < len(stray)  # The rest is a hole.
    bring_kek(tmp_path / "data", tmp_path / "new")
    code, _, _ = said(
        *("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new"),
        *("--keys", tmp_path / "data" / "keys"),
    )
    assert code == 0
    (brought,) = segments_of(tmp_path / "new")
    assert brought.read_bytes() == kept.read_bytes()
    assert brought.stat().st_blocks * 512 < len(stray)
    shutil.copy(tmp_path / "data" / "log.key", tmp_path / "new")
    for call in ("call_a1", second.call):
        assert said("export", call, "--to", tmp_path / call, "--data", tmp_path / "new")[0] == 0
        assert said("verify", tmp_path / call)[0] == 0


async def test_chunks_in_files_of_their_own_are_kept_as_ever(tmp_path: Path, said: Any) -> None:
    data = tmp_path / "data"
    one = await agreed(data)
    (segment_path,) = segments_of(data)
    whole = segment_path.read_bytes()
    connection = apsw.Connection(str(data / "parley.db"))
    connection.execute("DROP TRIGGER chunk_no_update")
    for begin, frame in segment.frames(whole):
        path = f"{one.call}/{frame.party}-{frame.epoch}-{frame.n}.chunk"
        (data / "recordings" / path).parent.mkdir(exist_ok=True)
        (data / "recordings" / path).write_bytes(whole[begin : begin + frame.length])
        values = (path, f"{one.call}|{frame.party}|1|{frame.n}")
        connection.execute("UPDATE chunk SET path = ?, offset = 0 WHERE id = ?", values)
    connection.close()
    segment_path.unlink()
    _, out, _ = said("backup", "--to", tmp_path / "backup", "--data", data)
    assert "missing" not in out
    said("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new")
    assert len(list((tmp_path / "new" / "recordings").rglob("*.chunk"))) == 4


async def test_a_backup_of_which_a_byte_changed_is_not_restored(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path / "data")
    said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    every = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert len(every) == 4
    for path in every:
        whole = path.read_bytes()
        flip(path, len(whole) // 2)
        code, _, err = said("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new")
        assert code == 1, path
        assert "nothing was restored" in err
        path.write_bytes(whole)
    assert not (tmp_path / "new" / "parley.db").exists()
    assert said("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new")[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"format": "parley-backup/2"},
        {"size": -1},
        {"size": True},
        {"root": "00"},
        {"files": {}},
        {"files": []},
        {"files": [{"path": "../parley.db", "sha256": "0" * 64, "bytes": 1}]},
        {"files": [{"path": "recordings/../../x-1-1.chunk", "sha256": "0" * 64, "bytes": 1}]},
        {"files": [{"path": "recordings/../x.seg", "sha256": "0" * 64, "bytes": 1}]},
        {"files": [{"path": "/etc/passwd", "sha256": "0" * 64, "bytes": 1}]},
        {"files": [{"path": "parley.db", "sha256": "0" * 64, "bytes": 1}] * 2},
        {"more": 1},
    ],
)
def test_a_manifest_from_outside_is_parsed(change: dict[str, Any]) -> None:
    kept = manifest.Kept("parley.db", "0" * 64, 1)
    good = manifest.Manifest(1, 2, "0" * 64, (kept,), ())
    assert manifest.parse(good.encode()) == good
    with pytest.raises(ValueError):
        manifest.parse(json.dumps({**json.loads(good.encode()), **change}).encode())


async def test_another_logs_key_does_not_sign_on(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path / "data")
    await agreed(tmp_path / "new")
    said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    move_away(tmp_path / "new")
    code, _, err = said("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new")
    assert code == 1
    assert "did not sign the log" in err


async def test_a_file_that_leads_elsewhere_is_not_followed(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path / "data")
    said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    (tmp_path / "backup" / "parley.db").rename(tmp_path / "elsewhere")
    (tmp_path / "backup" / "parley.db").symlink_to(tmp_path / "elsewhere")
    code, _, err = said("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new")
    assert code == 1
    assert "cannot be read" in err


def hidden(folder: Path) -> list[Path]:
    """What a backup that is not finished lies in."""
    return list(folder.glob(".*"))


def quiet(_what: str, _done: int, _of: int) -> None:
    return


def rows_of(connection: apsw.Connection) -> dict[str, list[Any]]:
    return {
        schema.name: connection.execute(
            f"SELECT * FROM {schema.name} ORDER BY {', '.join(schema.key)}"
        ).fetchall()
        for schema in all_schemas()
    }


async def test_a_backup_amid_four_writers_is_one_moment(
    tmp_path: Path, clock: Callable[[], int], entropy: Callable[[int], bytes]
) -> None:
    store = await Store.open(tmp_path / "parley.db", clock, entropy)
    numbers, stopped = itertools.count(), asyncio.Event()

    async def write() -> None:
        while not stopped.is_set():
            await store.act(opened, sender="ann", account=f"{next(numbers)}" * 40, cents=1)

    writers = [asyncio.create_task(write()) for _ in range(4)]
    sizes: list[int] = []
    for n in range(5):
        await store.act(opened, sender="ann", account=f"before-{n}", cents=1)
        to = tmp_path / f"backup-{n}"
        arguments = (tmp_path / "parley.db", tmp_path / "recordings", to, 0, quiet)
        taken = await asyncio.to_thread(backup.take, *arguments)
        sizes.append(taken.size)
    stopped.set()
    await asyncio.gather(*writers)
    await store.close()
    assert sizes == sorted(set(sizes))
    for n, size in enumerate(sizes):
        copied = tmp_path / f"backup-{n}" / "parley.db"
        entries = list(history.entries(copied))
        assert [entry.seq for entry in entries] == list(range(1, size + 1))
        connection = sqlite.open_reader(copied)
        assert rows_of(connection) == rows_of(history.rebuild(entries))
        connection.close()


async def test_two_backups_at_once_are_both_whole_or_refused(tmp_path: Path) -> None:
    await agreed(tmp_path / "data")
    took: list[backup.Manifest | Exception] = []

    def take(to: Path) -> None:
        try:
            source = tmp_path / "data"
            took.append(backup.take(source / "parley.db", source / "recordings", to, 0, quiet))
        except backup.NotEmpty as error:
            took.append(error)

    for targets in (("a", "b"), ("c", "c")):
        threads = [threading.Thread(target=take, args=(tmp_path / to,)) for to in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name in ("a", "b", "c"):
        files.verify(tmp_path / name, files.load(tmp_path / name))
    assert sum(isinstance(one, backup.Manifest) for one in took) == 3
    assert hidden(tmp_path) == []


@pytest.fixture
async def many(tmp_path: Path, clock: Any, entropy: Any) -> Path:
    """A store large enough to be caught in the middle of a backup."""
    await agreed(tmp_path / "data")
    store = await Store.open(tmp_path / "data" / "parley.db", clock, entropy)
    for _ in range(4):
        accounts = (os.urandom(5_000).hex() for _ in range(500))
        await asyncio.gather(
            *(store.act(opened, sender="ann", account=one, cents=1) for one in accounts)
        )
    await store.close()
    return tmp_path / "data"


def killed_after(command: list[str], seconds: float) -> bool:
    """Run a command, and kill it where it takes longer. Whether it was killed."""
    process = subprocess.Popen(
        [*PARLEY, *command], env=ENVIRON, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.slow
async def test_a_killed_backup_or_restore_is_whole_or_absent(many: Path, tmp_path: Path) -> None:
    chance, killed = random.Random(4711), {"backup": 0, "restore": 0}
    whole = tmp_path / "whole"
    began = monotonic()
    assert not killed_after(["backup", "--to", str(whole), "--data", str(many)], 60)
    lasts = monotonic() - began
    for n in range(8):
        name = ("backup", "restore")[n % 2]
        to, new = tmp_path / f"backup-{n}", tmp_path / f"new-{n}"
        command = {
            "backup": ["backup", "--to", str(to), "--data", str(many)],
            "restore": ["restore", "--from", str(whole), "--data", str(new)],
        }[name]
        for _ in range(2):
            killed[name] += killed_after(command, chance.uniform(0.2, 0.9) * lasts)
            if to.exists():
                files.verify(to, files.load(to))
            if (new / "parley.db").exists():
                examine(new / "parley.db", at_work=False)
        if name == "backup" and not to.exists():
            assert not killed_after(command, 60)
            files.verify(to, files.load(to))
        if name == "restore" and not (new / "parley.db").exists():
            assert not killed_after(command, 60)
        if name == "restore":
            size = files.load(whole).size
            assert examine(new / "parley.db", at_work=False).frontier.size == size + 1
            assert list(new.glob("*.restoring*")) == []
        shutil.rmtree(to, ignore_errors=True)
        shutil.rmtree(new, ignore_errors=True)
    assert hidden(tmp_path) == []
    assert min(killed.values()) > 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 200_000) as folder:
        yield folder


async def test_a_full_disk_leaves_no_half_backup(tmp_path: Path, disk: Path, said: Any) -> None:
    await agreed(tmp_path / "data")
    code, _, err = said("backup", "--to", disk / "backup", "--data", tmp_path / "data")
    assert code == 1
    assert "nothing is left of it" in err
    assert hidden(disk) == [] and not (disk / "backup").exists()


async def test_a_full_disk_leaves_no_half_restored_store(
    tmp_path: Path, disk: Path, said: Any
) -> None:
    await agreed(tmp_path / "data")
    said("backup", "--to", tmp_path / "backup", "--data", tmp_path / "data")
    code, _, err = said("restore", "--from", tmp_path / "backup", "--data", disk / "new")
    assert code == 1
    assert "there is no store" in err
    assert not (disk / "new" / "parley.db").exists()
    assert examine(tmp_path / "data" / "parley.db", at_work=False).frontier.size > 0
