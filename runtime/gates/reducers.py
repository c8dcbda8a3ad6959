"""The only code that changes gates. `open` and `withdraw` are for the reducers of others."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from runtime.context import Context
from runtime.errors import NotAllowed, Refused
from runtime.gates import rules
from runtime.gates.rules import Due, Event
from runtime.gates.tables import Gate, GatePolicy, GateState, GateVote
from runtime.identities.tables import Identity
from runtime.reducers import reducer
from runtime.sealed import Sealed

OPEN_MAX = 64
"""Gates that may be open in one scope: people can not read more, and a loop must end."""

ARGS_CHARS_MAX = 16_384

# By name: the timers set each other, so neither function stands above the other.
ESCALATION = "runtime.gate_escalation_due"
EXPIRY = "runtime.gate_expiry_due"


def open(
    ctx: Context,
    *,
    policy: str,
    subject: str,
    then: str | Callable[..., Any],
    args: dict[str, Any],
    otherwise: str | Callable[..., Any] | None = None,
    detail: Sealed[str] | None = None,
    asks: tuple[str, ...] = (),
    proposer: str | None = None,
    tenant: str = rules.HOUSE,
) -> str:
    """Have an action wait for approval. Answers the id of the gate.

    Exactly one of `then` and `otherwise` (where there is one) is called with `args`, by a timer
    scheduled in the commit that decides. `asks` are roles or identity ids in place of the
    policy's; `proposer` is for whom this is asked, if not for the sender.
    Raises `Refused` without the policy or with too many gates open, TypeError for args that a
    reducer does not take.
    """
    chosen = ctx.table(GatePolicy).one(policy)
    _bound(subject, "subject")
    waiting = ctx.table(Gate).where(scope=ctx.scope, state=GateState.OPEN)
    if len(waiting) >= OPEN_MAX:
        raise Refused(f"{OPEN_MAX} gates are open in this scope: decide or withdraw some first")
    name, packed = ctx.plan(then, **args)
    if len(packed) > ARGS_CHARS_MAX:
        raise Refused(f"args of {name} have more than {ARGS_CHARS_MAX} characters")
    gate = Gate(
        id=ctx.new_id("gate"),
        tenant=tenant,
        scope=ctx.scope,
        policy=chosen.id,
        subject=subject,
        detail=detail,
        asks=asks or chosen.asks,
        quorum=chosen.quorum,
        escalates_to=chosen.escalates_to,
        escalate_after_us=chosen.escalate_after_us,
        proposer=proposer or ctx.sender,
        state=GateState.OPEN,
        opened_us=ctx.now,
        expires_us=ctx.now + chosen.expires_after_us,
        decided_us=None,
        why=None,
        action=name,
        args=packed,
        otherwise=None if otherwise is None else ctx.plan(otherwise, **args)[0],
        expiry=None,
        escalation=None,
    )
    expiry = ctx.schedule(EXPIRY, at_us=gate.expires_us, scope=gate.scope, gate=gate.id)
    return ctx.table(Gate).insert(_climbing(ctx, replace(gate, expiry=expiry))).id


def withdraw(ctx: Context, gate: str, why: str) -> None:
    """The action is not wanted any more (the call has ended); nothing happens once decided."""
    row = ctx.table(Gate).one(gate)
    if not rules.is_decided(row.state):
        _happened(ctx, row, Event.WITHDRAWAL, why)


def _happened(ctx: Context, gate: Gate, event: Event, why: str) -> GateState:
    """Take the step and do what is due, in this commit."""
    step = rules.next_step(gate.state, event)
    if step is None:
        raise Refused(f"gate {gate.id} is {gate.state} since {gate.decided_us}: {gate.why}")
    after = replace(gate, state=step.state)
    if rules.is_decided(step.state):
        after = replace(_stilled(ctx, after), decided_us=ctx.now, why=why)
    if step.due is Due.ASK_FURTHER:
        after = _climbing(ctx, rules.escalated(after))
    elif step.due is Due.THEN:
        ctx.carry_out(gate.action, gate.args, scope=gate.scope)
    elif step.due is Due.OTHERWISE and gate.otherwise is not None:
        ctx.carry_out(gate.otherwise, gate.args, scope=gate.scope)
    return ctx.table(Gate).replace(after).state


def _climbing(ctx: Context, gate: Gate) -> Gate:
    """The gate with the timer of its next escalation, if it has one."""
    at_us = rules.escalates_us(gate, ctx.now)
    if at_us is None:
        return gate
    timer = ctx.schedule(ESCALATION, at_us=at_us, scope=gate.scope, gate=gate.id)
    return replace(gate, escalation=timer)


def _stilled(ctx: Context, gate: Gate) -> Gate:
    """The gate with no timer running."""
    for timer in (gate.expiry, gate.escalation):
        if timer is not None:
            ctx.cancel(timer)
    return replace(gate, expiry=None, escalation=None)


def _voter(ctx: Context, gate: Gate) -> Identity:
    """Who votes. Raises NotAllowed for everybody whose vote does not count."""
    identity = ctx.table(Identity).get(ctx.sender)
    if identity is None:
        raise NotAllowed(f"{ctx.sender} is no identity: people decide at a gate")
    wrong = rules.objection(gate, identity, ctx.now)
    if wrong is not None:
        raise NotAllowed(wrong)
    return identity


def _undecided(ctx: Context, gate: str) -> Gate:
    row = ctx.table(Gate).one(gate)
    if rules.is_decided(row.state):
        raise Refused(f"gate {gate} is {row.state} since {row.decided_us}: {row.why}")
    return row


def _approvers(ctx: Context, gate: Gate) -> list[str]:
    """Who agrees. Only while they may decide: a key that was stolen is revoked, with its votes."""
    votes = ctx.table(GateVote).where(gate=gate.id, approve=True)
    voters = [ctx.table(Identity).one(vote.identity) for vote in votes]
    return [voter.id for voter in voters if rules.objection(gate, voter, ctx.now) is None]


def _vote(ctx: Context, gate: Gate, approve: bool, why: str) -> None:
    _bound(why, "why")
    ctx.table(GateVote).insert(
        GateVote(
            id=f"{gate.id}/{len(ctx.table(GateVote).where(gate=gate.id)):02}",
            gate=gate.id,
            identity=ctx.sender,
            approve=approve,
            at_us=ctx.now,
            why=why,
        )
    )


def _bound(text: str, name: str) -> None:
    if not 1 <= len(text) <= rules.TEXT_CHARS_MAX:
        raise Refused(f"{name} has 1 to {rules.TEXT_CHARS_MAX} characters")


@reducer(by=("*",), signed=True)
def gate_approved(ctx: Context, gate: str, why: str) -> str:
    """Somebody agrees. Answers the gate's state; the same person agreeing again changes nothing."""
    row = _undecided(ctx, gate)
    voter = _voter(ctx, row)
    event = rules.meaning(row, _approvers(ctx, row), voter.id)
    if event is None:
        return row.state
    _vote(ctx, row, True, why)
    return _happened(ctx, row, event, why)


