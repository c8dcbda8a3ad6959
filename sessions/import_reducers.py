"""A call of others comes into the store, whole, in one commit."""

from dataclasses import replace

from recordings.tables import Chunk, Recording, RecordingState
from runtime import Context, Refused, Sealed, reducer
from sessions.imported_tables import ImportedCall, ImportedPart
from sessions.tables import Call, CallState
from transcripts import reducers as transcripts
from transcripts.tables import Segment

IMPORTED = "imported"
"""The direction of such a call, and its line."""

CHUNKS_MAX = 20_000
SEGMENTS_MAX = 20_000
PARTS_MAX = 250


@reducer
def call_imported(
    ctx: Context,
    *,
    provenance: ImportedCall,
    remote: Sealed[str],
    local: Sealed[str],
    agent: str,
    words_key: str,
    start_us: int,
    end_us: int,
    chunks: list[Chunk],
    segments: list[Segment],
    parts: list[ImportedPart],
) -> str:
    """Somebody else's call, from a vCon. Answers its id.

    Its audio has a right of its own: the basis in `provenance`. No consent of ours is written.
    """
    call = provenance.id
    _wanted(ctx, provenance)
    if len(chunks) > CHUNKS_MAX or len(segments) > SEGMENTS_MAX or len(parts) > PARTS_MAX:
        raise Refused("the call is larger than what is imported in one go")
    of = [*(x.call for x in chunks), *(x.call for x in segments), *(x.call for x in parts)]
    if of.count(call) != len(of):
        raise Refused("something of another call is in it")
    ctx.table(ImportedCall).insert(replace(provenance, at_us=ctx.now))
    ctx.table(Call).insert(
        Call(
            id=call,
            state=CallState.SEALED,
            direction=IMPORTED,
            line=IMPORTED,
            remote=remote,
            local=local,
            agent=agent,
            words_key=words_key,
            caller_key=remote.key_id,
            offered_us=start_us,
            answered_us=start_us,
            ended_us=end_us,
            ended_by="unknown",
            forgotten=False,
        )
    )
    if chunks:
        _recorded(ctx, provenance, chunks)
    for segment in segments:
        transcripts.add(ctx, segment)
    for part in parts:
        ctx.table(ImportedPart).insert(part)
    return call


def _wanted(ctx: Context, provenance: ImportedCall) -> None:
    if not provenance.bases:
        raise Refused("a call of others is kept on a basis: name one")
    for known in ctx.table(ImportedCall).where(uuid=provenance.uuid):
        if known.sha256 == provenance.sha256:
            raise Refused(f"vCon {known.uuid} was imported before, as {known.id}")


def _recorded(ctx: Context, provenance: ImportedCall, chunks: list[Chunk]) -> None:
    caller, agent = provenance.track_keys
    recording = Recording(
        id=provenance.id,
        state=RecordingState.OPEN,
        epoch=max(one.epoch for one in chunks),
        granted_us=ctx.now,
        caller_key=caller,
        agent_key=agent,
        began_us=ctx.now,
        lost=None,
        sealed_us=None,
    )
    ctx.table(Recording).insert(recording)
    for chunk in chunks:
        ctx.table(Chunk).insert(replace(chunk, at_us=ctx.now))
    ctx.table(Recording).replace(replace(recording, state=RecordingState.SEALED, sealed_us=ctx.now))
