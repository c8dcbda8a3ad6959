"""The only code that changes slots."""

from parley.module import Context, Refused, Sealed, reducer

from .tables import Slot

FIRST, LAST = 8, 17


@reducer
def slot_taken(ctx: Context, hour: int, who: Sealed[str]) -> str:
    """The caller takes an hour, if it is one and it is free. Answers its name."""
    if not FIRST <= hour <= LAST:
        raise Refused(f"we are open from {FIRST} to {LAST}")
    slots = ctx.table(Slot)
    name = f"{hour} o'clock"
    if slots.get(name) is not None:
        raise Refused(f"{name} is taken")
    return slots.insert(Slot(id=name, call=ctx.scope or "", who=who)).id


@reducer(by=("operator",))
def slot_freed(ctx: Context, slot: str) -> None:
    """The practice gives an hour back."""
    slots = ctx.table(Slot)
    slots.delete(slots.one(slot))
