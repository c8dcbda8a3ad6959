"""The log of the whole house, played again.

Rows can be rebuilt, and actions run again, only where every table and every reducer has been
declared: to import this is to import all that declare one.
"""

from pathlib import Path

import consent.filed
import consent.policy.reducers
import conversation.reducers
import recordings.access
import recordings.reducers
import runtime.budgets.reducers
import runtime.effects
import runtime.gates.reducers
import runtime.identities.reducers
import runtime.modules.reducers
import runtime.restored
import sessions.bridge_reducers
import sessions.consent_reducers
import sessions.consult_reducers
import sessions.dispatching
import sessions.emergency_reducers
import sessions.import_reducers
import sessions.joining_reducers
import sessions.outbound
import sessions.quality_reducers
import sessions.reducers
import sessions.retention.hold_reducers
import sessions.retention.notice_reducers
import sessions.retention.reducers
import sessions.retention.span_reducers
import sessions.retention.standing_reducers
import sessions.siprec.reducers
import sessions.wish_reducers
import telephony.reducers
import telephony.trunks.reducers
import transcripts.reducers
from runtime import fresh
from runtime.fresh import ReplayFailed, Tell
from runtime.replay import NAMED_MAX, Audit, Difference, audit, entries, rebuild

__all__ = [
    "DECLARING",
    "NAMED_MAX",
    "Audit",
    "Difference",
    "ReplayFailed",
    "Tell",
    "audit",
    "entries",
    "rebuild",
    "replay",
]

DECLARING = (
    runtime.effects,
    runtime.identities.reducers,
    runtime.modules.reducers,
    runtime.gates.reducers,
    runtime.budgets.reducers,
    runtime.restored,
    telephony.reducers,
    telephony.trunks.reducers,
    consent.filed,
    consent.policy.reducers,
    transcripts.reducers,
    conversation.reducers,
    recordings.access,
    recordings.reducers,
    sessions.bridge_reducers,
    sessions.consent_reducers,
    sessions.consult_reducers,
    sessions.import_reducers,
    sessions.dispatching,
    sessions.emergency_reducers,
    sessions.joining_reducers,
    sessions.reducers,
    sessions.outbound,
    sessions.quality_reducers,
    sessions.retention.hold_reducers,
    sessions.retention.notice_reducers,
    sessions.retention.reducers,
    sessions.retention.span_reducers,
    sessions.retention.standing_reducers,
    sessions.siprec.reducers,
    sessions.wish_reducers,
)


def replay(database: Path, scope: str | None = None, *, tell: Tell | None = None) -> Audit:
    """Audit a store in a fresh process, of one scope or of all. Raises ReplayFailed."""
    return fresh.replay_elsewhere(database, __name__, scope, tell=tell)
