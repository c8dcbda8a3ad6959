"""The only code that changes how a trunk stands."""

from runtime import Context, reducer
from telephony.trunks.tables import TrunkState


@reducer
def trunk_changed(
    ctx: Context, *, trunk: str, registered_until_us: int, up: bool, failures: int, why: str
) -> None:
    """A trunk was registered, lost its registration, went away or came back."""
    row = TrunkState(
        id=trunk,
        registered_until_us=registered_until_us,
        up=up,
        failures=failures,
        why=why,
        changed_us=ctx.now,
    )
    states = ctx.table(TrunkState)
    if states.get(trunk) is None:
        states.insert(row)
    else:
        states.replace(row)
