"""The recording's gate, and the end of the record: nothing open, nothing kept that may not be."""

import asyncio
from typing import Any

from media.recorder import Track
from recordings.reducers import chunk_sealed, gate_reopened, recording_sealed
from recordings.tables import Chunk, Recording, RecordingState
from runtime.errors import Refused
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import call_sealed
from sessions.turns import Turns

GATE_RETRY_S = 2.0

GATE_WAIT_S = 3.0
"""How long the media process may take to seal its last chunks."""

TURNS_WAIT_S = 20.0
"""How long an agent may go on with what it had begun when the caller hung up."""


class Sealing:
    """Performs the effects of opening the gate and of sealing the call."""

    def __init__(self, house: House, calls: dict[str, LiveCall], turns: Turns) -> None:
        self._house = house
        self._calls = calls
        self._turns = turns

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
        if rows and rows[0].state is RecordingState.OPEN:
            epoch = await self._house.surely(gate_reopened, live.id, why=why)
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
        self._house.media.gate(recording.id, recording.id, epoch, recording.granted_us, tracks)

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
        )
        try:
            await self._house.surely(chunk_sealed, call, request=f"chunk/{name}", chunk=chunk)
        except Refused as why:
            self._house.note("chunk refused", call=call, chunk=name, why=str(why))

    async def seal(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Close the gate, wait for what was begun, forget what nobody agreed to."""
        live = self._calls.get(effect.scope or "")
        if live is None:
            return None
        await self._turns_done(live)
        await self._turns.leave(live)
        await self._seal_recording(live)
        if self._house.media.attached:
            self._house.media.close(live.id)
        agreed = await self._house.store.reader.rows(Recording, id=live.id)
        if not agreed:
            await self._house.destroy_key(live.words_key)
        return Closing(call_sealed, {"call": live.id, "forgotten": not agreed})

    async def _turns_done(self, live: LiveCall) -> None:
        try:
            await asyncio.wait_for(live.turns_idle.wait(), TURNS_WAIT_S)
        except TimeoutError:
            self._house.note("the agent went on too long after the call", call=live.id)

    async def _seal_recording(self, live: LiveCall) -> None:
        rows = await self._house.store.reader.rows(Recording, id=live.id)
        if not rows or rows[0].state is RecordingState.SEALED:
            return
        if self._house.media.attached:
            self._house.media.close_gate(live.id)
            try:
                await asyncio.wait_for(live.gate_closed.wait(), GATE_WAIT_S)
            except TimeoutError:
                self._house.note("the gate was not closed in time", call=live.id)
        await self._house.act(recording_sealed, live.id, request=f"{live.id}/recording-sealed")
