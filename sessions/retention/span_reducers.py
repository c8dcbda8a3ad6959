"""A span is destroyed (PCI DSS 3.3.1), step by step: the only code that changes one."""

from dataclasses import dataclass, replace

from conversation.tables import Action, Memory, Turn, Utterance
from recordings.reducers import chunk_destroyed
from recordings.retention.precedence import SPANS, Outcome, Terms, Trigger
from recordings.tables import Chunk, ChunkGap
from runtime import Context, Refused, Sealed, gates, reducer
from sessions.retention import rules
from sessions.retention.binding import binding_holds, four_eyes, kept_of, open_of
from sessions.retention.reducers import ERASURE_POLICY
from sessions.retention.span_tables import ShredState, SpanShred
from sessions.retention.tables import ErasureState, KeyDestroyed
from sessions.tables import Call, CallState
from transcripts.reducers import carried
from transcripts.tables import Change, Revised, Segment

CHUNKS_MAX = 2_000
WORDS_MAX = 2_000
ENDED = (ShredState.DECLINED, ShredState.EXECUTED)


@dataclass(frozen=True, slots=True)
class Carried:
    """A segment as it is sealed anew; `shredded` where words of it are gone."""

    segment: str
    after: int
    shredded: bool
    revised: Revised


@dataclass(frozen=True, slots=True)
class Resealed:
    """All that stays of the words of a call, under their new key."""

    words_key: str
    segments: tuple[Carried, ...]
    utterances: tuple[Utterance, ...]
    actions: tuple[Action, ...]
    turns: tuple[Turn, ...]
    memory: tuple[Memory, ...]


@reducer
def shred_requested(
    ctx: Context,
    *,
    shred: str,
    call: str,
    party: str,
    from_us: int,
    until_us: int,
    chunks: list[str],
    words: list[str],
    reason: Sealed[str],
    counsel: bool,
    terms: list[Terms],
    seen: list[str],
    binding: list[str],
    by: str,
) -> str:
    """A span is to go, which no hold and no lock stands against. Answers the gate."""
    row = ctx.table(Call).one(call)
    if row.state is not CallState.SEALED:
        raise Refused(f"{call} is {row.state}, not sealed yet: ask again once it is over")
    if not chunks and not words:
        raise Refused("there is nothing in that span")
    if len(chunks) > CHUNKS_MAX or len(words) > WORDS_MAX:
        raise Refused("a span is a part of a call: erase the call, or name less")
    for chunk in chunks:
        _part_of(ctx, call, party, chunk)
    for name in words:
        if ctx.table(Segment).one(segment_of(name)).call != call:
            raise Refused(f"{name} is not of {call}")
    for other in ctx.table(SpanShred).where(call=call):
        if other.state not in ENDED:
            raise Refused(f"{call}: {other.id} is {other.state} already")
    if any(one.state is ErasureState.BEGUN for one in open_of(ctx, call)):
        raise Refused(f"{call} is being erased")
    holds = binding_holds(ctx, call, seen, binding)
    decisions = tuple(
        one
        for one in rules.decide(
            kept_of(ctx, row), Trigger.CARD_FOUND, terms, holds, ctx.now, counsel=counsel
        )
        if one.artefact in SPANS
    )
    if Outcome.ASK_COUNSEL in rules.outcomes(decisions):
        raise Refused(f"{call} is held or locked: counsel has to have seen it (--counsel)")
    four_eyes(ctx, ERASURE_POLICY)
    gate = gates.open(
        ctx,
        policy=ERASURE_POLICY,
        subject=f"Destroy a span of call {call} ({Trigger.CARD_FOUND.value})?",
        then=shred_approved,
        otherwise=shred_declined,
        args={"shred": shred},
        proposer=by or ctx.sender,
    )
    ctx.table(SpanShred).insert(
        SpanShred(
            id=shred,
            call=call,
            party=party,
            from_us=from_us,
            until_us=until_us,
            chunks=tuple(chunks),
            words=tuple(words),
            state=ShredState.REQUESTED,
            requested_by=by or ctx.sender,
            reason=reason,
            gate=gate,
            counsel=counsel,
            holds=holds,
            decisions=decisions,
            old_key=row.words_key if words else "",
            requested_us=ctx.now,
            begun_us=None,
            settled_us=None,
        )
    )
    return gate


