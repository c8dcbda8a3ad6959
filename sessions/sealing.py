"""The recording's gate, and the end of the record: nothing open, nothing kept that may not be."""

import asyncio
from contextlib import suppress
from dataclasses import fields
from typing import Any

from consent.tables import ConsentEvent
from media.client import MediaUnavailable
from media.recorder import Track
from recordings import segments
from recordings.reducers import chunk_refused, chunk_sealed, gate_reopened, recording_sealed
from recordings.tables import Chunk, Recording, RecordingState
from runtime.errors import Refused, named
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions import keeping
from sessions.gating import RECORDED
from sessions.house import House
from sessions.live import LiveCall
from sessions.quality_reducers import leg_measured
from sessions.reducers import call_sealed
from sessions.tables import Leg, LegQuality
from sessions.turns import Turns

GATE_RETRY_S = 2.0

GATE_WAIT_S = 3.0
"""How long the media process may take to seal its last chunks."""

CHUNKS_AT_ONCE_MAX = 256
"""So many rows are on their way at once: one after the other, each would wait for the disk."""

QUALITY_WAIT_S = 1.0
"""How long it may take to be told what a leg that closes was like. Later it is a row as well."""

TURNS_WAIT_S = 20.0
"""How long an agent may go on with what it had begun when the caller hung up."""

MEASURES = tuple(f.name for f in fields(LegQuality) if f.name not in ("id", "call", "at_us"))


