"""Erasure of a call, step by step: the only code that changes one."""

from dataclasses import replace

from recordings.retention.precedence import Outcome, Terms, Trigger
from runtime import Context, Refused, Sealed, gates, reducer
from sessions.retention import notice_reducers as notices
from sessions.retention import rules
from sessions.retention.binding import binding_holds, four_eyes, kept_of, open_of, told
from sessions.retention.tables import (
    Erasure,
    ErasureState,
    KeyDestroyed,
    StandingApproval,
    StandingState,
)
from sessions.tables import Call, CallState

ERASURE_POLICY = "erasure"


@reducer
def erasure_requested(
    ctx: Context,
    *,
    erasure: str,
    call: str,
    trigger: Trigger,
    reason: Sealed[str] | None,
    terms: list[Terms],
    seen: list[str],
    binding: list[str],
    by: str,
) -> ErasureState:
    """Somebody wants a call erased, or it has expired. Answers what was decided so far."""
    row = ctx.table(Call).one(call)
    if waiting := open_of(ctx, call):
        raise Refused(f"{call}: {waiting[0].id} is {waiting[0].state} already")
    asked = Erasure(
        id=erasure,
        call=call,
        trigger=trigger,
        state=ErasureState.QUEUED,
        requested_by=by or ctx.sender,
        reason=reason,
        gate=None,
        standing=None,
        decisions=(),
        keys=(),
        requested_us=ctx.now,
        begun_us=None,
        until_us=None,
        settled_us=None,
    )
    if row.state is CallState.SEALED:
        asked = _decided(ctx, asked, terms, binding_holds(ctx, call, seen, binding))
        if asked.state is ErasureState.EXECUTED:
            raise Refused(f"nothing of {call} is to be destroyed")
    return ctx.table(Erasure).insert(asked).state


@reducer
def erasure_woken(
    ctx: Context, *, erasure: str, terms: list[Terms], seen: list[str], binding: list[str]
) -> ErasureState:
    """The call is over: what was asked for while it was up is decided now."""
    row = _in_state(ctx, erasure, ErasureState.QUEUED)
    if ctx.table(Call).one(row.call).state is not CallState.SEALED:
        raise Refused(f"{row.call} is not sealed yet")
    holds = binding_holds(ctx, row.call, seen, binding)
    return _change(ctx, _decided(ctx, row, terms, holds))


@reducer
def erasure_approved(ctx: Context, erasure: str) -> None:
    """Two people agreed: it is due."""
    _due(ctx, _in_state(ctx, erasure, ErasureState.REQUESTED))


@reducer
def erasure_declined(ctx: Context, erasure: str) -> None:
    """They did not, or not in time."""
    row = _in_state(ctx, erasure, ErasureState.REQUESTED)
    _change(ctx, replace(row, state=ErasureState.DECLINED, settled_us=ctx.now))


@reducer
def erasure_due(ctx: Context, erasure: str) -> None:
    """The lock is over: what was approved and had to wait goes on."""
    _due(ctx, replace(_in_state(ctx, erasure, ErasureState.WAITING), until_us=None))


@reducer
def erasure_begun(
    ctx: Context, *, erasure: str, terms: list[Terms], seen: list[str], binding: list[str]
) -> ErasureState:
    """The last look before there is no way back: a hold that was placed meanwhile wins.

    Begun before, by a process that died, it is gone on with.
    """
    row = ctx.table(Erasure).one(erasure)
    if row.state is ErasureState.BEGUN:
        return row.state
    row = _in_state(ctx, erasure, ErasureState.APPROVED)
    holds = binding_holds(ctx, row.call, seen, binding)
    kept = kept_of(ctx, ctx.table(Call).one(row.call))
    decisions = rules.decide(kept, row.trigger, terms, holds, ctx.now)
    keys = rules.doomed(kept, decisions)
    row = replace(row, decisions=decisions, keys=keys)
    if keys:
        return _change(ctx, replace(row, state=ErasureState.BEGUN, begun_us=ctx.now))
    return _settled(ctx, row)


