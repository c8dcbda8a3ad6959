"""Holds, locks, erasures and who else has data. Times are microseconds since 1970, UTC."""

from enum import StrEnum

from recordings.retention.precedence import Decision, Trigger
from runtime import Sealed, table


class HoldState(StrEnum):
    """A hold binds until two people have released it."""

    ACTIVE = "active"
    RELEASED = "released"


@table(name="legal_hold", index=(("state",),))
class LegalHold:
    """Nothing of these calls is destroyed: named by id, or of these callers, future ones too.

    The matter and the callers (a number or a URI) are sealed under a key of this row's own.
    `gate` is that of the release, once somebody asked for it.
    """

    id: str
    matter: Sealed[str]
    calls: tuple[str, ...]
    callers: tuple[Sealed[str], ...]
    state: HoldState
    placed_by: str
    placed_us: int
    gate: str | None
    released_us: int | None


@table(name="held_call", index=(("call",), ("hold",)), append_only=True)
class HeldCall:
    """A call that a hold was found to bind, by its id or by who called.

    `too_late`: its destruction had begun before.
    """

    id: str
    hold: str
    call: str
    at_us: int
    too_late: bool


@table(name="retention_lock", index=(("call",),), append_only=True)
class RetentionLock:
    """A call is kept longer than its policy asks: an authority wants it. Never shortened."""

    id: str
    call: str
    until_us: int
    source: str
    at_us: int


class ErasureState(StrEnum):
    """Where an erasure stands. REFUSED, DECLINED and EXECUTED are final."""

    QUEUED = "queued"
    """The call is up: it is decided once that is sealed."""
    REQUESTED = "requested"
    """It waits for two people."""
    DECLINED = "declined"
    """They did not agree, or not in time."""
    REFUSED = "refused"
    """A legal hold stands against it."""
    APPROVED = "approved"
    """It is due."""
    BEGUN = "begun"
    """No way back: the keys are being destroyed."""
    WAITING = "waiting"
    """The rest is locked by law and restricted (GDPR Art 18); at `until_us` it goes on."""
    EXECUTED = "executed"


OPEN = (
    ErasureState.QUEUED,
    ErasureState.REQUESTED,
    ErasureState.APPROVED,
    ErasureState.BEGUN,
    ErasureState.WAITING,
)


@table(name="erasure", index=(("call",), ("state",)))
class Erasure:
    """One call's way to being erased, and for each artefact the rule that decided.

    `keys` are those to be destroyed, once it has begun; `gate` is where it was approved, or None
    under the standing approval `standing`. The reason is sealed under a key of its own.
    """

    id: str
    call: str
    trigger: Trigger
    state: ErasureState
    requested_by: str
    reason: Sealed[str] | None
    gate: str | None
    standing: str | None
    decisions: tuple[Decision, ...]
    keys: tuple[str, ...]
    requested_us: int
    begun_us: int | None
    until_us: int | None
    settled_us: int | None


@table(name="key_destroyed", index=(("call",), ("erasure",)), append_only=True)
class KeyDestroyed:
    """A key that is gone for good, under its id: a keystore from a copy must not bring it back."""

    id: str
    erasure: str
    call: str
    artefacts: tuple[str, ...]
    at_us: int


class StandingState(StrEnum):
    """Two people agree once that what expires goes without being asked for."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    ENDED = "ended"


@table(name="standing_approval", index=(("state",),))
class StandingApproval:
    """Under it what has expired is destroyed day by day, until `until_us` or its withdrawal."""

    id: str
    state: StandingState
    gate: str
    proposed_by: str
    until_us: int
    changed_us: int


@table(name="disclosure", index=(("call",),), append_only=True)
class Disclosure:
    """Data of a call went to somebody else: a firm or a system, never a person's name."""

    id: str
    call: str
    recipient: str
    artefacts: tuple[str, ...]
    purpose: str
    at_us: int


@table(name="processor_notice", index=(("call",), ("acknowledged_us",)))
class ProcessorNotice:
    """A recipient is to be told that a call was erased, and to acknowledge it (GDPR Art 19)."""

    id: str
    erasure: str
    call: str
    recipient: str
    artefacts: tuple[str, ...]
    opened_us: int
    acknowledged_us: int | None
    answer: str