class Sealing:
    """Performs the effects of opening the gate and of sealing the call."""

    def __init__(self, house: House, calls: dict[str, LiveCall], turns: Turns) -> None:
        self._house = house
        self._calls = calls
        self._turns = turns
        self._room = asyncio.Semaphore(CHUNKS_AT_ONCE_MAX)
        self._taking: dict[str, set[asyncio.Task[None]]] = {}

    async def open_gate(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Hand the keys that the grant gave life to the media process."""
        live = self._calls.get(effect.scope or "")
        (recording,) = await self._house.store.reader.rows(Recording, id=effect.scope)
        if live is not None and recording.state is RecordingState.OPEN:
            self._open(live, recording, recording.epoch)
        return None

    async def reopen_gate(self, live: LiveCall, why: str) -> None:
        """The gate was lost: open one under the next epoch, and let the record say why."""
        rows = await self._house.store.reader.rows(Recording, id=live.id)
        if not rows:
            return
        try:
            epoch = await self._house.surely(gate_reopened, live.id, why=why)
        except Refused:
            return  # It is suspended, or was closed meanwhile.
        self._open(live, rows[0], epoch)

    async def gate_lost(self, live: LiveCall, why: str) -> None:
        """The media process could not write and closed the gate by itself: try again, later."""
        self._house.note("the recording gate was lost", call=live.id, why=why)
        await asyncio.sleep(GATE_RETRY_S)
        if not live.ended.is_set():
            await self.reopen_gate(live, why)

    def _open(self, live: LiveCall, recording: Recording, epoch: int) -> None:
        live.gate_closed.clear()
        keys = {"caller": recording.caller_key, "agent": recording.agent_key}
        tracks = [
            Track(party, key_id, self._house.keystore.key(key_id)) for party, key_id in keys.items()
        ]
        self._house.media.gate(recording.id, recording.id, epoch, recording.opened_us, tracks)

    async def take(self, header: dict[str, Any]) -> None:
        """Begin to commit a chunk's row, and acknowledge it then; waits while too many are."""
        await self._room.acquire()
        call = header["call"]
        task = asyncio.create_task(self._take(header))
        self._taking.setdefault(call, set()).add(task)
        task.add_done_callback(lambda task: self._taken(call, task))

    async def taken(self, call: str) -> None:
        """Every chunk of this call that was begun with is a row, or was refused."""
        if under_way := self._taking.get(call):
            await asyncio.wait(under_way)

    async def _take(self, header: dict[str, Any]) -> None:
        await self.chunk(header)
        with suppress(MediaUnavailable):  # It will be told again, and is a row already.
            self._house.media.ack([header["id"]])

    def _taken(self, call: str, task: asyncio.Task[None]) -> None:
        self._room.release()
        self._taking[call].discard(task)
        if not self._taking[call]:
            del self._taking[call]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._house.note("a chunk could not be taken", call=call, error=named(error))

    async def chunk(self, header: dict[str, Any]) -> None:
        """A piece of ciphertext is on disk: without its row it is a stray."""
        call, party = header["call"], header["party"]
        name = f"{call}/{party}/{header['epoch']}/{header['n']}"
        chunk = Chunk(
            id=name,
            call=call,
            party=party,
            epoch=header["epoch"],
            n=header["n"],
            key_id=header["key_id"],
            first_sample=header["first_sample"],
            samples=header["samples"],
            sha256=header["sha256"],
            bytes=header["bytes"],
            path=header["path"],
            captured_from_us=header["at_us"],
            at_us=0,
            offset=header["offset"],
            rate=header["rate"],
        )
        try:
            await self._house.surely(chunk_sealed, call, request=f"chunk/{name}", chunk=chunk)
        except Refused as why:
            self._house.note("chunk refused", call=call, chunk=name, why=str(why))
            await self._erase_stray(chunk)
            # Told again, it has a row already.
            refused = {"request": f"chunk/{name}/refused", "chunk": chunk, "why": str(why)}
            await self._house.surely(chunk_refused, call, **refused)

    async def _erase_stray(self, chunk: Chunk) -> None:
        """Ciphertext that was not let in is no part of a record."""
        where = segments.Range(chunk.path, chunk.offset, chunk.bytes)
        if await self._house.store.reader.rows(Chunk, path=where.path, offset=where.offset):
            return
        try:
            await asyncio.to_thread(segments.erase, self._house.settings.recordings, [where])
        except OSError as error:
            self._house.note("a stray chunk stays for now", chunk=chunk.id, why=str(error))

    async def seal(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Close the gate, wait for what was begun, forget what nobody agreed to."""
        live = self._calls.get(effect.scope or "")
        if live is None:
            return None
        await self._turns_done(live)
        await self._turns.leave(live)
        await self._keep_words(live)
        await self._seal_recording(live)
        await self._close_leg(live)
        agreed = await self._agreed(live.id)
        if not agreed:
            await self._house.destroy_key(live.words_key)
        return Closing(call_sealed, {"call": live.id, "forgotten": not agreed})

    async def _agreed(self, call: str) -> bool:
        """Whether the party agreed, at any time of the call, that something of it is kept."""
        events = await self._house.store.reader.rows(ConsentEvent, call=call)
        return any(one.is_open for one in events if one.scope in RECORDED)

    async def _keep_words(self, live: LiveCall) -> None:
        """What was held back is kept: nothing goes on any more."""
        for draft, ready in keeping.due(self._house, live):
            await keeping.keep(self._house, live, draft, ready)
            if draft.event is not None:
                with suppress(MediaUnavailable):
                    self._house.media.ack([draft.event])
        await keeping.hide_late(self._house, live)

    async def _close_leg(self, live: LiveCall) -> None:
        """Close the leg, and wait a little to be told what it was like."""
        media = self._house.media
        there = media.has(live.id) and await self._house.store.reader.rows(Leg, id=live.id)
        media.close(live.id)
        if there:
            with suppress(TimeoutError):
                await asyncio.wait_for(live.measured.wait(), QUALITY_WAIT_S)

    async def measured(self, header: dict[str, Any]) -> None:
        """Commit what the media of a leg was like; it may be told again, and after the end."""
        leg = header["leg"]
        counts = {name: header[name] for name in MEASURES}
        quality = LegQuality(id=leg, call=leg, at_us=0, **counts)
        await self._house.surely(leg_measured, leg, request=f"{leg}/quality", quality=quality)
        self._house.media.ack([header["id"]])
        if (live := self._calls.get(leg)) is not None:
            live.measured.set()

    async def _turns_done(self, live: LiveCall) -> None:
        try:
            await asyncio.wait_for(live.turns_idle.wait(), TURNS_WAIT_S)
        except TimeoutError:
            self._house.note("the agent went on too long after the call", call=live.id)

    async def _seal_recording(self, live: LiveCall) -> None:
        rows = await self._house.store.reader.rows(Recording, id=live.id)
        if not rows or rows[0].state is RecordingState.SEALED:
            return
        if self._house.media.has(live.id):
            self._house.media.close_gate(live.id, rows[0].suspended_us)
            try:
                await asyncio.wait_for(live.gate_closed.wait(), GATE_WAIT_S)
            except TimeoutError:
                self._house.note("the gate was not closed in time", call=live.id)
        await self.taken(live.id)
        await self._house.act(recording_sealed, live.id, request=f"{live.id}/recording-sealed")
