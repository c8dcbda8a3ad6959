"""A call which we make, step by step, up to its answer; from there on it is like any other."""

from dataclasses import replace

from consent import bases
from conversation import reducers as conversation
from runtime import Context, Refused, Sealed, reducer
from sessions import consult_reducers as consultations
from sessions import dials
from sessions.reducers import begin, in_state
from sessions.tables import CallState, Dial, DialState


@reducer(by=("supervisor",))
def call_dialled(
    ctx: Context, basis: str, referrer: str | None = None, replaces: Sealed[str] | None = None
) -> str:
    """Somebody is to be called: whom the basis names. Answers the id of the call.

    `referrer` is the call that asked for it. Refused without a basis that holds now.
    """
    return dials.order(ctx, basis, asked=dials.Asked(referrer, replaces))


@reducer
def call_placed(
    ctx: Context,
    *,
    call: str,
    line: str,
    remote: Sealed[str],
    local: Sealed[str],
    agent: str,
    words_key: str,
) -> None:
    """The INVITE goes out next: this is the last moment to say that nobody may be called."""
    dial = ctx.table(Dial).one(call)
    if dial.state is not DialState.ORDERED:
        raise Refused(f"{call} is {dial.state}, not ordered")
    bases.used(ctx, dial.basis)
    begin(
        ctx,
        call=call,
        direction="outbound",
        line=line,
        remote=remote,
        local=local,
        agent=agent,
        words_key=words_key,
        replaces=None,
    )
    ctx.table(Dial).replace(replace(dial, state=DialState.PLACED))


@reducer
def dial_rang(ctx: Context, call: str) -> None:
    """It rings at the other side."""
    dial = ctx.table(Dial).one(call)
    if dial.state is DialState.PLACED:
        ctx.table(Dial).replace(replace(dial, state=DialState.RINGING))


@reducer
def dial_failed(ctx: Context, call: str, cause: str) -> None:
    """It never became a call."""
    dial = ctx.table(Dial).one(call)
    if dial.state is not DialState.ORDERED:
        raise Refused(f"{call} is {dial.state}, not ordered")
    dials.came_to(ctx, call, DialState.FAILED, cause)
    consultations.over(ctx, call, cause)


@reducer
def transfer_asked(ctx: Context, call: str, action: str, args: Sealed[str]) -> None:
    """The agent hands the caller over, once all that it said was played."""
    in_state(ctx, call, CallState.ANSWERED)
    # The same order again is the same REFER: it stands in the dialog's row.
    conversation.propose(ctx, action, "transfer", True, args)
    ctx.effect("telephony.transfer", lane=f"{call}/voice", action=action)


@reducer
def keys_pressed(ctx: Context, call: str, action: str, args: Sealed[str]) -> None:
    """The agent presses keys, once all that it said was played."""
    in_state(ctx, call, CallState.ANSWERED)
    conversation.propose(ctx, action, "press", False, args)
    ctx.effect("telephony.press", lane=f"{call}/voice", action=action)
