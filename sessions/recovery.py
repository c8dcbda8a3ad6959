"""After a restart: rows say what was under way, and it goes on."""

import asyncio
from contextlib import suppress

from consent.filed import ConsentOnFile
from consent.tables import Basis, ConsentClip, ConsentKey
from conversation.tables import Memory
from recordings import segments, vault
from recordings.access import Access
from recordings.tables import Recording, RecordingState
from runtime import canonical
from runtime.errors import Refused
from runtime.keystore import KeystoreError
from runtime.outbox import Effect, EffectState
from runtime.tables import schema_of
from sessions.callers import RESPONSES_KEPT_S
from sessions.consent_reducers import call_recovered
from sessions.house import House
from sessions.imported_tables import ImportedCall
from sessions.lines import end
from sessions.live import LiveCall
from sessions.retention.span_tables import SpanShred
from sessions.retention.tables import Erasure, KeyDestroyed, LegalHold
from sessions.switchboard import Switchboard
from sessions.tables import Call, CallState, Dial, Leg
from telephony.causes import Cause
from telephony.identity import shown
from telephony.sip import UserAgent
from telephony.sip.dialog import CONFIRMED, EARLY, TERMINATED, DialogState, read_lines
from telephony.tables import Dialog

STRAY_AGE_US = 60_000_000
"""Ciphertext without a row is left alone for so long: its row may be on the way."""

RECORDING = f"SELECT id FROM recording WHERE state != '{RecordingState.SEALED.value}'"
NAMED = "SELECT path, offset, bytes FROM chunk WHERE path = ?"
SEARCHES = (
    """SELECT DISTINCT json_extract(query, '$."$sealed"[0]')"""
    f" FROM {schema_of(Access).name} WHERE query IS NOT NULL"
)
ALONE = "SELECT path FROM chunk WHERE call = ?"


async def calls(board: Switchboard) -> None:
    """Take every call that is not sealed into memory, and where its media is."""
    reader = board.house.store.reader
    memories = {memory.id: memory for memory in await reader.rows(Memory)}
    recordings = {recording.id for recording in await reader.rows(Recording)}
    for row in await reader.rows(Call):
        if row.state is not CallState.SEALED:
            live = board.admission.admit(row, memories.get(row.id))
            live.recording = row.id in recordings
    for leg in await reader.rows(Leg):
        if leg.call in board.calls:
            board.house.media.place(leg.id, leg.process)
    # Before any media process says which legs it has: those to recorders are no strangers.
    await board.recorders.recall()


async def dialogs(board: Switchboard, user_agent: UserAgent) -> list[DialogState]:
    """Give the SIP core back its dialogs. Answers those that nobody had offered yet."""
    now = board.house.clock()
    for row in await board.house.store.reader.rows(Dialog):
        if not _matters(row, now) or (dialog := board.callers.dialog(row)) is None:
            continue
        user_agent.restore(dialog, now / 1_000_000)
        board.dialogs[dialog.id] = dialog
        if dialog.status == TERMINATED:
            board.callers.leave(dialog.id)
    await board.recorders.recall()
    return [
        dialog
        for dialog in board.dialogs.values()
        if dialog.status == EARLY and dialog.role == "uas" and dialog.id not in board.calls
    ]


async def resume(board: Switchboard, unoffered: list[DialogState]) -> None:
    """Go on: offer what was not offered, end what is gone, perform what is open."""
    for dialog in unoffered:
        replaces = dialog.replaces or None
        remote = shown(dialog.remote_uri, read_lines(dialog.caller_headers), dialog.trunk)
        await board.admission.offered(dialog.id, remote, dialog.local_uri, replaces)
    reader = board.house.store.reader
    orders = await reader.rows(Effect, state=EffectState.OPEN, kind="telephony.dial")
    placing = {canonical.decode(order.args.encode())["call"] for order in orders}
    offered = await reader.rows(Call, state=CallState.OFFERED)
    unanswered = {row.id for row in offered if row.direction == "outbound"}
    for live in list(board.calls.values()):
        there = board.dialogs.get(live.id)
        if live.id in placing and there is None:
            continue  # Its INVITE was never sent: that is done next.
        if live.id in unanswered and there is not None and there.status == CONFIRMED:
            await board.dialling.answered(live, there.remote_sdp)
        if not live.ended.is_set() and (there is None or there.status == TERMINATED):
            await end(board.house, live.id, "gone while the node was down", Cause.FAILED)
        elif not live.ended.is_set():
            await _recheck(board, live)
        board.attending.touch(live)
    for order in await reader.rows(Dial):
        if order.referrer in board.calls:
            board.referring.went(order)
    await board.recorders.resume()
    await board.house.performer.recover()


