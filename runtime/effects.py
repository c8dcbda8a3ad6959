"""What becomes of an effect: done, tried again later, or dead with its reason."""

from dataclasses import replace

from runtime.context import Context
from runtime.errors import Refused
from runtime.outbox import Effect, EffectState
from runtime.reducers import reducer

ATTEMPTS_MAX = 8
BACK_OFF_US = 200_000
BACK_OFF_US_MAX = 30_000_000
STARTS_MAX = 20
"""Times that a process may die while it performs one effect before nobody tries again."""


@reducer
def effect_done(ctx: Context) -> None:
    """An effect whose doing changed no other row; closing it is all."""


@reducer
def effect_overtaken(ctx: Context, effect: str, reason: str) -> None:
    """The rules took the world elsewhere meanwhile, and say why: nothing is left to do."""
    row = ctx.table(Effect).one(effect)
    if row.state is EffectState.OPEN:
        ctx.table(Effect).replace(replace(row, state=EffectState.DONE, reason=reason))


@reducer
def effect_failed(ctx: Context, effect: str, reason: str) -> None:
    """An attempt failed: try again, twice as late each time, or give up and keep the reason."""
    row = ctx.table(Effect).one(effect)
    if row.state is not EffectState.OPEN:
        return
    attempts = row.attempts + 1
    state = EffectState.DEAD if attempts >= ATTEMPTS_MAX else EffectState.OPEN
    due_us = ctx.now + min(BACK_OFF_US * 2**attempts, BACK_OFF_US_MAX)
    ctx.table(Effect).replace(
        replace(row, attempts=attempts, state=state, due_us=due_us, reason=reason)
    )


@reducer
def effects_found_open(ctx: Context, effects: list[str]) -> list[str]:
    """A process died while these were due: one that kills its process each time is given up.

    Answers those that are still open.
    """
    rows = [ctx.table(Effect).one(effect) for effect in effects]
    for row in rows:
        starts = row.starts + 1
        dead = starts >= STARTS_MAX
        ctx.table(Effect).replace(
            replace(
                row,
                starts=starts,
                state=EffectState.DEAD if dead else row.state,
                reason=f"the process died {starts} times under it" if dead else row.reason,
            )
        )
    return [row.id for row in rows if row.starts + 1 < STARTS_MAX]


@reducer(by=("operator",))
def effect_revived(ctx: Context, effect: str) -> None:
    """Whoever mended what was wrong has a dead effect tried anew, under its old key."""
    row = ctx.table(Effect).one(effect)
    if row.state is not EffectState.DEAD:
        raise Refused(f"effect {effect} is {row.state}: only a dead one can be revived")
    ctx.table(Effect).replace(
        replace(row, state=EffectState.OPEN, attempts=0, starts=0, due_us=ctx.now)
    )
