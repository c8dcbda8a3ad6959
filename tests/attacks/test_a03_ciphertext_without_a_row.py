"""A3: the house dies when a piece is on disk and is not a row yet: sound that nobody answers for.

It was sealed under a key of its own, which was in memory only and is gone. So nobody can open it,
the next sweep erases it, and that is told.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent.machine import Event
from media.appending import Appender
from media.recorder import Chunk as Cut
from media.recorder import Track
from media.seal import NONCE, associated_data, seal_into, sealed_bytes
from media.segment import FRAME_BYTES
from recordings import segments
from recordings.reducers import recording_sealed
from recordings.tables import Chunk, Recording
from sessions import recovery
from sessions.house import House
from sessions.reducers import call_ended
from tests import asked
from tests.sessions.test_bridge_reducers import act, up

pytestmark = pytest.mark.anyio

CALL = "ann"
BOOT = "0123456789abcdef"
SECOND = np.full(8_000, 1_234, np.int16)


async def died_in_between(house: House, own: bytes) -> tuple[Cut, segments.Range]:
    """A call that is recorded, and a second of it on disk under `own`, of which no row tells."""
    await up(house.store, CALL)
    await asked.asked(house.store, CALL)
    keys = dict(zip(asked.KEYS, house.keystore.prepare_several(2), strict=True))
    await asked.answers(house.store, CALL, Event.YES_KEY, keys)
    cut = Cut(CALL, Track("caller", keys["caller"]), 1, 0, 0, SECOND)
    room = bytearray(FRAME_BYTES + sealed_bytes(cut))
    seal_into(cut, own, memoryview(room))
    appender = Appender(house.settings.recordings, BOOT)
    path, begin = appender.append(memoryview(room))
    appender.close()
    for file in house.settings.recordings.iterdir():
        os.utime(file, (0, 0))
    return cut, segments.Range(path, begin + FRAME_BYTES, sealed_bytes(cut))


async def test_no_key_that_is_kept_opens_what_has_no_row(house: House) -> None:
    own = os.urandom(32)
    cut, where = await died_in_between(house, own)
    sealed = segments.read(house.settings.recordings, where)
    assert sealed is not None
    kept = [house.keystore.key(key_id) for key_id in house.keystore.ids()]
    assert len(kept) >= 2
    for key in kept:
        with pytest.raises(InvalidTag):
            opened(key, cut, sealed)
    # The control: the key it was sealed with, which no process has any more.
    assert opened(own, cut, sealed) == SECOND.tobytes()
    assert not [path for path in files(house) if own in path.read_bytes()]


async def test_the_sweep_erases_it_and_says_so(house: House) -> None:
    told: dict[str, object] = {}
    house = replace(house, note=lambda what, **facts: told.update({what: facts}))
    _, where = await died_in_between(house, os.urandom(32))
    folder = house.settings.recordings

    # Of a call that goes on its row may be on the way.
    await recovery.sweep_audio(house, set())
    assert segments.read(folder, where) is not None
    assert told == {}

    await act(house.store, call_ended, CALL, by="caller")
    await act(house.store, recording_sealed, CALL)
    await recovery.sweep_audio(house, set())
    assert segments.read(folder, where) is None
    ((what, facts),) = told.items()
    assert what == "stray audio removed"
    assert isinstance(facts, dict) and facts["bytes"] >= where.bytes
    assert await house.store.reader.rows(Chunk) == []
    assert len(await house.store.reader.rows(Recording)) == 1, "that they agreed stays told"


def opened(key: bytes, cut: Cut, sealed: bytes) -> bytes:
    return AESGCM(key).decrypt(NONCE.pack(cut.epoch, cut.n), sealed, associated_data(cut))


def files(house: House) -> list[Path]:
    return [path for path in house.settings.recordings.parent.rglob("*") if path.is_file()]
