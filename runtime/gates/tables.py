"""Actions that wait for people: the gate, the votes, the policies. Times are microseconds."""

from enum import StrEnum

from runtime.sealed import Sealed
from runtime.tables import table


class GateState(StrEnum):
    """A gate is open until it is decided; every other state is final."""

    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@table(name="gate_policy")
class GatePolicy:
    """Who is asked, how many must agree, how long it may take.

    `asks` and `escalates_to` hold roles, and ids of identities ("id_..."). Each
    `escalate_after_us` without a decision adds the next of `escalates_to` to those who may
    decide. A policy named "acme/..." belongs to the tenant acme, one without "/" to the house.
    """

    id: str
    asks: tuple[str, ...]
    quorum: int
    expires_after_us: int
    escalate_after_us: int | None
    escalates_to: tuple[str, ...]


@table(name="gate", index=(("scope", "state"), ("state",)))
class Gate:
    """One action that waits. It keeps its policy as it was when the gate was opened.

    `subject` is what the human reads and holds no personal data; `detail` may, sealed. `action`
    and `otherwise` are reducers, `args` their arguments as canonical JSON (personal ones
    sealed). `expiry` and `escalation` are the ids of the timers that still run.
    """

    id: str
    tenant: str
    scope: str | None
    policy: str
    subject: str
    detail: Sealed[str] | None
    asks: tuple[str, ...]
    quorum: int
    escalates_to: tuple[str, ...]
    escalate_after_us: int | None
    proposer: str
    state: GateState
    opened_us: int
    expires_us: int
    decided_us: int | None
    why: str | None
    action: str
    args: str
    otherwise: str | None
    expiry: str | None
    escalation: str | None


@table(name="gate_vote", index=(("gate",),), append_only=True)
class GateVote:
    """What one identity said. The entry that added it keeps the signature."""

    id: str
    gate: str
    identity: str
    approve: bool
    at_us: int
    why: str
