"""The only code that changes what the agent says, does and remembers."""

from dataclasses import replace

from conversation.tables import (
    Action,
    ActionState,
    Memory,
    Turn,
    Utterance,
    UtteranceState,
)
from runtime import Context, Refused, Sealed, reducer


@reducer
def utterance_planned(ctx: Context, utterance: str, text: Sealed[str], interruptible: bool) -> None:
    """The agent means to say this. It is committed before the first sample is played."""
    plan(ctx, utterance, text, interruptible)
    ctx.effect("conversation.speak", lane=f"{ctx.scope}/voice", utterance=utterance)


def plan(ctx: Context, utterance: str, text: Sealed[str], interruptible: bool) -> None:
    """The row of an intent to speak."""
    ctx.table(Utterance).insert(
        Utterance(
            id=utterance,
            call=ctx.scope or "",
            text=text,
            interruptible=interruptible,
            state=UtteranceState.PLANNED,
            played_ms=0,
            total_ms=0,
            interrupted=False,
            planned_us=ctx.now,
            ended_us=None,
        )
    )


def end(ctx: Context, utterance: str, played_ms: int, total_ms: int, interrupted: bool) -> None:
    """The words were played up to `played_ms`."""
    row = ctx.table(Utterance).one(utterance)
    if row.state is UtteranceState.ENDED:
        raise Refused(f"{utterance} has already ended")
    ctx.table(Utterance).replace(
        replace(
            row,
            state=UtteranceState.ENDED,
            played_ms=played_ms,
            total_ms=total_ms,
            interrupted=interrupted,
            ended_us=ctx.now,
        )
    )


@reducer
def action_proposed(
    ctx: Context, action: str, tool: str, idempotent: bool, args: Sealed[str]
) -> None:
    """The agent wants a tool called; it will be, once, under this id."""
    propose(ctx, action, tool, idempotent, args)
    ctx.effect("conversation.tool", lane=action, action=action)


def propose(ctx: Context, action: str, tool: str, idempotent: bool, args: Sealed[str]) -> None:
    """The row of something that the agent wants done."""
    ctx.table(Action).insert(
        Action(
            id=action,
            call=ctx.scope or "",
            tool=tool,
            idempotent=idempotent,
            args=args,
            state=ActionState.PROPOSED,
            result=None,
            proposed_us=ctx.now,
            finished_us=None,
        )
    )


@reducer
def action_started(ctx: Context, action: str) -> bool:
    """The tool is about to be called. False where that must not happen (again).

    A tool that is not idempotent is called at most once: if a process died between its start
    and its end, nobody can know what it did, and the answer is no.
    """
    row = ctx.table(Action).one(action)
    if row.state is ActionState.STARTED and row.idempotent:
        return True
    if row.state is not ActionState.PROPOSED:
        return False
    ctx.table(Action).replace(replace(row, state=ActionState.STARTED))
    return True


@reducer
def action_finished(ctx: Context, action: str, state: ActionState, result: Sealed[str]) -> None:
    """The tool answered, failed, or its outcome can not be known."""
    row = ctx.table(Action).one(action)
    if row.finished_us is not None:
        raise Refused(f"{action} has already finished")
    ctx.table(Action).replace(replace(row, state=state, result=result, finished_us=ctx.now))


def begin_turn(
    ctx: Context,
    turn: str,
    cause: str,
    segment: str | None,
    *,
    speaker: str = "",
    digit: Sealed[str] | None = None,
) -> None:
    """The agent has something to answer."""
    call = ctx.scope or ""
    ctx.table(Turn).insert(
        Turn(
            id=turn,
            call=call,
            cause=cause,
            segment=segment,
            began_us=ctx.now,
            completed_us=None,
            failure=None,
            speaker=speaker,
            digit=digit,
        )
    )
    ctx.effect("conversation.turn", lane=f"{call}/turns", turn=turn)


@reducer
def turn_completed(ctx: Context, turn: str, userdata: Sealed[str], failure: str | None) -> None:
    """The agent has done all it wanted; what it now knows goes with it."""
    row = ctx.table(Turn).one(turn)
    ctx.table(Turn).replace(replace(row, completed_us=ctx.now, failure=failure))
    memories = ctx.table(Memory)
    memory = Memory(id=row.call, userdata=userdata)
    if memories.get(row.call) is None:
        memories.insert(memory)
    else:
        memories.replace(memory)
