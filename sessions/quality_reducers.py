"""What a call's media was like: told once, when its leg closes."""

from dataclasses import replace

from runtime import Context, reducer
from sessions.tables import Leg, LegQuality


@reducer
def leg_measured(ctx: Context, quality: LegQuality) -> None:
    """A leg has closed. What is told again is known already; a leg of nobody's counts for none."""
    measured = ctx.table(LegQuality)
    if ctx.table(Leg).get(quality.id) is not None and measured.get(quality.id) is None:
        measured.insert(replace(quality, at_us=ctx.now))
