"""The gate as a table, and who may decide. No timer, key or log is in sight."""

from dataclasses import dataclass, replace
from enum import StrEnum

from runtime.gates.tables import Gate, GatePolicy, GateState
from runtime.identities.rules import Kind, State
from runtime.identities.tables import Identity

HOUSE = ""
"""The tenant of those who run the platform: they may decide for every tenant."""

FOUR_EYES = 2
QUORA = (1, FOUR_EYES)
ASKED_MAX = 8
NAME_CHARS_MAX = 100
TEXT_CHARS_MAX = 500
WAIT_US_MAX = 90 * 86_400_000_000


class Event(StrEnum):
    """What can happen to a gate."""

    APPROVAL = "approval"
    """One more person agrees; others still have to."""
    LAST_APPROVAL = "last_approval"
    """The one that makes the quorum."""
    REFUSAL = "refusal"
    WITHDRAWAL = "withdrawal"
    ESCALATION_DUE = "escalation_due"
    EXPIRY_DUE = "expiry_due"


class Due(StrEnum):
    """What follows, in the same commit."""

    THEN = "then"
    OTHERWISE = "otherwise"
    ASK_FURTHER = "ask_further"


@dataclass(frozen=True, slots=True)
class Step:
    """Where an event leads."""

    state: GateState
    due: Due | None = None


NEXT: dict[GateState, dict[Event, Step]] = {
    GateState.OPEN: {
        Event.APPROVAL: Step(GateState.OPEN),
        Event.LAST_APPROVAL: Step(GateState.GRANTED, Due.THEN),
        # One no is enough, whatever the quorum.
        Event.REFUSAL: Step(GateState.REFUSED, Due.OTHERWISE),
        Event.WITHDRAWAL: Step(GateState.WITHDRAWN, Due.OTHERWISE),
        Event.ESCALATION_DUE: Step(GateState.OPEN, Due.ASK_FURTHER),
        Event.EXPIRY_DUE: Step(GateState.EXPIRED, Due.OTHERWISE),
    },
    GateState.GRANTED: {},
    GateState.REFUSED: {},
    GateState.EXPIRED: {},
    GateState.WITHDRAWN: {},
}


def next_step(state: GateState, event: Event) -> Step | None:
    """Where `event` leads from `state`, or None where it comes too late."""
    return NEXT[state].get(event)


def is_decided(state: GateState) -> bool:
    """Nothing can happen to the gate any more."""
    return not NEXT[state]


def meaning(gate: Gate, approvers: list[str], voter: str) -> Event | None:
    """What one more approval is, after those of `approvers`; None for one that is there already."""
    if voter in approvers:
        return None
    return Event.LAST_APPROVAL if len(approvers) + 1 >= gate.quorum else Event.APPROVAL


def objection(gate: Gate, identity: Identity, now: int) -> str | None:
    """Why this identity may not decide about this gate, for it to read; None where it may."""
    if identity.kind is not Kind.PERSON:
        return f"only people decide at a gate, {identity.id} is a {identity.kind}"
    if identity.state is not State.ACTIVE:
        return f"{identity.id} is {identity.state}"
    if identity.tenant not in (HOUSE, gate.tenant):
        return f"gate {gate.id} belongs to another tenant"
    if identity.id == gate.proposer:
        return f"{identity.id} proposed it: somebody else must decide, or withdraw the gate"
    if not any(asked in gate.asks for asked in (identity.id, *identity.roles)):
        return f"gate {gate.id} asks {', '.join(gate.asks)}, which {identity.id} is not"
    # The timer may be late, after a restart; the deadline is not.
    if now >= gate.expires_us:
        return f"gate {gate.id} has expired: propose it again"
    return None


def escalated(gate: Gate) -> Gate:
    """The next of those it escalates to may decide as well."""
    asks = (*gate.asks, *gate.escalates_to[:1])
    return replace(gate, asks=asks, escalates_to=gate.escalates_to[1:])


def escalates_us(gate: Gate, now: int) -> int | None:
    """When it next escalates; None where nobody is left, or the gate expires first."""
    if not gate.escalates_to or gate.escalate_after_us is None:
        return None
    at_us = now + gate.escalate_after_us
    return at_us if at_us < gate.expires_us else None


def flaw(policy: GatePolicy) -> str | None:
    """What is wrong with a policy and what to write instead; None where it is sound."""
    names = (policy.id, *policy.asks, *policy.escalates_to)
    if any(not 1 <= len(name) <= NAME_CHARS_MAX for name in names):
        return f"names have 1 to {NAME_CHARS_MAX} characters"
    if not policy.asks or len(policy.asks) + len(policy.escalates_to) > ASKED_MAX:
        return f"a policy asks somebody, and {ASKED_MAX} at most with all escalations"
    if policy.quorum not in QUORA:
        return f"quorum is 1, or {FOUR_EYES} for four eyes"
    if not 0 < policy.expires_after_us <= WAIT_US_MAX:
        return f"expires_after_us is 1 to {WAIT_US_MAX}"
    if (policy.escalate_after_us is None) != (not policy.escalates_to):
        return "escalate_after_us and escalates_to stand together or not at all"
    if policy.escalate_after_us is not None:
        rungs = len(policy.escalates_to)
        if not 0 < policy.escalate_after_us * rungs < policy.expires_after_us:
            return "every escalation comes before the gate expires"
    return None


def may_set(identity: Identity | None, policy: str) -> bool:
    """Whose policy it is: in-process code and the house set any, a tenant those under its name."""
    if identity is None or identity.tenant == HOUSE:
        return True
    return policy.startswith(f"{identity.tenant}/")
