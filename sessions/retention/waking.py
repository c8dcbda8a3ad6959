"""An erasure that was asked for while the call was up is decided in the moment it is sealed."""

from runtime import Context
from sessions.retention.tables import Erasure, ErasureState


def sealed(ctx: Context, call: str) -> None:
    """The call is over, what is kept of it stands: have what waits for that decided."""
    for row in ctx.table(Erasure).where(call=call):
        if row.state is ErasureState.QUEUED:
            ctx.effect("sessions.wake_erasure", lane=f"{call}/erase", scope=call, erasure=row.id)
