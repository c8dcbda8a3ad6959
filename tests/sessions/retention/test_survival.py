"""Killed at any step of the destruction, it is finished after the restart, and done once."""

import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from parley import backup, evidence, record
from parley.commands.verify import load
from recordings import PackError
from recordings.tables import Chunk
from runtime.effects import ATTEMPTS_MAX, effect_failed
from runtime.engines import sqlite
from runtime.kek_sources import File
from runtime.keystore import KeyDestroyed, Keystore
from runtime.log_key import load_or_create
from runtime.outbox import Effect, EffectState
from runtime.replay import audit, entries
from sessions.retention.tables import Erasure, ErasureState, HeldCall
from sessions.retention.tables import KeyDestroyed as Gone
from tests.parley.a_call import BEGIN_US, agreed
from tests.sessions.retention.desk import Desk, desk, two_calls

pytestmark = pytest.mark.anyio

STEPS_MIN = 10
"""Tombstones, four keys each opened and removed, the segment."""

ALIVE = (ErasureState.REQUESTED, ErasureState.APPROVED, ErasureState.BEGUN)

_WATCHED: list[tuple[Path, Path]] = []


def _before(event: str, args: tuple[Any, ...]) -> None:
    """Keep the directory as it is before each touch of a key or a segment: there a kill may come.

    An audit hook (PEP 578) sees every open and remove, whoever does it.
    """
    if not _WATCHED or event not in ("open", "os.remove") or not isinstance(args[0], str | Path):
        return
    data, lives = _WATCHED[0]
    if Path(args[0]).parent in (data / "keys", data / "recordings"):
        _WATCHED.clear()
        shutil.copytree(data, lives / f"{len(list(lives.iterdir())):03}")
        _WATCHED.append((data, lives))


sys.addaudithook(_before)


@contextmanager
def every_step(data: Path, lives: Path) -> Generator[None]:
    _WATCHED.append((data, lives))
    try:
        yield
    finally:
        _WATCHED.clear()


async def approved(here: Desk, call: str) -> None:
    asked = await here.ask("erasure.request", calls=[call], reason="she asked")
    await here.approve(asked["erasures"][0]["gate"])


async def test_killed_at_any_step_it_is_finished_later_and_done_once(tmp_path: Path) -> None:
    data, lives = tmp_path / "data", tmp_path / "lives"
    one, two = await two_calls(data)
    names = sorted([*one.granted.values(), one.words_key, one.caller_key])
    async with desk(data) as here:
        await approved(here, one.call)
        lives.mkdir()
        shutil.copytree(data, lives / "000")
        with every_step(data, lives):
            await here.retaining.carry_out()
    found = sorted(lives.iterdir())
    assert len(found) >= STEPS_MIN
    unfinished = 0
    for life in found:
        async with desk(life, BEGIN_US * 2) as again:
            (erasure,) = await again.store.reader.rows(Erasure)
            # What was begun is seen to be: it is not forgotten, and not taken for done.
            assert erasure.state in ALIVE
            unfinished += any((life / "keys" / name).exists() for name in names)
            await again.retaining.carry_out()
            (erasure,) = await again.store.reader.rows(Erasure)
            assert erasure.state is ErasureState.EXECUTED
            gone = await again.store.reader.rows(Gone)
            assert sorted(row.id for row in gone) == names
            for name in names:
                with pytest.raises(KeyDestroyed):
                    again.keys.key(name)
            for row in await again.store.reader.rows(Chunk):
                file = (life / "recordings" / row.path).read_bytes()
                punched = not file[row.offset : row.offset + row.bytes].strip(b"\0")
                assert punched == (row.call == one.call)
            assert again.keys.key(two.words_key)
        assert audit(entries(life / "parley.db")).differences == ()
        shutil.rmtree(life)
    assert unfinished > 1


