"""What becomes of an effect: done, tried again later, or dead with its reason."""

from dataclasses import replace

from runtime.context import Context
from runtime.outbox import Effect, EffectState
from runtime.reducers import reducer

ATTEMPTS_MAX = 8
BACK_OFF_US = 200_000
BACK_OFF_US_MAX = 30_000_000


@reducer
def effect_done(ctx: Context) -> None:
    """An effect whose doing changed no other row; closing it is all."""


@reducer
def effect_failed(ctx: Context, effect: str, reason: str) -> None:
    """An attempt failed: try again, twice as late each time, or give up and keep the reason."""
    row = ctx.table(Effect).one(effect)
    attempts = row.attempts + 1
    state = EffectState.DEAD if attempts >= ATTEMPTS_MAX else EffectState.OPEN
    due_us = ctx.now + min(BACK_OFF_US * 2**attempts, BACK_OFF_US_MAX)
    ctx.table(Effect).replace(
        replace(row, attempts=attempts, state=state, due_us=due_us, reason=reason)
    )
