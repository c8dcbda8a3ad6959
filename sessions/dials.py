"""Orders to call somebody: the only code that adds one, or says how far it came."""

from dataclasses import dataclass, replace

from consent import bases
from runtime import Context, Sealed
from sessions.tables import Dial, DialState
from telephony.bridge import Part


@dataclass(frozen=True, slots=True)
class Joining:
    """What a call that we make is for: it joins `call`, as what a member of a bridge can be."""

    call: str
    part: Part
    coached: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which call's other side asked for it, and whose place it is to take."""

    referrer: str | None
    replaces: Sealed[str] | None


def order(
    ctx: Context,
    basis: str,
    *,
    agent: str = "",
    joins: Joining | None = None,
    asked: Asked | None = None,
) -> str:
    """Call whom the basis names. Answers the id of the call. Refused without one that holds."""
    bases.live(ctx, basis)
    call = ctx.new_id("call")
    ctx.table(Dial).insert(
        Dial(
            id=call,
            basis=basis,
            by=ctx.sender,
            state=DialState.ORDERED,
            cause=None,
            ordered_us=ctx.now,
            agent=agent,
            joins=joins.call if joins else None,
            part=joins.part if joins else Part.TALKS,
            coached=joins.coached if joins else None,
            referrer=asked.referrer if asked else None,
            replaces=asked.replaces if asked else None,
        )
    )
    ctx.effect("telephony.dial", lane=call, call=call)
    return call


def came_to(ctx: Context, call: str, state: DialState, cause: str | None) -> Dial | None:
    """How far the order came; none where the call is none of ours."""
    dial = ctx.table(Dial).get(call)
    if dial is None:
        return None
    return ctx.table(Dial).replace(replace(dial, state=state, cause=cause))