@reducer
def keys_destroyed(ctx: Context, erasure: str) -> ErasureState:
    """The keys are gone, and what they sealed is overwritten. Answers what is left to do."""
    row = _in_state(ctx, erasure, ErasureState.BEGUN)
    kept = kept_of(ctx, ctx.table(Call).one(row.call))
    for key in row.keys:
        ctx.table(KeyDestroyed).insert(
            KeyDestroyed(
                id=key,
                erasure=erasure,
                call=row.call,
                artefacts=rules.artefacts_under(kept, key),
                at_us=ctx.now,
            )
        )
    told(ctx, row.call, f"erased:{erasure}")
    notices.due(ctx, row)
    return _settled(ctx, row)


def _decided(ctx: Context, asked: Erasure, terms: list[Terms], holds: tuple[str, ...]) -> Erasure:
    """What becomes of an erasure by the rules of now. EXECUTED: there is nothing to destroy."""
    kept = kept_of(ctx, ctx.table(Call).one(asked.call))
    decisions = rules.decide(kept, asked.trigger, terms, holds, ctx.now)
    outcomes = rules.outcomes(decisions)
    asked = replace(asked, decisions=decisions)
    if Outcome.EXECUTE in outcomes or Outcome.RESTRICT in outcomes:
        return _to_be_approved(ctx, asked)
    refused = Outcome.REFUSE in outcomes
    state = ErasureState.REFUSED if refused else ErasureState.EXECUTED
    settled = replace(asked, state=state, settled_us=ctx.now)
    if refused:
        notices.due_to_subject(ctx, settled)
    return settled


def _to_be_approved(ctx: Context, row: Erasure) -> Erasure:
    standing = ctx.table(StandingApproval).where(state=StandingState.ACTIVE)
    if row.trigger is Trigger.EXPIRY and standing and ctx.now < standing[0].until_us:
        ctx.effect("sessions.erase", lane=f"{row.call}/erase", scope=row.call, erasure=row.id)
        return replace(row, state=ErasureState.APPROVED, standing=standing[0].id)
    four_eyes(ctx, ERASURE_POLICY)
    gate = gates.open(
        ctx,
        policy=ERASURE_POLICY,
        subject=f"Erase call {row.call} ({row.trigger.value})?",
        then=erasure_approved,
        otherwise=erasure_declined,
        args={"erasure": row.id},
        proposer=row.requested_by,
    )
    return replace(row, state=ErasureState.REQUESTED, gate=gate)


def _due(ctx: Context, row: Erasure) -> None:
    _change(ctx, replace(row, state=ErasureState.APPROVED))
    ctx.effect("sessions.erase", lane=f"{row.call}/erase", scope=row.call, erasure=row.id)


def _settled(ctx: Context, row: Erasure) -> ErasureState:
    """What could go is gone. What is locked goes later; what is held does not."""
    outcomes = rules.outcomes(row.decisions)
    until_us = rules.goes_on_us(row.decisions)
    if until_us is not None:
        ctx.schedule(erasure_due, at_us=until_us, scope=row.call, erasure=row.id)
        row = replace(row, state=ErasureState.WAITING, until_us=until_us)
        notices.due_to_subject(ctx, row)
        return _change(ctx, row)
    held = Outcome.REFUSE in outcomes or Outcome.WAIT in outcomes
    state = ErasureState.REFUSED if held and not row.keys else ErasureState.EXECUTED
    return _change(ctx, replace(row, state=state, settled_us=ctx.now))


def _in_state(ctx: Context, erasure: str, state: ErasureState) -> Erasure:
    row = ctx.table(Erasure).one(erasure)
    if row.state is not state:
        raise Refused(f"{erasure} is {row.state}, not {state}")
    return row


def _change(ctx: Context, row: Erasure) -> ErasureState:
    return ctx.table(Erasure).replace(row).state
