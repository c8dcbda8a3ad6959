"""The log of the whole house, played again.

Rows can be rebuilt, and actions run again, only where every table and every reducer has been
declared: to import this is to import all that declare one.
"""

import conversation.reducers
import recordings.reducers
import runtime.budgets.reducers
import runtime.effects
import runtime.gates.reducers
import runtime.identities.reducers
import runtime.modules.reducers
import runtime.restored
import sessions.reducers
import telephony.reducers
from runtime.replay import Audit, Difference, audit, entries, rebuild

__all__ = ["DECLARING", "Audit", "Difference", "audit", "entries", "rebuild"]

DECLARING = (
    runtime.effects,
    runtime.identities.reducers,
    runtime.modules.reducers,
    runtime.gates.reducers,
    runtime.budgets.reducers,
    runtime.restored,
    telephony.reducers,
    conversation.reducers,
    recordings.reducers,
    sessions.reducers,
)
