"""The gate's machine, every state and event of it."""

from dataclasses import replace

import pytest

from runtime.gates import rules
from runtime.gates.rules import Due, Event, Step
from runtime.gates.tables import Gate, GatePolicy, GateState
from runtime.identities.rules import Kind, State
from runtime.identities.tables import Identity
from tests.runtime.gates.desk import SUPERVISED

LEADS = {
    Event.APPROVAL: Step(GateState.OPEN),
    Event.LAST_APPROVAL: Step(GateState.GRANTED, Due.THEN),
    Event.REFUSAL: Step(GateState.REFUSED, Due.OTHERWISE),
    Event.WITHDRAWAL: Step(GateState.WITHDRAWN, Due.OTHERWISE),
    Event.ESCALATION_DUE: Step(GateState.OPEN, Due.ASK_FURTHER),
    Event.EXPIRY_DUE: Step(GateState.EXPIRED, Due.OTHERWISE),
}

GATE = Gate(
    id="gate_x",
    tenant="acme",
    scope=None,
    policy="supervised",
    subject="May we?",
    detail=None,
    asks=("supervisor", "id_named"),
    quorum=1,
    escalates_to=("manager", "id_owner"),
    escalate_after_us=100,
    proposer="node",
    state=GateState.OPEN,
    opened_us=0,
    expires_us=250,
    decided_us=None,
    why=None,
    action="tests.carried_out",
    args="{}",
    otherwise=None,
    expiry=None,
    escalation=None,
)
ANN = Identity(
    id="id_ann",
    kind=Kind.PERSON,
    state=State.ACTIVE,
    key=b"",
    roles=("supervisor",),
    tenant="acme",
    name="Ann",
    registered_us=0,
    changed_us=0,
    why="",
)


@pytest.mark.parametrize("state", GateState)
@pytest.mark.parametrize("event", Event)
def test_an_event_leads_where_it_should_while_the_gate_is_open_and_nowhere_after(
    state: GateState, event: Event
) -> None:
    expected = LEADS[event] if state is GateState.OPEN else None
    assert rules.next_step(state, event) == expected


@pytest.mark.parametrize("state", GateState)
def test_a_gate_is_open_or_decided(state: GateState) -> None:
    assert rules.is_decided(state) is (state is not GateState.OPEN)


def test_every_decision_is_told_to_whoever_waits() -> None:
    for step in rules.NEXT[GateState.OPEN].values():
        told = step.due in (Due.THEN, Due.OTHERWISE)
        assert told is rules.is_decided(step.state)
        assert (step.due is Due.THEN) is (step.state is GateState.GRANTED)


@pytest.mark.parametrize(
    ("quorum", "approvers", "meaning"),
    [
        (1, [], Event.LAST_APPROVAL),
        (2, [], Event.APPROVAL),
        (2, ["id_bob"], Event.LAST_APPROVAL),
        (2, ["id_ann"], None),
    ],
)
def test_an_approval_counts_once_for_each_identity(
    quorum: int, approvers: list[str], meaning: Event | None
) -> None:
    assert rules.meaning(replace(GATE, quorum=quorum), approvers, "id_ann") is meaning


@pytest.mark.parametrize(
    "identity",
    [
        ANN,
        replace(ANN, tenant=""),
        replace(ANN, id="id_named", roles=()),
        replace(ANN, roles=("guest", "supervisor")),
    ],
)
def test_who_is_asked_may_decide(identity: Identity) -> None:
    assert rules.objection(GATE, identity, 249) is None


@pytest.mark.parametrize(
    ("identity", "now", "why"),
    [
        (replace(ANN, kind=Kind.SERVICE), 0, "only people"),
        (replace(ANN, kind=Kind.AGENT), 0, "only people"),
        (replace(ANN, state=State.SUSPENDED), 0, "suspended"),
        (replace(ANN, state=State.REVOKED), 0, "revoked"),
        (replace(ANN, tenant="other"), 0, "another tenant"),
        (replace(ANN, roles=()), 0, "asks supervisor, id_named"),
        (replace(ANN, roles=("manager",)), 0, "asks supervisor, id_named"),
        (ANN, 250, "has expired"),
    ],
)
def test_who_may_not_decide_is_told_why(identity: Identity, now: int, why: str) -> None:
    assert why in (rules.objection(GATE, identity, now) or "")


def test_nobody_decides_what_they_proposed_themselves() -> None:
    gate = replace(GATE, proposer="id_ann")
    assert "proposed it" in (rules.objection(gate, ANN, 0) or "")


def test_each_escalation_adds_one_who_may_decide_and_none_comes_after_the_expiry() -> None:
    assert rules.escalates_us(GATE, 0) == 100
    once = rules.escalated(GATE)
    assert once.asks == ("supervisor", "id_named", "manager")
    assert rules.escalates_us(once, 100) == 200
    assert rules.escalates_us(once, 150) is None
    twice = rules.escalated(once)
    assert twice.asks == ("supervisor", "id_named", "manager", "id_owner")
    assert rules.escalates_us(twice, 0) is None


@pytest.mark.parametrize(
    "policy",
    [
        replace(SUPERVISED, id=""),
        replace(SUPERVISED, asks=()),
        replace(SUPERVISED, asks=("x" * 101,)),
        replace(SUPERVISED, asks=("a", "b", "c", "d", "e", "f", "g")),
        replace(SUPERVISED, quorum=0),
        replace(SUPERVISED, quorum=3),
        replace(SUPERVISED, expires_after_us=0),
        replace(SUPERVISED, expires_after_us=rules.WAIT_US_MAX + 1),
        replace(SUPERVISED, escalate_after_us=None),
        replace(SUPERVISED, escalates_to=()),
        replace(SUPERVISED, escalate_after_us=0),
        replace(SUPERVISED, escalate_after_us=SUPERVISED.expires_after_us // 2),
    ],
)
def test_a_policy_that_can_not_work_is_found_out(policy: GatePolicy) -> None:
    assert rules.flaw(policy)


def test_a_policy_that_works_is_sound() -> None:
    assert rules.flaw(SUPERVISED) is None
    assert rules.flaw(replace(SUPERVISED, escalate_after_us=None, escalates_to=())) is None


@pytest.mark.parametrize(
    ("tenant", "policy", "allowed"),
    [("", "x", True), ("", "acme/x", True), ("acme", "acme/x", True), ("acme", "x", False)],
)
def test_a_tenant_sets_policies_of_its_own_name(tenant: str, policy: str, allowed: bool) -> None:
    assert rules.may_set(replace(ANN, tenant=tenant), policy) is allowed
