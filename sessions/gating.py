"""A recording follows its gate: what came of a consent event, done to the rows of the call."""

from consent import reducers as consent
from consent.machine import Due
from consent.policy.terms import OnNo
from consent.prompts import Prompt
from consent.reducers import RECORDING, Outcome
from consent.tables import ConsentTerm
from recordings import reducers as recordings
from runtime import Context

TRANSCRIPT = "transcript_retention"
RECORDED = (RECORDING, TRANSCRIPT)
"""What is kept of a call."""


def follow(ctx: Context, call: str, outcome: Outcome) -> None:
    """Open, close or end the recording in this commit, and have done what is due for it."""
    if outcome.grant is not None:
        recordings.begin(ctx, outcome.grant, is_open=RECORDING in outcome.opened)
    elif RECORDING in outcome.over:
        recordings.stop(ctx, call)
    elif RECORDING in outcome.closed:
        recordings.suspend(ctx, call)
    elif RECORDING in outcome.opened:
        recordings.resume(ctx, call)
    terms = _touched(ctx, call, outcome)
    if Due.REFUSAL in outcome.due and must_record(ctx, call, outcome):
        turn_away(ctx, call, OnNo.END_WITH_REASON)
    elif Due.REFUSAL in outcome.due:
        for on_no in (OnNo.END_WITH_REASON, OnNo.TRANSFER_HUMAN_UNRECORDED):
            if any(term.on_no == on_no for term in terms):
                turn_away(ctx, call, on_no)
                return
    if Due.END in outcome.due and must_record(ctx, call, outcome):
        turn_away(ctx, call, OnNo.END_WITH_REASON, "refusal-fault")
    elif Due.OFFER_ERASURE in outcome.due and must_record(ctx, call, outcome):
        # Who withdraws refuses.
        turn_away(ctx, call, OnNo.END_WITH_REASON)


def must_record(ctx: Context, call: str, outcome: Outcome) -> bool:
    """Whether there is no conversation without what this was about."""
    return any(term.must_record for term in _touched(ctx, call, outcome))


def _touched(ctx: Context, call: str, outcome: Outcome) -> list[ConsentTerm]:
    return [term for term in consent.terms_of(ctx, call) if term.scope in outcome.touched]


def turn_away(ctx: Context, call: str, how: OnNo, why: str = "refusal-end") -> None:
    """The conversation does not go on here: say why, then hang up or connect a person."""
    ctx.effect("sessions.turn_away", lane=f"{call}/voice", scope=call, how=how.value, why=why)


def tell(ctx: Context, call: str, *what: str) -> None:
    """Say that something has become so: wordings by name, without their language, in order."""
    ctx.effect("sessions.tell", lane=f"{call}/voice", scope=call, what=[*what])


def say_next(ctx: Context, call: str) -> None:
    """Whatever the party is to be told or asked next, is."""
    prompt = consent.due(ctx, call)
    if prompt is not None:
        ctx.effect("sessions.ask", lane=f"{call}/voice", scope=call, **named(prompt))


def named(prompt: Prompt) -> dict[str, str | list[str]]:
    """What the effect of asking is told of: by this it knows whether it is still due."""
    return {"act": prompt.act.value, "scopes": list(prompt.scopes)}
