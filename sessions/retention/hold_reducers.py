"""Legal holds, and locks of single calls: the only code that changes them."""

from dataclasses import replace

from runtime import Context, Refused, Sealed, gates, reducer
from sessions.retention import rules
from sessions.retention.binding import bounded, four_eyes, held, told
from sessions.retention.tables import HeldCall, HoldState, LegalHold, RetentionLock
from sessions.tables import Call

RELEASE_POLICY = "hold-release"
CALLS_OF_A_HOLD_MAX = 10_000
CALLERS_OF_A_HOLD_MAX = 1_000


@reducer
def hold_placed(
    ctx: Context,
    *,
    hold: str,
    matter: Sealed[str],
    calls: list[str],
    callers: list[Sealed[str]],
    bound: list[str],
) -> list[str]:
    """Nothing of these calls is destroyed from now on. `bound` are those of the callers so far.

    Answers the calls whose destruction had begun.
    """
    if not calls and not callers:
        raise Refused("a hold names calls, or callers")
    if len(calls) > CALLS_OF_A_HOLD_MAX or len(callers) > CALLERS_OF_A_HOLD_MAX:
        raise Refused(
            f"a hold names {CALLS_OF_A_HOLD_MAX} calls and {CALLERS_OF_A_HOLD_MAX} callers at most"
        )
    for call in calls:
        ctx.table(Call).one(call)
    ctx.table(LegalHold).insert(
        LegalHold(
            id=hold,
            matter=matter,
            calls=tuple(calls),
            callers=tuple(callers),
            state=HoldState.ACTIVE,
            placed_by=ctx.sender,
            placed_us=ctx.now,
            gate=None,
            released_us=None,
        )
    )
    found = [held(ctx, hold, call) for call in rules.each_once(calls, bound)]
    return [one.call for one in found if one.too_late]


@reducer
def call_held(ctx: Context, hold: str, call: str) -> None:
    """A call began, and a hold binds who calls."""
    row = ctx.table(LegalHold).one(hold)
    if row.state is HoldState.ACTIVE:
        held(ctx, hold, call)


@reducer
def hold_release_asked(ctx: Context, hold: str, by: str) -> str:
    """A hold is to be released: two people must agree. Answers the gate."""
    row = ctx.table(LegalHold).one(hold)
    if row.state is not HoldState.ACTIVE:
        raise Refused(f"{hold} was released before")
    if row.gate is not None:
        raise Refused(f"{hold}: a release waits at {row.gate}; parley approve {row.gate}")
    four_eyes(ctx, RELEASE_POLICY)
    gate = gates.open(
        ctx,
        policy=RELEASE_POLICY,
        subject=f"Release the legal hold {hold}?",
        then=hold_released,
        otherwise=hold_kept,
        args={"hold": hold},
        proposer=by or None,
    )
    ctx.table(LegalHold).replace(replace(row, gate=gate))
    return gate


@reducer
def hold_released(ctx: Context, hold: str) -> None:
    """Two people agreed: it binds no call any more."""
    row = ctx.table(LegalHold).one(hold)
    ctx.table(LegalHold).replace(replace(row, state=HoldState.RELEASED, released_us=ctx.now))
    for one in ctx.table(HeldCall).where(hold=hold):
        told(ctx, one.call, f"released:{hold}")


@reducer
def hold_kept(ctx: Context, hold: str) -> None:
    """They did not agree: it binds as before."""
    ctx.table(LegalHold).replace(replace(ctx.table(LegalHold).one(hold), gate=None))


@reducer
def retention_locked(ctx: Context, call: str, until_us: int, source: str) -> None:
    """An authority wants a call to be kept until then; a lock is never shortened."""
    bounded(source, "source")
    ctx.table(Call).one(call)
    if until_us <= ctx.now:
        raise Refused("a lock that is over is none: name a later day")
    ctx.table(RetentionLock).insert(
        RetentionLock(
            id=ctx.new_id("lock"), call=call, until_us=until_us, source=source, at_us=ctx.now
        )
    )
