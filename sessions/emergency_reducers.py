"""An emergency (row 33): lives come first, and two people look at it afterwards.

What is opened is opened on vital interests (article 6 (1) (d) GDPR), and says so.
"""

from dataclasses import replace

from consent import reducers as consent
from consent.machine import Event
from consent.permit import LIVE_STT
from consent.tables import BasisKind
from runtime import Context, Refused, reducer, table
from runtime.gates import reducers as gates
from sessions import bridge_reducers as joined
from sessions import gating
from sessions.gating import RECORDED
from sessions.retention.binding import four_eyes
from sessions.tables import Call, CallState

REVIEW_POLICY = "emergency-review"
OPENED = (*RECORDED, LIVE_STT)
WHY_CHARS_MAX = 200


@table(name="emergency", index=(("call",),))
class Emergency:
    """Declared in a call, by whom and why; `justified` says what two people found, or one did not,
    and is None until then."""

    id: str
    call: str
    by: str
    why: str
    basis: BasisKind
    gate: str
    justified: bool | None
    at_us: int


@reducer
def emergency_declared(ctx: Context, call: str, by: str, why: str, keys: dict[str, str]) -> bool:
    """Recording and understanding are opened now. `why` is kept in clear: no names, no words.

    Answers whether `keys` were used. Refused where nobody could review it.
    """
    if ctx.table(Call).one(call).state is not CallState.ANSWERED:
        raise Refused(f"{call} is not answered: nothing of it can be opened")
    if not 0 < len(why) <= WHY_CHARS_MAX:
        raise Refused(f"say why, in 1 to {WHY_CHARS_MAX} letters")
    four_eyes(ctx, REVIEW_POLICY)
    outcome = consent.happened(
        ctx, call, Event.EMERGENCY, OPENED, keys=keys, method=f"operator:{by}"
    )
    if not outcome.touched:
        raise Refused(f"nothing of {call} can be opened: it has no terms")
    gating.follow(ctx, call, outcome)
    joined.consent_settled(ctx, call)
    name = f"{call}/emergency/{len(ctx.table(Emergency).where(call=call)) + 1}"
    gate = gates.open(
        ctx,
        policy=REVIEW_POLICY,
        subject=f"Was it an emergency in {call}?",
        then=emergency_reviewed,
        otherwise=emergency_rejected,
        args={"emergency": name},
        proposer=by or None,
    )
    about = (by, why, BasisKind.VITAL_INTERESTS, gate)
    ctx.table(Emergency).insert(Emergency(name, call, *about, justified=None, at_us=ctx.now))
    return outcome.grant is not None


@reducer
def emergency_reviewed(ctx: Context, emergency: str) -> None:
    """Two people found that it was one."""
    row = ctx.table(Emergency).one(emergency)
    ctx.table(Emergency).replace(replace(row, justified=True))


@reducer
def emergency_rejected(ctx: Context, emergency: str) -> None:
    """They did not: what was recorded on it waits for an erasure, which is asked for apart."""
    row = ctx.table(Emergency).one(emergency)
    ctx.table(Emergency).replace(replace(row, justified=False))
