"""The only code that changes bridges. Called by reducers which know calls and their consent."""

from __future__ import annotations

from dataclasses import replace

from runtime import Context, Refused
from telephony.bridge import Bridge, Hearing, Member, Part, Presence, hearing, refusal


def opened(ctx: Context, call: str, *, is_asked: bool = False) -> Bridge:
    """A bridge that this call leads, its party talking and its agent present."""
    if (there := bridge_of(ctx, call)) is not None:
        raise Refused(f"{call} is in bridge {there.id} already")
    bridge = ctx.table(Bridge).insert(
        Bridge(ctx.new_id("bridge"), call, Presence.PRESENT, opened_us=ctx.now, closed_us=None)
    )
    took_part(ctx, bridge, call, Part.TALKS, None, is_asked=is_asked)
    return bridge


def took_part(
    ctx: Context,
    bridge: Bridge,
    call: str,
    part: Part,
    coached: str | None,
    *,
    is_asked: bool = False,
) -> None:
    """A call joins, or takes another part."""
    if bridge.closed_us is not None:
        raise Refused(f"bridge {bridge.id} is closed")
    there = bridge_of(ctx, call)
    if there is not None and there.id != bridge.id:
        raise Refused(f"{call} is in bridge {there.id} already")
    if why := refusal(members_of(ctx, bridge.id), call, part, coached):
        raise Refused(why)
    members = ctx.table(Member)
    name = f"{bridge.id}/{call}"
    if (member := members.get(name)) is None:
        joined = Member(name, bridge.id, call, part, coached, ctx.now, None, ctx.now, is_asked)
        members.insert(joined)
    else:
        again = replace(member, part=part, coached=coached, left_us=None, since_us=ctx.now)
        members.replace(replace(again, is_asked=is_asked))
    rejoined(ctx, bridge)


def asked(ctx: Context, bridge: Bridge, call: str, is_asked: bool) -> None:
    """The house begins or ends to ask the party of a call something."""
    member = ctx.table(Member).one(f"{bridge.id}/{call}")
    ctx.table(Member).replace(replace(member, is_asked=is_asked))
    rejoined(ctx, bridge)


def private(ctx: Context, bridge: Bridge, call: str, is_private: bool) -> None:
    """Whether supervisors may hear the party of a call changes."""
    member = ctx.table(Member).one(f"{bridge.id}/{call}")
    if member.is_private != is_private:
        ctx.table(Member).replace(replace(member, is_private=is_private))
        rejoined(ctx, bridge)


def left(ctx: Context, bridge: Bridge, call: str) -> None:
    """A call is not in it any more. Nobody coaches one who has left."""
    members = ctx.table(Member)
    for member in members_of(ctx, bridge.id):
        if member.call == call:
            members.replace(replace(member, left_us=ctx.now))
        elif member.coached == call:
            members.replace(replace(member, part=Part.LISTENS, coached=None, since_us=ctx.now))
    rejoined(ctx, bridge)


def agent_is(ctx: Context, bridge: Bridge, presence: Presence) -> Bridge:
    """The agent of the call that leads is present, muted or gone."""
    if bridge.agent is Presence.GONE and presence is not Presence.GONE:
        raise Refused(f"the agent has left bridge {bridge.id} for good")
    changed = ctx.table(Bridge).replace(replace(bridge, agent=presence))
    rejoined(ctx, changed)
    return changed


def closed(ctx: Context, bridge: Bridge) -> None:
    """Nobody hears anybody through it any more."""
    members = ctx.table(Member)
    for member in members_of(ctx, bridge.id):
        members.replace(replace(member, left_us=ctx.now))
    ctx.table(Bridge).replace(replace(bridge, closed_us=ctx.now))
    rejoined(ctx, bridge)


def bridge_of(ctx: Context, call: str) -> Bridge | None:
    """The open bridge that a call is in."""
    for member in ctx.table(Member).where(call=call):
        if member.left_us is None:
            return ctx.table(Bridge).one(member.bridge)
    return None


def members_of(ctx: Context, bridge: str) -> list[Member]:
    """Those who are in it now."""
    rows = ctx.table(Member).where(bridge=bridge)
    return sorted((row for row in rows if row.left_us is None), key=lambda row: row.id)


def rejoined(ctx: Context, bridge: Bridge) -> None:
    """Bring the rows of who hears whom to what the rules say."""
    rows = ctx.table(Hearing)
    wanted = {
        f"{one.listener}<{one.source}/{one.what}": one
        for one in hearing(bridge, members_of(ctx, bridge.id))
    }
    there = {row.id: row for row in rows.where(bridge=bridge.id)}
    for name, row in there.items():
        if name not in wanted:
            rows.delete(row)
    for name, one in wanted.items():
        if name not in there:
            rows.insert(
                Hearing(name, bridge.id, one.listener, one.source, one.what, since_us=ctx.now)
            )