async def _recheck(board: Switchboard, live: LiveCall) -> None:
    """Of what the party was asked, what was committed holds; nothing half done is inferred."""
    with suppress(Refused):  # It was not answered yet.
        await board.house.surely(call_recovered, live.id)
    if await board.asking.is_listening(live.id):
        live.question = ""


async def sweep(house: House) -> None:
    """Destroy keys that no commit gave a right to be used."""
    reader = house.store.reader
    rows = await reader.rows(Call)
    keys = [row.words_key for row in rows if not row.forgotten]
    keys += [row.caller_key for row in rows]
    now = house.clock()
    keys += [row.sealed.key_id for row in await reader.rows(Dialog) if _matters(row, now)]
    keys += [basis.party.key_id for basis in await reader.rows(Basis)]
    keys += [one.clip.key_id for one in await reader.rows(ConsentClip)]
    keys += [filed.party.key_id for filed in await reader.rows(ConsentOnFile)]
    keys += [key.id for key in await reader.rows(ConsentKey)]
    keys += [hold.matter.key_id for hold in await reader.rows(LegalHold)]
    imported = await reader.rows(ImportedCall)
    keys += [key for call in imported for key in call.track_keys]
    asked = await reader.rows(Erasure)
    keys += [erasure.reason.key_id for erasure in asked if erasure.reason is not None]
    keys += [one.reason.key_id for one in await reader.rows(SpanShred)]
    buried = [key.id for key in await reader.rows(KeyDestroyed)]
    keys += [key_id for (key_id,) in await reader.sql(SEARCHES)]
    try:
        # A keystore that came back from a copy may hold what was destroyed since.
        await asyncio.to_thread(house.keystore.destroy_all, buried)
        await asyncio.to_thread(house.keystore.sweep, keys)
    except KeystoreError as full:
        house.note("stray keys are left for the next start", why=str(full))
    house.keys.fill()


async def sweep_audio(house: House, done: set[str]) -> None:
    """Remove ciphertext that has no row and never will. What cannot be now is left for later.

    A chunk becomes a row only until its recording is sealed. So which are not is asked first: of
    all others, every row that there will ever be is there when the rows are read. `done` grows: the
    segments, and the calls of before there were segments, in which nothing is left to be found.
    """
    folder, reader = house.settings.recordings, house.store.reader
    before_us = house.clock() - STRAY_AGE_US
    recording = {call for (call,) in await reader.sql(RECORDING)}
    gone = 0
    try:
        for path in await asyncio.to_thread(segments.abandoned, folder, before_us):
            if path in done:
                continue
            named = [segments.Range(*row) for row in await reader.sql(NAMED, (path,))]
            swept = await asyncio.to_thread(segments.sweep, folder, path, named, recording)
            gone += swept.gone
            done |= {path} if swept.done else set()
        for call in await asyncio.to_thread(vault.old_calls, folder):
            if call in done or call in recording:
                continue
            known = {path for (path,) in await reader.sql(ALONE, (call,))}
            await asyncio.to_thread(vault.purge_orphans, folder, call, known, before_us)
            done.add(call)
    except OSError as error:
        house.note("stray audio is left for the next sweep", why=str(error))
    if gone:
        house.note("stray audio removed", bytes=gone)


def _matters(row: Dialog, now_us: int) -> bool:
    """Whether anything can still be asked about a dialog."""
    return row.status != TERMINATED or row.ended_us > now_us - RESPONSES_KEPT_S * 1_000_000
