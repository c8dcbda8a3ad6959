"""Pauses, step by step: who holds a call, from when to when."""

from dataclasses import replace

from consent import reducers as consent
from consent.machine import Event, Reason
from runtime import Context, Refused, reducer
from sessions import gating
from sessions.tables import Call, CallState, Hold

CALLER = "caller"
AGENT = "agent"


@reducer
def hold_asked(ctx: Context, call: str, hold: str) -> str:
    """The agent wants a pause. Answers the id of the one that is to begin, or goes on already."""
    if (going_on := _going_on(ctx, call, AGENT)) is not None:
        return going_on.id
    if ctx.table(Call).one(call).state is not CallState.ANSWERED:
        raise Refused(f"{call} is not answered: only an open line can be held")
    ctx.table(Hold).insert(Hold(hold, call, AGENT, ctx.now, None, None))
    ctx.effect("telephony.hold", lane=f"{call}/hold", hold=hold, on=True)
    return hold


@reducer
def resume_asked(ctx: Context, call: str) -> str | None:
    """The agent goes on. Answers the id of the pause that is to end; none where none goes on."""
    going_on = _going_on(ctx, call, AGENT)
    if going_on is None:
        return None
    ctx.effect("telephony.hold", lane=f"{call}/hold", hold=going_on.id, on=False)
    return going_on.id


@reducer
def hold_settled(ctx: Context, hold: str, *, on: bool, agreed: bool) -> None:
    """The other side agreed to a pause or to its end, or refused."""
    holds = ctx.table(Hold)
    row = holds.one(hold)
    if row.until_us is not None:
        return
    if on and agreed:
        holds.replace(replace(row, since_us=ctx.now))
    elif on or agreed:
        holds.replace(replace(row, until_us=ctx.now))
    _pause(ctx, row.call)


def caller_holds(ctx: Context, call: str, is_held: bool) -> None:
    """The other side's description says whether it wants to hear us."""
    going_on = _going_on(ctx, call, CALLER)
    holds = ctx.table(Hold)
    if is_held and going_on is None:
        name = f"{call}/hold/{len(holds.where(call=call)) + 1}"
        holds.insert(Hold(name, call, CALLER, ctx.now, ctx.now, None))
    elif not is_held and going_on is not None:
        holds.replace(replace(going_on, until_us=ctx.now))
    _pause(ctx, call)


def ended(ctx: Context, call: str) -> None:
    """The line of a call closed: so did its pauses."""
    holds = ctx.table(Hold)
    for row in holds.where(call=call):
        if row.until_us is None:
            holds.replace(replace(row, until_us=ctx.now))


def _pause(ctx: Context, call: str) -> None:
    """What the policy closes during a hold is closed in the commit in which that begins."""
    scopes = [term.scope for term in consent.terms_of(ctx, call) if term.pauses_on_hold]
    standings = consent.standings_of(ctx, call) if scopes else {}
    holds = ctx.table(Hold).where(call=call)
    is_held = any(row.since_us is not None and row.until_us is None for row in holds)
    event = Event.HELD if is_held else Event.RESUMED
    turned = [
        scope
        for scope in scopes
        if scope in standings and (Reason.HOLD in standings[scope].closed_by) != is_held
    ]
    if turned:
        outcome = consent.happened(ctx, call, event, turned, method="hold")
        gating.follow(ctx, call, outcome)


def _going_on(ctx: Context, call: str, by: str) -> Hold | None:
    for row in ctx.table(Hold).where(call=call, by=by):
        if row.until_us is None:
            return row
    return None
