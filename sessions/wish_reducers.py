"""What a party wishes for what was recorded of it, said in its own call.

That it goes is another wish than that it stops, and another commit. It is taken down here; it is
decided, as any erasure, by two people once the call is sealed.
"""

from recordings.retention.precedence import Trigger
from runtime import Context, Refused, reducer
from sessions import gating
from sessions.retention.binding import open_of
from sessions.retention.tables import Erasure, ErasureState
from sessions.tables import Call, CallState

BY = "caller"
"""Who asks for it: nobody of ours, so two of ours may decide."""


@reducer
def erasure_wanted(ctx: Context, call: str, method: str) -> str:
    """The party wants deleted what there is of it. Answers the erasure, which waits for the end.

    `method` is how it was said: "dtmf:1", "voice:ENGINE". Said twice, it is told so twice.
    """
    _answered(ctx, call)
    waiting = open_of(ctx, call)
    row = waiting[0] if waiting else ctx.table(Erasure).insert(_queued(ctx, call))
    gating.tell(ctx, call, "erasure-noted")
    return row.id


@reducer
def past_kept(ctx: Context, call: str, method: str) -> None:
    """The party was asked whether that shall go, too, and said no."""
    _answered(ctx, call)
    gating.tell(ctx, call, "erasure-kept")


def _queued(ctx: Context, call: str) -> Erasure:
    return Erasure(
        id=ctx.new_id("erasure"),
        call=call,
        trigger=Trigger.WITHDRAWAL,
        state=ErasureState.QUEUED,
        requested_by=BY,
        reason=None,
        gate=None,
        standing=None,
        decisions=(),
        keys=(),
        requested_us=ctx.now,
        begun_us=None,
        until_us=None,
        settled_us=None,
    )


def _answered(ctx: Context, call: str) -> None:
    state = ctx.table(Call).one(call).state
    if state is not CallState.ANSWERED:
        raise Refused(f"{call} is {state}: ask for its erasure with `parley erase`")
