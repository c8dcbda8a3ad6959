"""The only code that changes recordings and their chunks."""

from dataclasses import replace

from consent.reducers import Grant
from consent.tables import ConsentEvent, Kind
from recordings.tables import Chunk, Recording, RecordingState
from runtime import Context, Refused, reducer


def begin(ctx: Context, grant: Grant) -> None:
    """Begin to record. There is no way to call this without a grant."""
    ctx.table(Recording).insert(
        Recording(
            id=grant.call,
            state=RecordingState.OPEN,
            epoch=grant.epoch,
            granted_us=grant.at_us,
            caller_key=grant.keys["caller"],
            agent_key=grant.keys["agent"],
            began_us=ctx.now,
            lost=None,
            sealed_us=None,
        )
    )
    ctx.effect("recordings.open_gate", lane=f"{grant.call}/gate")


def suspend(ctx: Context, call: str) -> None:
    """Close the gate, if there is an open one: what is captured from now on is nobody's."""
    recording = ctx.table(Recording).get(call)
    if recording is not None and recording.state is RecordingState.OPEN:
        suspended = replace(recording, state=RecordingState.SUSPENDED, suspended_us=ctx.now)
        ctx.table(Recording).replace(suspended)
        ctx.effect("recordings.close_gate", lane=f"{call}/gate", scope=call)


def resume(ctx: Context, call: str) -> None:
    """Open a suspended gate again, under the next epoch: no nonce serves twice."""
    recording = ctx.table(Recording).get(call)
    if recording is not None and recording.state is RecordingState.SUSPENDED:
        again = replace(
            recording, state=RecordingState.OPEN, epoch=recording.epoch + 1, suspended_us=None
        )
        ctx.table(Recording).replace(again)
        ctx.effect("recordings.open_gate", lane=f"{call}/gate", scope=call)


@reducer
def gate_reopened(ctx: Context, call: str, why: str) -> int:
    """The gate was lost and is opened again. Answers the new epoch: no nonce serves twice."""
    recording = ctx.table(Recording).one(call)
    if recording.state is not RecordingState.OPEN:
        raise Refused(f"the recording of {call} is {recording.state}")
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
def chunk_sealed(ctx: Context, chunk: Chunk) -> None:
    """A piece of ciphertext is on disk. Without the grant it was made under, it stays a stray."""
    grants = ctx.table(ConsentEvent).where(
        call=chunk.call, party=chunk.party, kind=Kind.GRANTED, key_id=chunk.key_id
    )
    if not grants:
        raise Refused(f"nobody granted {chunk.key_id} to record {chunk.party} of {chunk.call}")
    if chunk.captured_from_us < grants[-1].at_us:
        raise Refused(f"chunk {chunk.id} began before its grant")
    recording = ctx.table(Recording).one(chunk.call)
    if chunk.epoch > recording.epoch or recording.state is RecordingState.SEALED:
        raise Refused(f"no gate is open under epoch {chunk.epoch} of {chunk.call}")
    if recording.suspended_us is not None and chunk.captured_from_us >= recording.suspended_us:
        raise Refused(f"chunk {chunk.id} began after the recording was suspended")
    ctx.table(Chunk).insert(replace(chunk, at_us=ctx.now))


@reducer
def recording_sealed(ctx: Context, call: str) -> int:
    """Its last chunk is a row. Answers how many there are."""
    recording = ctx.table(Recording).one(call)
    ctx.table(Recording).replace(replace(recording, state=RecordingState.SEALED, sealed_us=ctx.now))
    return len(ctx.table(Chunk).where(call=call))
