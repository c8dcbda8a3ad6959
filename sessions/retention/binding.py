"""What the reducers of retention share: what is kept of a call, and what binds it.

Who calls is sealed, so no reducer can see whom a hold binds: whoever asks looks first, and says
which holds it looked at (`seen`) and which of them bind the call (`binding`). Where another hold
was placed meanwhile the action is refused, and who asked looks again.
"""

from consent import reducers as consent
from consent.machine import Event
from consent.tables import Basis, ConsentClip, ConsentKey
from recordings.tables import Recording
from runtime import Context, Refused
from runtime.gates.tables import GatePolicy
from sessions.retention import rules
from sessions.retention.rules import HoldsChanged, Kept
from sessions.retention.tables import (
    OPEN,
    Erasure,
    ErasureState,
    HeldCall,
    HoldState,
    KeyDestroyed,
    LegalHold,
    RetentionLock,
)
from sessions.tables import Call, Dial

FOUR_EYES = 2
TEXT_CHARS_MAX = 500


def kept_of(ctx: Context, call: Call) -> Kept:
    """What is kept of a call."""
    recording = ctx.table(Recording).get(call.id)
    granted = [key.id for key in ctx.table(ConsentKey).where(call=call.id)]
    clips = tuple(one.clip.key_id for one in ctx.table(ConsentClip).where(call=call.id))
    sealings = rules.sealings(call, recording, granted, _basis_key(ctx, call), clips)
    return Kept(
        call=call.id,
        since_us=call.offered_us if call.ended_us is None else call.ended_us,
        sealings=sealings,
        gone=tuple(key for one in sealings for key in one.keys if _is_gone(ctx, key)),
        locks=tuple(ctx.table(RetentionLock).where(call=call.id)),
    )


def held(ctx: Context, hold: str, call: str) -> HeldCall:
    """A hold binds a call: the row that says so."""
    found = ctx.table(HeldCall).get(f"{hold}/{call}")
    if found is not None:
        return found
    begun = [one for one in open_of(ctx, call) if one.state is ErasureState.BEGUN]
    row = HeldCall(f"{hold}/{call}", hold, call, ctx.now, bool(begun))
    told(ctx, call, f"held:{hold}")
    return ctx.table(HeldCall).insert(row)


def told(ctx: Context, call: str, what: str) -> None:
    """What becomes of the past of a call stands in the story of its recording, and changes nothing
    there."""
    if consent.RECORDING in consent.standings_of(ctx, call):
        consent.happened(ctx, call, Event.RETAINED, [consent.RECORDING], method=what)


def binding_holds(ctx: Context, call: str, seen: list[str], binding: list[str]) -> tuple[str, ...]:
    """The holds that bind a call. Raises HoldsChanged unless all there are were looked at."""
    active = ctx.table(LegalHold).where(state=HoldState.ACTIVE)
    if [one.id for one in active] != sorted(seen):
        raise HoldsChanged("a hold was placed or released meanwhile: look again")
    known = [row.hold for row in ctx.table(HeldCall).where(call=call)]
    bound = [one.id for one in active if one.id in binding or one.id in known or call in one.calls]
    for hold in bound:
        held(ctx, hold, call)
    return tuple(bound)


def four_eyes(ctx: Context, policy: str) -> None:
    """Whatever a policy was set to since, one person does not destroy."""
    if ctx.table(GatePolicy).one(policy).quorum < FOUR_EYES:
        raise Refused(f"policy {policy} asks one person: set its quorum to {FOUR_EYES}")


def bounded(text: str, name: str) -> None:
    """Raises Refused for a text that nobody reads."""
    if not 1 <= len(text) <= TEXT_CHARS_MAX:
        raise Refused(f"{name} has 1 to {TEXT_CHARS_MAX} characters")


def open_of(ctx: Context, call: str) -> list[Erasure]:
    """The erasures of a call that are not over."""
    return [row for row in ctx.table(Erasure).where(call=call) if row.state in OPEN]


def _basis_key(ctx: Context, call: Call) -> str | None:
    """The key of the basis that a call of ours was made on, if it is the last that stands on it."""
    dial = ctx.table(Dial).get(call.id)
    if dial is None:
        return None
    for other in ctx.table(Dial).where(basis=dial.basis):
        row = ctx.table(Call).get(other.id)
        if row is not None and row.id != call.id and not _is_gone(ctx, row.caller_key):
            return None
    return ctx.table(Basis).one(dial.basis).party.key_id


def _is_gone(ctx: Context, key: str) -> bool:
    return ctx.table(KeyDestroyed).get(key) is not None
