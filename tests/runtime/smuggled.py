"""What the guard can not see, and a replay in a fresh process finds. Nobody else imports this."""

import time
from typing import Any

from runtime import Context, reducer
from tests.runtime.bank import Receipt

STARTED_NS = time.time_ns()
"""Looks like any number."""


@reducer
def shuffled(ctx: Context, names: dict[str, int]) -> str:
    """Joins names in the order of a set, which is made where no rule looks."""
    text = " ".join(_both(names.items(), names.items()))
    return ctx.table(Receipt).insert(Receipt(id=ctx.new_id("receipt"), text=text)).text


def _both(left: Any, right: Any) -> list[str]:
    return [name for name, _ in left & right]


@reducer
def stamped(ctx: Context) -> int:
    """Answers what was computed when the module was imported."""
    return STARTED_NS % 1_000


@reducer
def located(ctx: Context) -> str:
    """Tells where in memory its context lies."""
    return f"{ctx}"