@reducer(by=("*",), signed=True)
def gate_refused(ctx: Context, gate: str, why: str) -> str:
    """Somebody says no, and may have agreed before. Answers the gate's state."""
    row = _undecided(ctx, gate)
    _voter(ctx, row)
    _vote(ctx, row, False, why)
    return _happened(ctx, row, Event.REFUSAL, why)


@reducer(by=("*",), signed=True)
def gate_withdrawn(ctx: Context, gate: str, why: str) -> str:
    """Who proposed it does not want it any more. Answers the gate's state."""
    row = _undecided(ctx, gate)
    if ctx.sender != row.proposer:
        raise NotAllowed(f"gate {gate} was proposed by somebody else: refuse it instead")
    _bound(why, "why")
    return _happened(ctx, row, Event.WITHDRAWAL, why)


@reducer
def gate_escalation_due(ctx: Context, gate: str) -> str:
    """Nobody decided so far: more people may. Answers the gate's state."""
    row = replace(_undecided(ctx, gate), escalation=None)
    return _happened(ctx, row, Event.ESCALATION_DUE, "")


@reducer
def gate_expiry_due(ctx: Context, gate: str) -> str:
    """Nobody decided in time. Answers the gate's state."""
    row = replace(_undecided(ctx, gate), expiry=None)
    return _happened(ctx, row, Event.EXPIRY_DUE, "nobody decided in time")


@reducer(by=("operator",), signed=True)
def gate_policy_set(ctx: Context, policy: GatePolicy) -> None:
    """A policy is set. Gates that are open keep the one they were opened under."""
    wrong = rules.flaw(policy)
    if wrong is not None:
        raise Refused(wrong)
    if not rules.may_set(ctx.table(Identity).get(ctx.sender), policy.id):
        raise NotAllowed(f"policy {policy.id} is not your tenant's: begin its name with yours")
    policies = ctx.table(GatePolicy)
    if policies.get(policy.id) is None:
        policies.insert(policy)
    else:
        policies.replace(policy)
