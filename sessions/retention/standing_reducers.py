"""The standing approval: two people agree once that what has expired goes, day by day."""

from dataclasses import replace

from runtime import Context, Refused, gates, reducer
from sessions.retention.binding import four_eyes
from sessions.retention.tables import StandingApproval, StandingState

STANDING_POLICY = "retention-standing"
STANDING_DAYS_MAX = 366
DAY_US = 86_400_000_000

# By name: the day's timer sets the next one.
DAY = "sessions.retention_day"


@reducer
def standing_proposed(ctx: Context, days: int, by: str) -> str:
    """What expires is to go day by day without being asked for. Answers the gate."""
    if not 0 < days <= STANDING_DAYS_MAX:
        raise Refused(f"a standing approval holds 1 to {STANDING_DAYS_MAX} days")
    four_eyes(ctx, STANDING_POLICY)
    standing = ctx.new_id("standing")
    gate = gates.open(
        ctx,
        policy=STANDING_POLICY,
        subject=f"Destroy what has expired, each day, for {days} days?",
        then=standing_granted,
        otherwise=standing_ended,
        args={"standing": standing},
        proposer=by or None,
    )
    ctx.table(StandingApproval).insert(
        StandingApproval(
            id=standing,
            state=StandingState.PROPOSED,
            gate=gate,
            proposed_by=by or ctx.sender,
            until_us=ctx.now + days * DAY_US,
            changed_us=ctx.now,
        )
    )
    return gate


@reducer
def standing_granted(ctx: Context, standing: str) -> None:
    """Two people agreed: the first day is now. It takes the place of the one before."""
    for old in ctx.table(StandingApproval).where(state=StandingState.ACTIVE):
        _stand(ctx, old, StandingState.ENDED)
    _stand(ctx, ctx.table(StandingApproval).one(standing), StandingState.ACTIVE)
    ctx.schedule(DAY, after_us=0, standing=standing)


@reducer
def standing_ended(ctx: Context, standing: str) -> None:
    """They did not agree, or it was withdrawn, or it is over."""
    row = ctx.table(StandingApproval).one(standing)
    if row.state is StandingState.PROPOSED:
        gates.withdraw(ctx, row.gate, "withdrawn")
    if row.state is not StandingState.ENDED:
        _stand(ctx, row, StandingState.ENDED)


@reducer
def retention_day(ctx: Context, standing: str) -> None:
    """Another day: look for what has expired."""
    row = ctx.table(StandingApproval).one(standing)
    if row.state is StandingState.ACTIVE and ctx.now >= row.until_us:
        _stand(ctx, row, StandingState.ENDED)
    elif row.state is StandingState.ACTIVE:
        ctx.effect("sessions.retain", lane="retention")
        ctx.schedule(DAY, after_us=DAY_US, standing=standing)


def _stand(ctx: Context, row: StandingApproval, state: StandingState) -> None:
    ctx.table(StandingApproval).replace(replace(row, state=state, changed_us=ctx.now))
