"""Calls to be killed in: asked, granted, recorded, withdrawn and granted anew, step by step.

Each life opens the store and the keystore, sweeps what the one before left, and goes on with new
calls. A step that was acknowledged is a line "what call n" on the pipe. A chunk is ciphertext on
disk first, under a key of its own, and a row then, as a media process and its node do it.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from consent.machine import Event
from media.appending import Appender
from media.recorder import Chunk as Cut
from media.recorder import Track
from media.seal import associated_data, seal_into, sealed_bytes
from media.segment import FRAME_BYTES
from recordings import segments, vault
from recordings.reducers import chunk_refused, chunk_sealed, recording_sealed
from recordings.tables import Chunk, Recording
from runtime.errors import Refused
from runtime.keystore import Keystore
from runtime.sealed import Sealed
from runtime.store import Store
from sessions.consent_reducers import (
    consent_volunteered,
    consent_withdrawn,
    secure_capture_began,
    secure_capture_ended,
)
from sessions.reducers import call_answered, call_ended, call_offered, call_sealed
from tests import asked

STORE, KEYS, RECORDINGS = "parley.db", "keys", "recordings"
CLIENTS = 4
SAMPLES = 80
"""Of a chunk here: 10 ms, so that many fit into a life."""
CHUNK_US = 10_000
CALL_STEPS_MAX = 12
WHO: Sealed[str] = Sealed("key_c", b"box", b"commitment")

Say = Callable[[str], None]


def clock() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


class Life:
    """One process, until it is killed."""

    def __init__(self, folder: Path, name: str, store: Store, say: Say) -> None:
        self._folder, self._name, self._store, self._say = folder, name, store, say
        self._keys = Keystore(folder / KEYS)
        boot = f"{abs(hash(name)) % 16**8:08x}{os.getpid() % 16**8:08x}"
        self._appender = Appender(folder / RECORDINGS, boot)

    async def sweep(self) -> None:
        """As a node does when it comes: keys no row names, ciphertext that has no row."""
        rows = await self._store.reader.sql("SELECT id FROM consent_key")
        self._keys.sweep([key for (key,) in rows])
        named = await self._store.reader.sql("SELECT path, offset, bytes FROM chunk")
        for path in segments.abandoned(self._folder / RECORDINGS, clock() + CHUNK_US):
            here = [segments.Range(*row) for row in named if row[0] == path]
            segments.sweep(self._folder / RECORDINGS, path, here, set())

    async def calls(self, client: int, rng: Random) -> None:
        n = 0
        while True:
            n += 1
            await self._call(f"c{client}-{self._name}-{n}", rng)

    async def _call(self, call: str, rng: Random) -> None:
        offered: dict[str, Any] = {"line": "sip", "remote": WHO, "local": WHO, "agent": "x:Y"}
        await self._act(call_offered, call, words_key=f"key_{call}", **offered)
        await self._act(call_answered, call, **asked.ASK)
        await asked.asked(self._store, call, f"{call}:0")
        if rng.random() < 0.3:
            await asked.answers(self._store, call, Event.NO, {}, "dtmf:2")
            self._say(f"refused {call} 0")
        else:
            await self._agrees(call)
            for step in range(rng.randint(1, CALL_STEPS_MAX)):
                await self._step(call, step + 1, rng)
        await self._act(call_ended, call, by="caller")
        self._say(f"ended {call} 0")
        if await self._store.reader.rows(Recording, id=call):
            await self._act(recording_sealed, call)
        await self._act(call_sealed, call, forgotten=False)

    async def _agrees(self, call: str) -> None:
        keys = dict(zip(("caller", "agent"), self._keys.prepare_several(2), strict=True))
        if await asked.answers(self._store, call, Event.YES_KEY, keys):
            self._say(f"granted {call} {clock()}")

    async def _step(self, call: str, step: int, rng: Random) -> None:
        match rng.choices(("seal", "withdraw", "capture"), (8, 2, 1))[0]:
            case "seal":
                await asyncio.gather(*(self._seal(call, party, step) for party in asked.KEYS))
            case "withdraw":
                late = asyncio.create_task(self._seal(call, "caller", step))
                try:
                    await self._act(consent_withdrawn, call, method="dtmf:*9")
                    self._say(f"withdrawn {call} {clock()}")
                    await late
                    # They come back to it, or not.
                    if rng.random() < 0.5:
                        await self._act(consent_volunteered, call, method="dtmf:*1")
                        await asked.asked(self._store, call, f"{call}:{step}")
                        await self._agrees(call)
                except Refused:
                    await late
            case _:
                await self._act(secure_capture_began, call, why="card")
                await self._seal(call, "caller", step)
                await self._act(secure_capture_ended, call)

    async def _seal(self, call: str, party: str, step: int) -> None:
        """What is captured now: on disk, then a row, if the gate was open all the while."""
        (row,) = await self._store.reader.rows(Recording, id=call)
        key_id = row.caller_key if party == "caller" else row.agent_key
        from_us = clock() - CHUNK_US
        samples = np.full(SAMPLES, step, np.int16)
        track = Track(party, key_id)
        cut = Cut(call, track, row.epoch, step, step * SAMPLES, samples)
        own = os.urandom(32)
        room = bytearray(FRAME_BYTES + sealed_bytes(cut))
        sha256 = seal_into(cut, own, memoryview(room))
        path, offset = self._appender.append(memoryview(room))
        await asyncio.sleep(0)
        chunk = Chunk(
            id=f"{call}/{party}/{row.epoch}/{step}",
            call=call,
            party=party,
            epoch=row.epoch,
            n=step,
            key_id=key_id,
            first_sample=step * SAMPLES,
            samples=SAMPLES,
            sha256=sha256,
            bytes=sealed_bytes(cut),
            path=path,
            captured_from_us=from_us,
            at_us=0,
            offset=offset + FRAME_BYTES,
            rate=8_000,
            wrapped_key=vault.wrapped(
                own, self._keys.key(key_id), os.urandom(12), associated_data(cut)
            ),
        )
        try:
            await self._store.act(chunk_sealed, sender="node", scope=call, chunk=chunk)
        except Refused as why:
            reason = str(why)
            await self._store.act(chunk_refused, sender="node", scope=call, chunk=chunk, why=reason)
        else:
            self._say(f"sealed {chunk.id} {clock()}")

    async def _act(self, reducer: Any, call: str, **args: Any) -> Any:
        return await self._store.act(reducer, sender="node", scope=call, call=call, **args)


async def live(folder: Path, name: str, say: Say) -> None:
    """Until it is killed."""
    (folder / RECORDINGS).mkdir(exist_ok=True)
    store = await Store.open(folder / STORE, clock, os.urandom)
    life = Life(folder, name, store, say)
    await life.sweep()
    say("swept - 0")
    async with asyncio.TaskGroup() as clients:
        for client in range(CLIENTS):
            clients.create_task(life.calls(client, Random(f"{name}/{client}")))
