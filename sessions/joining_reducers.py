"""Calls that are to be joined, step by step; one whose media is elsewhere is moved there first.

Who hears whom is mixed in one media process. A call on its way is with nobody: its party hears
music, and nothing is recorded. Where they do not come, both calls are as they were.
"""

from dataclasses import replace

from runtime import Context, Refused, reducer, table
from sessions import bridge_reducers as bridges
from sessions.tables import Call, CallState, Leg
from telephony.bridge import Part


@table(name="joining", index=(("call",), ("other",)))
class Joining:
    """`other` is on its way to `call`; `refused` says why it did not come.

    `process` and `port` are where its media was.
    """

    id: str
    call: str
    other: str
    part: Part
    coached: str | None
    process: int
    port: int
    asked_us: int
    settled_us: int | None
    refused: str | None


@reducer(by=("supervisor", "operator"))
def calls_joined(
    ctx: Context, call: str, other: str, part: Part = Part.TALKS, coached: str | None = None
) -> str:
    """`other` joins the bridge that `call` leads or is in; without one, it is opened.

    Answers the bridge; or, where media has to be moved first, what is under way.
    """
    if why := bridges.why_not(ctx, call, other, part, coached):
        raise Refused(why)
    here, there = ctx.table(Leg).get(call), ctx.table(Leg).get(other)
    if here is None or there is None or here.process == there.process:
        return bridges.join(ctx, call, other, part, coached)
    rows = ctx.table(Joining)
    if any(row.settled_us is None for row in rows.where(other=other)):
        raise Refused(f"{other} is on its way to another call")
    name = f"{other}/joining/{len(rows.where(other=other)) + 1}"
    rows.insert(
        Joining(
            id=name,
            call=call,
            other=other,
            part=part,
            coached=coached,
            process=there.process,
            port=there.port,
            asked_us=ctx.now,
            settled_us=None,
            refused=None,
        )
    )
    bridges.is_heard_with(ctx, other, False)
    # Offers of ours within one call are made one after the other.
    ctx.effect("telephony.move", lane=f"{other}/hold", scope=other, joining=name)
    return name


@reducer
def leg_moved(ctx: Context, call: str, process: int, port: int) -> None:
    """The call's media is opened at another process, or is back where it was."""
    legs = ctx.table(Leg)
    legs.replace(replace(legs.one(call), process=process, port=port))


@reducer
def joining_settled(ctx: Context, joining: str, refused: str | None) -> None:
    """The media is where it has to be, or stays where it was."""
    rows = ctx.table(Joining)
    row = rows.one(joining)
    if row.settled_us is not None:
        return
    why = refused or bridges.why_not(ctx, row.call, row.other, row.part, row.coached)
    rows.replace(replace(row, settled_us=ctx.now, refused=why))
    if ctx.table(Call).one(row.other).state is CallState.ANSWERED:
        bridges.is_heard_with(ctx, row.other, True)
    if why is None:
        bridges.join(ctx, row.call, row.other, row.part, row.coached)
