"""The recording's gate, and the end of the record: nothing open, nothing kept that may not be."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from typing import Any

from consent.reducers import RECORDING
from consent.tables import ConsentEvent, ConsentTerm
from media.client import MediaUnavailable
from media.gates import LEASE_LOST
from media.recorder import Track
from recordings import segments, vault
from recordings.clearance import MARGIN_US, Span, is_covered
from recordings.reducers import (
    chunk_refused,
    chunk_sealed,
    chunk_shredded,
    gate_reopened,
    recording_sealed,
)
from recordings.rules import CARD_NUMBER, ends_us
from recordings.tables import Chunk, ChunkGap, Recording, RecordingState
from recordings.vault import VaultError
from runtime.errors import Refused, named
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions import keeping
from sessions.consent_reducers import recording_given_up
from sessions.gating import RECORDED
from sessions.house import House
from sessions.live import LiveCall
from sessions.quality_reducers import leg_measured
from sessions.quarantine import name_of
from sessions.reducers import call_sealed
from sessions.silencing import Silencer
from sessions.tables import Leg, LegQuality
from sessions.turns import Turns

GATE_RETRY_S = 2.0
LEASE_RETRY_S = 0.1
"""A lease that ran out is there again once the store commits, which is waited for."""

GIVEN_UP_US = 5_000_000
"""So long a line that must be recorded may be without a gate that stays open."""

GATE_WAIT_S = 3.0
"""How long the media process may take to seal its last chunks."""

CHUNKS_AT_ONCE_MAX = 256
"""So many rows are on their way at once: one after the other, each would wait for the disk."""

QUALITY_WAIT_S = 1.0
"""How long it may take to be told what a leg that closes was like. Later it is a row as well."""

TURNS_WAIT_S = 20.0
"""How long an agent may go on with what it had begun when the caller hung up."""


WORD_US = MARGIN_US // 2
"""By so much two looks at the same words may differ about when they were said."""


class _NotSilent(Exception):
    """A card number is said in a chunk, and cannot be taken out of it."""


MEASURES = tuple(f.name for f in fields(LegQuality) if f.name not in ("id", "call", "at_us"))


class Sealing:
    """Performs the effects of opening the gate and of sealing the call."""

    def __init__(self, house: House, calls: dict[str, LiveCall], turns: Turns) -> None:
        self._house = house
        self._calls = calls
        self._turns = turns
        self._silencer = Silencer(house.settings.recordings)
        self._room = asyncio.Semaphore(CHUNKS_AT_ONCE_MAX)
        self._shredding: set[asyncio.Task[None]] = set()
        self._taking: dict[str, set[asyncio.Task[None]]] = {}

    async def open_gate(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Hand the keys that the grant gave life to the media process."""
        live = self._calls.get(effect.scope or "")
        (recording,) = await self._house.store.reader.rows(Recording, id=effect.scope)
        if live is not None and recording.state is RecordingState.OPEN:
            self._open(live, recording, recording.epoch)
        return None

    async def reopen_gate(self, live: LiveCall, why: str, lost: int | None = None) -> None:
        """The gate was lost: open one under the next epoch, and let the record say why.

        `lost` is the epoch of the gate that is gone, if it is known: another was not.
        """
        rows = await self._house.store.reader.rows(Recording, id=live.id)
        if not rows or (lost is not None and rows[0].epoch != lost):
            return
        try:
            epoch = await self._house.surely(gate_reopened, live.id, why=why)
        except Refused:
            return  # It is suspended, or was closed meanwhile.
        self._open(live, rows[0], epoch)

    async def gate_lost(self, live: LiveCall, why: str, epoch: int) -> None:
        """The media process closed the gate of that epoch by itself: try again, later."""
        self._house.note("the recording gate was lost", call=live.id, why=why)
        live.unrecorded_since_us = live.unrecorded_since_us or self._house.clock()
        await asyncio.sleep(LEASE_RETRY_S if why == LEASE_LOST else GATE_RETRY_S)
        if not live.ended.is_set() and not await self.is_given_up(live, why):
            await self.reopen_gate(live, why, epoch)

    async def is_given_up(self, live: LiveCall, why: str) -> bool:
        """Whether a line that must be recorded ends, for its gate never stays open.

        Other lines go on, and it is tried again and again."""
        since_us = live.unrecorded_since_us
        if not since_us or self._house.clock() - since_us < GIVEN_UP_US:
            return False
        term = await self._house.store.reader.rows(ConsentTerm, call=live.id, scope=RECORDING)
        if not any(one.must_record for one in term):
            return False
        with suppress(Refused):  # It is closed already, for another reason.
            await self._house.surely(
                recording_given_up, live.id, request=f"{live.id}/given-up/{since_us}", why=why
            )
        return True

    def _open(self, live: LiveCall, recording: Recording, epoch: int) -> None:
        live.gate_closed.clear()
        keys = {"caller": recording.caller_key, "agent": recording.agent_key}
        tracks = [Track(party, key_id) for party, key_id in keys.items()]
        self._house.media.gate(recording.id, recording.id, epoch, recording.opened_us, tracks)

    def attend(self, live: LiveCall) -> None:
        """What is kept of a call is kept here, as soon as its quarantine lets it."""
        live.quarantine.clock = self._house.clock
        live.quarantine.keep = self._begin
        live.quarantine.shred = partial(self._look_back, live.id)

    async def take(self, header: dict[str, Any]) -> None:
        """Commit a chunk's row once it may be kept, and acknowledge it then."""
        live = self._calls.get(header["call"])
        if live is None:
            self._begin(header, ())
        else:
            live.unrecorded_since_us = 0
            live.quarantine.hold(header)

    def _begin(self, header: dict[str, Any], cuts: tuple[Span, ...]) -> None:
        self._later(header["call"], self._take(header, cuts))

    def _later(self, call: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._taking.setdefault(call, set()).add(task)
        task.add_done_callback(lambda task: self._taken(call, task))

    async def taken(self, call: str) -> None:
        """Every chunk of this call that was begun with is a row, or was refused."""
        if under_way := self._taking.get(call):
            await asyncio.wait(under_way)

    async def _take(self, header: dict[str, Any], cuts: tuple[Span, ...]) -> None:
        async with self._room:
            await self.chunk(header, cuts)
        with suppress(MediaUnavailable):  # It will be told again, and is a row already.
            self._house.media.ack([header["id"]])

    def _taken(self, call: str, task: asyncio.Task[None]) -> None:
        self._taking[call].discard(task)
        if not self._taking[call]:
            del self._taking[call]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._house.note("a chunk could not be taken", call=call, error=named(error))

    async def chunk(self, header: dict[str, Any], cuts: tuple[Span, ...] = ()) -> None:
        """A piece of ciphertext is on disk, and nobody can open it without its row.

        `cuts`: where a card number is said in it. It is silent there, or not kept at all.
        """
        chunk, own = _row(header), bytes.fromhex(header["key"])
        if await self._house.store.reader.rows(Chunk, id=chunk.id):
            return  # It was told again.
        kept, silent = chunk, tuple((begin, end) for begin, end in cuts)
        try:
            if cuts:
                kept, own = await self._silenced(chunk, own, cuts)
            key = self._house.keystore.key(chunk.key_id)
            nonce = self._house.entropy(vault.NONCE_BYTES)
            kept = replace(kept, wrapped_key=vault.wrapped(own, key, nonce, vault.bound(kept)))
            request = f"chunk/{chunk.id}"
            await self._house.surely(
                chunk_sealed, chunk.call, request=request, chunk=kept, silenced=silent
            )
        except (Refused, KeyDestroyed, _NotSilent) as why:
            await self._refuse(chunk, kept, str(why))
        else:
            if kept.path != chunk.path:
                await self._erase_stray(chunk)

    async def _silenced(
        self, chunk: Chunk, own: bytes, cuts: tuple[Span, ...]
    ) -> tuple[Chunk, bytes]:
        if cuts == ((chunk.captured_from_us, ends_us(chunk)),):
            raise _NotSilent(CARD_NUMBER)
        try:
            return await asyncio.to_thread(self._silencer.silenced, chunk, own, cuts)
        except (VaultError, OSError) as error:
            # What cannot be made silent is not kept.
            self._house.note("a chunk was not silenced", chunk=chunk.id, why=named(error))
            raise _NotSilent(CARD_NUMBER) from error

    async def _refuse(self, chunk: Chunk, kept: Chunk, why: str) -> None:
        """It is not taken, and the record says so."""
        self._house.note("chunk refused", call=chunk.call, chunk=chunk.id, why=why)
        for stray in {chunk.path: chunk, kept.path: kept}.values():
            await self._erase_stray(stray)
        # Told again, it has a row already.
        refused = {"request": f"chunk/{chunk.id}/refused", "chunk": chunk, "why": why}
        await self._house.surely(chunk_refused, chunk.call, **refused)

    async def settled(self) -> None:
        """Until nobody looks back for a card number."""
        if self._shredding:
            await asyncio.wait(self._shredding)

    def _look_back(self, call: str, party: str, cuts: tuple[Span, ...]) -> None:
        task = asyncio.create_task(self._shred(call, party, cuts))
        self._shredding.add(task)
        task.add_done_callback(self._shredding.discard)

    async def _shred(self, call: str, party: str, cuts: tuple[Span, ...]) -> None:
        """A card number was found where chunks were kept already: they go."""
        reader = self._house.store.reader
        await self.taken(call)
        silent = [Span(gap.from_us, gap.until_us) for gap in await reader.rows(ChunkGap, call=call)]
        for chunk in await reader.rows(Chunk, call=call):
            whole = Span(chunk.captured_from_us, ends_us(chunk))
            heard = [cut.within(whole).widened(-WORD_US) for cut in cuts if cut.meets(whole)]
            if chunk.party == party and not all(is_covered(each, silent) for each in heard):
                await self._house.surely(
                    chunk_shredded, call, request=f"chunk/{chunk.id}/shredded", id=chunk.id
                )

    async def shred(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Erase the ciphertext of a chunk in which a card number was found."""
        (chunk,) = await self._house.store.reader.rows(Chunk, id=args["chunk"])
        where = segments.Range(chunk.path, chunk.offset, chunk.bytes)
        await asyncio.to_thread(segments.erase, self._house.settings.recordings, [where])
        return None

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
        await live.quarantine.emptied(lambda: self._keep_words(live))
        await self.taken(live.id)
        await self.settled()
        await self._house.act(recording_sealed, live.id, request=f"{live.id}/recording-sealed")


def _row(header: dict[str, Any]) -> Chunk:
    """The row of a chunk, without its key."""
    return Chunk(
        id=name_of(header),
        call=header["call"],
        party=header["party"],
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
