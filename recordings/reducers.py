"""The only code that changes recordings and their chunks."""

from dataclasses import replace

from consent import reducers as consent
from consent.machine import Event
from consent.reducers import Grant
from consent.tables import ConsentKey
from recordings import rules
from recordings.tables import Chunk, ChunkGap, Recording, RecordingState
from runtime import Context, Refused, reducer


def begin(ctx: Context, grant: Grant, *, is_open: bool) -> None:
    """Begin to record. There is no way to call this without a grant.

    Who had withdrawn and agrees again is recorded under new keys: the old ones never reopen.
    """
    before = ctx.table(Recording).get(grant.call)
    epoch = 1 if before is None else before.epoch + 1
    recording = Recording(
        id=grant.call,
        state=RecordingState.OPEN if is_open else RecordingState.SUSPENDED,
        epoch=epoch,
        granted_us=grant.at_us,
        caller_key=grant.keys["caller"],
        agent_key=grant.keys["agent"],
        began_us=ctx.now if before is None else before.began_us,
        lost=None,
        sealed_us=None,
        opened_us=ctx.now,
        first_epoch=epoch,
        suspended_us=None if is_open else ctx.now,
    )
    if before is None:
        ctx.table(Recording).insert(recording)
    else:
        ctx.table(Recording).replace(recording)
    if is_open:
        ctx.effect("recordings.open_gate", lane=f"{grant.call}/gate", scope=grant.call)


def is_going_on(ctx: Context, call: str) -> bool:
    """Whether the call is recorded, or will be again."""
    recording = ctx.table(Recording).get(call)
    return recording is not None and recording.state is not RecordingState.SEALED


def suspend(ctx: Context, call: str) -> None:
    """Close the gate, if there is an open one: what is captured from now on is nobody's."""
    recording = ctx.table(Recording).get(call)
    if recording is not None and recording.state is RecordingState.OPEN:
        suspended = replace(recording, state=RecordingState.SUSPENDED, suspended_us=ctx.now)
        ctx.table(Recording).replace(suspended)
        ctx.effect("recordings.close_gate", lane=f"{call}/gate", scope=call)


def stop(ctx: Context, call: str) -> None:
    """The right to record is gone: nothing is sealed any more, nor what was captured before."""
    recording = ctx.table(Recording).get(call)
    if recording is None or recording.state is RecordingState.SEALED:
        return
    since_us = ctx.now if recording.suspended_us is None else recording.suspended_us
    stopped = replace(
        recording,
        state=RecordingState.SUSPENDED,
        first_epoch=recording.epoch + 1,
        suspended_us=since_us,
    )
    ctx.table(Recording).replace(stopped)
    ctx.effect("recordings.close_gate", lane=f"{call}/gate", scope=call, drop=True)


def resume(ctx: Context, call: str) -> None:
    """Open a suspended gate again, under the next epoch: no nonce serves twice."""
    recording = ctx.table(Recording).get(call)
    if recording is not None and recording.state is RecordingState.SUSPENDED:
        epoch = recording.epoch + 1
        again = replace(
            recording,
            state=RecordingState.OPEN,
            epoch=epoch,
            first_epoch=epoch,
            opened_us=ctx.now,
            suspended_us=None,
        )
        ctx.table(Recording).replace(again)
        ctx.effect("recordings.open_gate", lane=f"{call}/gate", scope=call)


@reducer
def gate_reopened(ctx: Context, call: str, why: str) -> int:
    """The gate was lost and is opened again. Answers the new epoch: no nonce serves twice.

    What was sealed before it was lost is still taken.
    """
    recording = ctx.table(Recording).one(call)
    if recording.state is not RecordingState.OPEN:
        raise Refused(f"the recording of {call} is {recording.state}")
    for event in (Event.FAULT, Event.RECOVERED):
        consent.happened(ctx, call, event, [consent.RECORDING], method=why)
    again = replace(recording, epoch=recording.epoch + 1, lost=why)
    return ctx.table(Recording).replace(again).epoch


@reducer
def gate_continued(ctx: Context, call: str) -> int:
    """The sampling rate changes: nothing is lost, and what follows has an epoch of its own."""
    recording = ctx.table(Recording).one(call)
    if recording.state is not RecordingState.OPEN:
        raise Refused(f"the recording of {call} is {recording.state}")
    again = replace(recording, epoch=recording.epoch + 1)
    return ctx.table(Recording).replace(again).epoch


@reducer
def chunk_sealed(ctx: Context, chunk: Chunk, silenced: tuple[tuple[int, int], ...] = ()) -> None:
    """A piece of ciphertext is on disk. Without the grant it was made under, it stays a stray.

    `silenced`: from when to when (media time, microseconds) it is silent, for a card number's sake.
    """
    key = ctx.table(ConsentKey).get(chunk.key_id)
    if key is None or (key.call, key.party) != (chunk.call, chunk.party):
        raise Refused(f"nobody granted {chunk.key_id} to record {chunk.party} of {chunk.call}")
    if chunk.captured_from_us < key.at_us:
        raise Refused(f"chunk {chunk.id} began before its grant")
    recording = ctx.table(Recording).one(chunk.call)
    if why := rules.why_not(recording, chunk):
        raise Refused(why)
    ctx.table(Chunk).insert(replace(chunk, at_us=ctx.now))
    for n, (begin, end) in enumerate(silenced):
        _gap(ctx, chunk, rules.CARD_NUMBER, f"{chunk.id}/cut{n}", (begin, end))


@reducer
def chunk_refused(ctx: Context, chunk: Chunk, why: str) -> None:
    """A piece of ciphertext was not taken and is erased: the record says what it lacks."""
    _gap(ctx, chunk, why, chunk.id, (chunk.captured_from_us, rules.ends_us(chunk)))


@reducer
def chunk_shredded(ctx: Context, id: str) -> None:
    """A card number was found in a chunk after that was kept: its ciphertext is to be erased."""
    chunk = ctx.table(Chunk).one(id)
    if ctx.table(ChunkGap).get(id) is None:
        whole = (chunk.captured_from_us, rules.ends_us(chunk))
        _gap(ctx, chunk, rules.CARD_NUMBER, id, whole)
        ctx.effect("recordings.shred", lane=f"{chunk.call}/shred", chunk=id)


def _gap(ctx: Context, chunk: Chunk, why: str, id: str, when: tuple[int, int]) -> None:
    ctx.table(ChunkGap).insert(
        ChunkGap(
            id=id,
            call=chunk.call,
            party=chunk.party,
            epoch=chunk.epoch,
            n=chunk.n,
            from_us=when[0],
            until_us=when[1],
            why=why,
            at_us=ctx.now,
        )
    )


def chunk_destroyed(ctx: Context, id: str) -> None:
    """The same where people decided it, and somebody else erases the ciphertext."""
    chunk = ctx.table(Chunk).one(id)
    _gap(ctx, chunk, rules.CARD_NUMBER, id, (chunk.captured_from_us, rules.ends_us(chunk)))


@reducer
def recording_sealed(ctx: Context, call: str) -> int:
    """Its last chunk is a row. Answers how many there are."""
    recording = ctx.table(Recording).one(call)
    ctx.table(Recording).replace(replace(recording, state=RecordingState.SEALED, sealed_us=ctx.now))
    return len(ctx.table(Chunk).where(call=call))
