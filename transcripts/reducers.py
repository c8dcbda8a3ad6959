"""The only code that adds a segment."""

from runtime import Context
from transcripts.tables import Segment


def add(ctx: Context, segment: Segment) -> None:
    """Words were heard or played."""
    ctx.table(Segment).insert(segment)
