"""A colleague is asked whether they take a call, while its caller hears music.

What they answer, that nobody answers, or that the caller leaves first, is one commit each, and
the caller is off hold in the same one.
"""

from dataclasses import replace
from enum import StrEnum

from conversation import reducers as conversation
from runtime import Context, Refused, Sealed, reducer, table
from sessions import bridge_reducers as bridges
from sessions import dials
from sessions.tables import Call, CallState, Dial
from telephony.bridge import SUPERVISES, Part

CONSULTANT = "conversation.attendants:Consultant"
ATTENDANT = "conversation.attendants:Attendant"


class ConsultState(StrEnum):
    """`OVER`: nobody answered, or somebody hung up first."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    OVER = "over"


@table(name="consultation", index=(("call",),))
class Consultation:
    """The call to a colleague, by its id, about `call`. `brief` is what they are told.

    `context` is for their eyes: names and values, as a JSON object.
    """

    id: str
    call: str
    action: str
    brief: Sealed[str]
    state: ConsultState
    cause: str | None
    asked_us: int
    context: Sealed[str] | None = None
    settled_us: int | None = None


@reducer
def consult_asked(
    ctx: Context,
    *,
    call: str,
    action: str,
    args: Sealed[str],
    basis: str,
    brief: Sealed[str],
    context: Sealed[str] | None = None,
) -> str:
    """The agent of `call` wants a colleague asked. Answers the id of the call to them."""
    _answered(ctx, call)
    conversation.propose(ctx, action, "consult", True, args)
    bridges.hold(ctx, call)
    other = dials.order(ctx, basis, agent=CONSULTANT)
    ctx.table(Consultation).insert(
        Consultation(
            id=other,
            call=call,
            action=action,
            brief=brief,
            state=ConsultState.ASKED,
            cause=None,
            asked_us=ctx.now,
            context=context,
        )
    )
    ctx.effect("sessions.consult", lane=action, consultation=other)
    return other


@reducer
def consult_answered(ctx: Context, call: str, accepted: bool) -> None:
    """The colleague on the line of `call` takes it, or does not. Who takes it is joined now."""
    row = _asked(ctx, call)
    state = ConsultState.ACCEPTED if accepted else ConsultState.DECLINED
    ctx.table(Consultation).replace(replace(row, state=state, settled_us=ctx.now))
    if accepted:
        bridges.join(ctx, row.call, call, Part.TALKS, None)
    bridges.unhold(ctx, row.call)


@reducer
def consult_given_up(ctx: Context, call: str) -> None:
    """The colleague takes too long: their line is closed, the caller is off hold."""
    _asked(ctx, call)
    over(ctx, call, "no_answer")
    if ctx.table(Call).get(call) is not None:
        ctx.effect("telephony.hang_up", lane=f"{call}/voice", scope=call)


@reducer(by=("supervisor", "operator"))
def supervision_dialled(
    ctx: Context, call: str, basis: str, part: Part = Part.LISTENS, coached: str | None = None
) -> str:
    """A supervisor is called, and joins `call` when they answer. Answers the id of that call.

    They listen, whisper to `coached`, or barge. Who is heard beside a recording is asked first
    whether they may be recorded, like any party; who only listens is asked nothing.
    """
    _answered(ctx, call)
    joins = dials.Joining(call, part, coached)
    return dials.order(ctx, basis, agent=ATTENDANT, joins=joins)


@reducer
def supervisor_pressed(ctx: Context, call: str, part: Part) -> None:
    """The supervisor on the line of `call` chose another part by a key."""
    dial = ctx.table(Dial).one(call)
    if dial.joins is None or part not in SUPERVISES:
        raise Refused(f"{call} was not called to supervise, and cannot be what {part} is")
    coached = (dial.coached or dial.joins) if part is Part.WHISPERS else None
    bridges.take_part(ctx, dial.joins, call, part, coached)


def over(ctx: Context, call: str, cause: str | None) -> None:
    """A line is closed, or was never open: what was asked of it, or for it, has no answer."""
    consultations = ctx.table(Consultation)
    asked = [row for row in (consultations.get(call),) if row is not None]
    asked += consultations.where(call=call)
    for row in asked:
        if row.state is ConsultState.ASKED:
            gone = replace(row, state=ConsultState.OVER, cause=cause, settled_us=ctx.now)
            consultations.replace(gone)
            bridges.unhold(ctx, row.call)
            if row.call == call and ctx.table(Call).get(row.id) is not None:
                ctx.effect("telephony.hang_up", lane=f"{row.id}/voice", scope=row.id)


def _asked(ctx: Context, call: str) -> Consultation:
    row = ctx.table(Consultation).one(call)
    if row.state is not ConsultState.ASKED:
        raise Refused(f"consultation {call} is {row.state} already")
    return row


def _answered(ctx: Context, call: str) -> None:
    row = ctx.table(Call).one(call)
    if row.state is not CallState.ANSWERED:
        raise Refused(f"{call} is {row.state}, not {CallState.ANSWERED}")