@reducer
def shred_approved(ctx: Context, shred: str) -> None:
    """Two people agreed: it is due."""
    row = _in_state(ctx, shred, ShredState.REQUESTED)
    ctx.table(SpanShred).replace(replace(row, state=ShredState.APPROVED))
    ctx.effect("sessions.shred", lane=f"{row.call}/erase", scope=row.call, shred=shred)


@reducer
def shred_declined(ctx: Context, shred: str) -> None:
    """They did not, or not in time."""
    row = _in_state(ctx, shred, ShredState.REQUESTED)
    declined = replace(row, state=ShredState.DECLINED, settled_us=ctx.now)
    ctx.table(SpanShred).replace(declined)


@reducer
def shred_begun(ctx: Context, *, shred: str, resealed: Resealed | None) -> ShredState:
    """From here on there is no way back: what stays is under its new key, what goes has gaps."""
    row = _in_state(ctx, shred, ShredState.APPROVED)
    for chunk in row.chunks:
        chunk_destroyed(ctx, chunk)
    if resealed is not None:
        _reseal(ctx, row, resealed)
    begun = replace(row, state=ShredState.BEGUN, begun_us=ctx.now)
    return ctx.table(SpanShred).replace(begun).state


@reducer
def shred_done(ctx: Context, shred: str) -> None:
    """The key is gone, and the ciphertext is overwritten."""
    row = _in_state(ctx, shred, ShredState.BEGUN)
    if row.old_key and ctx.table(KeyDestroyed).get(row.old_key) is None:
        ctx.table(KeyDestroyed).insert(
            KeyDestroyed(
                id=row.old_key,
                erasure=shred,
                call=row.call,
                artefacts=("transcript", "actions_pii"),
                at_us=ctx.now,
            )
        )
    done = replace(row, state=ShredState.EXECUTED, settled_us=ctx.now)
    ctx.table(SpanShred).replace(done)


def segment_of(name: str) -> str:
    """The segment in "SEGMENT#4-6"."""
    return name.rpartition("#")[0]


def _part_of(ctx: Context, call: str, party: str, name: str) -> None:
    chunk = ctx.table(Chunk).one(name)
    if (chunk.call, chunk.party) != (call, party):
        raise Refused(f"chunk {name} is not of the {party} of {call}")
    if ctx.table(ChunkGap).get(name) is not None:
        raise Refused(f"chunk {name} is gone already")


def _reseal(ctx: Context, row: SpanShred, resealed: Resealed) -> None:
    call = ctx.table(Call).one(row.call)
    if call.words_key != row.old_key:
        raise Refused(f"the words of {row.call} are under another key meanwhile")
    known = [one.id for one in ctx.table(Segment).where(call=row.call)]
    if sorted(one.segment for one in resealed.segments) != known:
        raise Refused(f"the words of {row.call} changed meanwhile")
    for one in resealed.segments:
        change = Change.SHREDDED if one.shredded else Change.CARRIED
        carried(ctx, one.segment, one.after, change, one.revised)
    for utterance in resealed.utterances:
        ctx.table(Utterance).replace(utterance)
    for action in resealed.actions:
        ctx.table(Action).replace(action)
    for turn in resealed.turns:
        ctx.table(Turn).replace(turn)
    for memory in resealed.memory:
        ctx.table(Memory).replace(memory)
    ctx.table(Call).replace(replace(call, words_key=resealed.words_key))


def _in_state(ctx: Context, shred: str, state: ShredState) -> SpanShred:
    row = ctx.table(SpanShred).one(shred)
    if row.state is not state:
        raise Refused(f"{shred} is {row.state}, not {state}")
    return row
