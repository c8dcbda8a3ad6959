"""A small module to be deployed in versions, and the call that is served by it."""

from runtime import Context, reducer
from runtime.modules.reducers import pin

NAME = "till"
LABELS = ("ada", "ben", "cleo", "dan")
"""Versions which answer differently."""

_SOURCE = '''
from runtime import Context, reducer, table


@table()
class Drawer:
    """What a till holds."""

    id: str
    cents: int


@reducer
def rung(ctx: Context, cents: int) -> str:
    """Money came in. {note}"""
    drawers = ctx.table(Drawer)
    row = drawers.get(ctx.scope)
    if row is None:
        row = drawers.insert(Drawer(id=ctx.scope, cents=0))
    row = drawers.replace(Drawer(id=ctx.scope, cents=row.cents + cents))
    return f"{{row.cents}}, slip of {label}"
'''


def version(label: str, note: str) -> dict[str, str]:
    """Its files. Versions of one label do the same."""
    return {"__init__.py": _SOURCE.format(label=label, note=note)}


@reducer
def till_opened(ctx: Context) -> str:
    """A till that keeps the version it begins with."""
    assert ctx.scope is not None, "a till is a scope"
    return pin(ctx, "till", ctx.scope)