async def test_killed_before_it_is_told_that_it_was_done(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await approved(here, one.call)
        timers = await here.store.reader.rows(Effect, kind="runtime.fire")
        for timer in timers:
            if timer.state is EffectState.OPEN and "erasure_approved" in timer.args:
                await here.retaining.perform(here.store, timer)
        (effect,) = await here.store.reader.rows(Effect, kind="sessions.erase")
        (erasure,) = await here.store.reader.rows(Erasure)
        # All is done to the world, and the process dies before it can say so.
        await here.retaining.shell.erase(effect, {"erasure": erasure.id})
        assert await here.store.reader.rows(Gone) == []
    async with desk(tmp_path, BEGIN_US * 2) as again:
        await again.retaining.carry_out()
        (erasure,) = await again.store.reader.rows(Erasure)
        assert erasure.state is ErasureState.EXECUTED
        assert len(await again.store.reader.rows(Gone)) == 4


async def test_what_a_node_gave_up_is_tried_again_when_somebody_asks(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await approved(here, one.call)
        for timer in await here.store.reader.rows(Effect, kind="runtime.fire"):
            if timer.state is EffectState.OPEN and "erasure_approved" in timer.args:
                await here.retaining.perform(here.store, timer)
        (effect,) = await here.store.reader.rows(Effect, kind="sessions.erase")
        for _ in range(ATTEMPTS_MAX):
            await here.store.act(effect_failed, sender="node", effect=effect.id, reason="disk")
        await here.retaining.carry_out()
        (erasure,) = await here.store.reader.rows(Erasure)
        assert erasure.state is ErasureState.APPROVED
        await here.ask("retention.run")
        await here.retaining.carry_out()
        (erasure,) = await here.store.reader.rows(Erasure)
        assert erasure.state is ErasureState.EXECUTED


async def test_a_hold_after_it_has_begun_is_told_that_it_is_too_late(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await approved(here, one.call)
        for timer in await here.store.reader.rows(Effect, kind="runtime.fire"):
            if timer.state is EffectState.OPEN and "erasure_approved" in timer.args:
                await here.retaining.perform(here.store, timer)
        (effect,) = await here.store.reader.rows(Effect, kind="sessions.erase")
        (erasure,) = await here.store.reader.rows(Erasure)
        await here.retaining.shell.erase(effect, {"erasure": erasure.id})
        await here.ask("hold.place", matter="Case 12", calls=[one.call])
        (held,) = await here.store.reader.rows(HeldCall)
        assert held.too_late
        await here.retaining.carry_out()
        (erasure,) = await here.store.reader.rows(Erasure)
        assert erasure.state is ErasureState.EXECUTED


async def test_an_old_backup_brings_no_destroyed_key_back(tmp_path: Path) -> None:
    data, old = tmp_path / "data", tmp_path / "backup"
    one = await agreed(data)
    copy = tmp_path / "copy"
    shutil.copytree(data / "keys", copy)
    backup.take(data / "parley.db", data / "recordings", old, BEGIN_US, _silent)
    async with desk(data) as here:
        await approved(here, one.call)
        await here.retaining.carry_out()
    for end in ("", "-wal", "-shm", "-acked"):
        (data / f"parley.db{end}").unlink(missing_ok=True)
    backup.restore(old, data / "parley.db", data / "recordings", data, keys=copy, told=_silent)
    keys = Keystore(data / "keys")
    for name in (*one.granted.values(), one.words_key, one.caller_key):
        with pytest.raises(KeyDestroyed):
            keys.key(name)


async def test_a_keystore_from_a_copy_brings_no_destroyed_key_back(tmp_path: Path) -> None:
    """The backup knows of the erasure; the copy of the keys, made before, does not."""
    data, new = tmp_path / "data", tmp_path / "backup"
    one = await agreed(data)
    copy, other = tmp_path / "copy", tmp_path / "other"
    shutil.copytree(data / "keys", copy)
    other.mkdir()
    shutil.copy(data / "kek", other / "kek")
    async with desk(data) as here:
        await approved(here, one.call)
        await here.retaining.carry_out()
    backup.take(data / "parley.db", data / "recordings", new, BEGIN_US, _silent)
    backup.restore(new, other / "parley.db", other / "recordings", other, keys=copy, told=_silent)
    keys = Keystore(other / "keys")
    for name in (*one.granted.values(), one.words_key, one.caller_key):
        with pytest.raises(KeyDestroyed):
            keys.key(name)


class Halfway:
    """A keystore that lets something happen after so many keys were read from it."""

    def __init__(self, keys: Keystore, left: int) -> None:
        self.keys = keys
        self.left = left
        self.then: list[str] = []

    def key(self, name: str) -> bytes:
        found = self.keys.key(name)
        self.left -= 1
        if self.left == 0:
            for other in self.then:
                self.keys.destroy(other)
        return found


async def test_what_is_erased_during_its_export_does_not_leave_the_house(tmp_path: Path) -> None:
    data = tmp_path / "data"
    one = await agreed(data)
    names = [*one.granted.values(), one.words_key, one.caller_key]
    reads = Halfway(one.keys, 0)
    outcomes: list[bool] = []
    with sqlite_rows(data) as rows:
        call = record.find(rows, one.call)

        def export(keys: Halfway, to: Path) -> None:
            evidence.export(
                rows, call, key=keys.key, log_key=load_or_create(data / "log.key"),
                recordings=data / "recordings", directory=to, now_us=BEGIN_US,
            )  # fmt: skip

        export(reads, tmp_path / "whole")
        assert not load().verify(str(tmp_path / "whole"))
        for n in range(1, -reads.left + 1):
            copy = tmp_path / f"keys{n}"
            shutil.copytree(data / "keys", copy)
            halfway = Halfway(Keystore(copy, File(data / "kek")), n)
            halfway.then = names
            to = tmp_path / f"pack{n}"
            try:
                export(halfway, to)
                shipped = (to / "data" / "keys.json").read_text()
                assert not any(name in shipped for name in names) or n > -reads.left - len(names)
                outcomes.append(True)
            except PackError:
                assert not to.exists()
                outcomes.append(False)
    assert False in outcomes


@contextmanager
def sqlite_rows(data: Path) -> Generator[Any]:
    rows = sqlite.open_reader(data / "parley.db")
    try:
        yield rows
    finally:
        rows.close()


def _silent(*_: object) -> None:
    """Nobody looks on."""
