"""Who else got data of a call, and what they answered when they were told that it was erased."""

from dataclasses import replace

from recordings.access import Access, Looked
from recordings.retention.precedence import Outcome, Trigger
from runtime import Context, Refused, reducer
from sessions.retention.binding import bounded
from sessions.retention.tables import Disclosure, Erasure, ErasureState, ProcessorNotice
from sessions.tables import Call

SUBJECT = "the data subject"
"""To be told like any other recipient; who they are stands nowhere in clear."""


@reducer
def disclosed(
    ctx: Context, *, call: str, recipient: str, artefacts: list[str], purpose: str
) -> str:
    """Data of a call went to a firm or a system. Answers the id."""
    ctx.table(Call).one(call)
    bounded(recipient, "recipient")
    bounded(purpose, "purpose")
    return (
        ctx.table(Disclosure)
        .insert(
            Disclosure(
                id=ctx.new_id("disclosure"),
                call=call,
                recipient=recipient,
                artefacts=tuple(artefacts),
                purpose=purpose,
                at_us=ctx.now,
            )
        )
        .id
    )


@reducer
def notice_acknowledged(ctx: Context, notice: str, answer: str) -> None:
    """The recipient says what became of its copy."""
    bounded(answer, "answer")
    row = ctx.table(ProcessorNotice).one(notice)
    if row.acknowledged_us is not None:
        raise Refused(f"{notice} was acknowledged before")
    ctx.table(ProcessorNotice).replace(replace(row, acknowledged_us=ctx.now, answer=answer))


def due(ctx: Context, row: Erasure) -> None:
    """Whoever got data of the call is to be told, once for each time they got any.

    For whom an operator exported it, only that operator knows.
    """
    for one in ctx.table(Disclosure).where(call=row.call):
        _open(ctx, row, one.id, one.recipient, one.artefacts)
    for seen in ctx.table(Access).where(call=row.call, looked=Looked.EXPORTED):
        _open(ctx, row, seen.id, f"for whom {seen.who} exported it", seen.what)


def due_to_subject(ctx: Context, row: Erasure) -> None:
    """Who asked is told of what is not erased, and why (GDPR Art 12(4)); where it is locked, that
    it is restricted, and that they are told before that is lifted (Art 18(3))."""
    left = tuple(
        one.artefact.value
        for one in row.decisions
        if one.outcome in (Outcome.REFUSE, Outcome.RESTRICT)
    )
    if row.trigger is not Trigger.EXPIRY and left:
        state = "refused" if row.state is ErasureState.REFUSED else "restricted"
        _open(ctx, row, f"subject-{state}", f"{SUBJECT}: {state}", left)


def _open(
    ctx: Context, row: Erasure, source: str, recipient: str, artefacts: tuple[str, ...]
) -> None:
    name = f"{row.id}/{source}"
    if ctx.table(ProcessorNotice).get(name) is None:
        ctx.table(ProcessorNotice).insert(
            ProcessorNotice(
                id=name,
                erasure=row.id,
                call=row.call,
                recipient=recipient,
                artefacts=artefacts,
                opened_us=ctx.now,
                acknowledged_us=None,
                answer="",
            )
        )
