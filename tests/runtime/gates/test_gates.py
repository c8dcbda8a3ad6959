"""Gates over a store: what waits is done once, after people agreed, or somebody is told."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.canonical import decode
from runtime.errors import NotAllowed, Refused
from runtime.gates.reducers import (
    OPEN_MAX,
    gate_approved,
    gate_policy_set,
    gate_refused,
    gate_withdrawn,
)
from runtime.gates.tables import Gate, GateState, GateVote
from runtime.identities.rules import State
from runtime.identities.signing import verify_entry
from runtime.log import Entry
from runtime.log_key import ORIGIN
from runtime.outbox import Effect, EffectState
from runtime.performer import Performer
from tests.runtime.gates.desk import (
    FOUR_EYES,
    HOUR,
    SUPERVISED,
    Outcome,
    badly_proposed,
    became,
    dropped,
    propose,
    staffed,
)
from tests.runtime.virtual import House, public_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = await staffed(tmp_path)
    yield opened
    assert opened.audit().differences == ()
    await opened.store.close()


async def outcomes(house: House) -> list[tuple[str, bool]]:
    """What came of it, once every timer that is due has fired."""
    await house.wait(0)
    return [(row.what, row.done) for row in await house.rows(Outcome)]


async def state_of(house: House, gate: str) -> GateState:
    (row,) = await house.rows(Gate, id=gate)
    return row.state


async def test_what_waits_is_done_once_somebody_who_was_asked_agrees(house: House) -> None:
    gate = await propose(house, scope="call_1")
    assert await outcomes(house) == []

    assert await house.act(gate_approved, "id_ann", gate=gate, why="fine") == GateState.GRANTED

    assert await outcomes(house) == [("it", True)]
    (vote,) = await house.rows(GateVote)
    assert (vote.identity, vote.approve, vote.why) == ("id_ann", True, "fine")
    done = [decode(entry) for entry in await house.log()][-1]
    assert (done["actor"], done["scope"]) == ("timer", "call_1")


async def test_the_signature_of_who_decided_is_kept_and_can_be_checked_by_anybody(
    house: House,
) -> None:
    gate = await propose(house)
    with pytest.raises(NotAllowed, match="must be signed"):
        await house.store.act(
            gate_approved, sender="id_ann", request="r1", gate=gate, why="unsigned"
        )

    await house.act(gate_approved, "id_ann", gate=gate, why="fine")

    entry = Entry.decode((await house.log())[-1])
    verify_entry(entry, public_of("id_ann"), ORIGIN)
    with pytest.raises(ValueError, match="not what id_ann signed"):
        verify_entry(
            replace(entry, args={**entry.args, "why": "else"}), public_of("id_ann"), ORIGIN
        )


async def test_what_was_granted_is_scheduled_in_the_commit_that_grants_it(house: House) -> None:
    gate = await propose(house)
    await house.act(gate_approved, "id_ann", gate=gate, why="fine")

    entry = decode((await house.log())[-1])

    changed = [(table, (new or {}).get("state")) for table, _, new in entry["deltas"]]
    assert changed.count(("effect", "cancelled")) == 2
    assert changed.count(("effect", "open")) == 1
    assert changed[-1] == ("gate", "granted")


async def test_one_no_is_enough_and_whoever_waits_is_told(house: House) -> None:
    gate = await propose(house, "four-eyes")
    await house.act(gate_approved, "id_ann", gate=gate, why="fine")
    await house.act(gate_refused, "id_bob", gate=gate, why="too dear")

    assert await outcomes(house) == [("it", False)]
    (row,) = await house.rows(Gate)
    assert (row.state, row.why) == (GateState.REFUSED, "too dear")


async def test_four_eyes_are_two_people(house: House) -> None:
    gate = await propose(house, "four-eyes")
    for _ in range(3):
        assert await house.act(gate_approved, "id_ann", gate=gate, why="fine") == GateState.OPEN
    assert await outcomes(house) == []
    assert len(await house.rows(GateVote)) == 1

    assert await house.act(gate_approved, "id_bob", gate=gate, why="yes") == GateState.GRANTED
    assert await outcomes(house) == [("it", True)]


async def test_who_agreed_may_still_say_no(house: House) -> None:
    gate = await propose(house, "four-eyes")
    await house.act(gate_approved, "id_ann", gate=gate, why="fine")

    assert await house.act(gate_refused, "id_ann", gate=gate, why="not so") == GateState.REFUSED


@pytest.mark.parametrize("policy", ["supervised", "four-eyes"])
async def test_nobody_approves_what_they_proposed(house: House, policy: str) -> None:
    gate = await propose(house, policy, sender="id_ann")

    with pytest.raises(NotAllowed, match="proposed it"):
        await house.act(gate_approved, "id_ann", gate=gate, why="my own")

    assert await state_of(house, gate) is GateState.OPEN


@pytest.mark.parametrize("state", [State.SUSPENDED, State.REVOKED])
async def test_an_approval_lasts_as_long_as_its_giver_may_decide(
    house: House, state: State
) -> None:
    gate = await propose(house, "four-eyes")
    await house.act(gate_approved, "id_ann", gate=gate, why="fine")
    await house.act(became, identity="id_ann", state=state)

    assert await house.act(gate_approved, "id_bob", gate=gate, why="yes") == GateState.OPEN
    with pytest.raises(NotAllowed, match=state):
        await house.act(gate_approved, "id_ann", gate=gate, why="again")
    assert await outcomes(house) == []


async def test_who_was_not_asked_is_told_who_was(house: House) -> None:
    gate = await propose(house)
    for reducer in (gate_approved, gate_refused):
        with pytest.raises(NotAllowed, match="asks supervisor, which id_guest is not"):
            await house.act(reducer, "id_guest", gate=gate, why="me too")


@pytest.mark.parametrize("sender", ["node", "timer"])
async def test_code_does_not_decide(house: House, sender: str) -> None:
    gate = await propose(house)

    with pytest.raises(NotAllowed, match="people decide"):
        await house.act(gate_approved, sender, gate=gate, why="I computed it")


async def test_people_of_another_tenant_do_not_decide(house: House) -> None:
    for name, firm in (("id_acme", "acme"), ("id_other", "other")):
        await house.introduce(name, "supervisor", firm=firm)
    gate = await propose(house, firm="acme")

    with pytest.raises(NotAllowed, match="another tenant"):
        await house.act(gate_approved, "id_other", gate=gate, why="yes")
    assert await house.act(gate_approved, "id_acme", gate=gate, why="yes") == GateState.GRANTED


async def test_one_person_can_be_asked_by_name(house: House) -> None:
    gate = await propose(house, asks=("id_guest",))

    with pytest.raises(NotAllowed, match="asks id_guest"):
        await house.act(gate_approved, "id_ann", gate=gate, why="for them")
    await house.act(gate_approved, "id_guest", gate=gate, why="mine")
    assert await outcomes(house) == [("it", True)]


async def test_a_vote_after_the_decision_is_refused_with_what_was_decided(house: House) -> None:
    gate = await propose(house)
    await house.act(gate_refused, "id_ann", gate=gate, why="too dear")

    for reducer in (gate_approved, gate_refused, gate_withdrawn):
        with pytest.raises(Refused, match=r"is refused since \d+: too dear"):
            await house.act(reducer, "id_bob", gate=gate, why="but")
    assert await outcomes(house) == [("it", False)]


async def test_a_vote_sent_twice_under_one_request_is_one_entry(house: House) -> None:
    gate = await propose(house)
    for _ in range(2):
        await house.act(gate_approved, "id_ann", request="r1", gate=gate, why="fine")

    assert await outcomes(house) == [("it", True)]


async def test_nobody_deciding_is_told_when_the_time_is_over(house: House) -> None:
    gate = await propose(house)
    await house.wait(HOUR - 1)
    assert await state_of(house, gate) is GateState.OPEN

    await house.wait(1)

    assert await state_of(house, gate) is GateState.EXPIRED
    assert await outcomes(house) == [("it", False)]
    assert await house.timers() == []


async def test_a_late_timer_does_not_make_the_deadline_later(house: House) -> None:
    gate = await propose(house)
    await house.sleep(HOUR)

    with pytest.raises(NotAllowed, match="has expired"):
        await house.act(gate_approved, "id_ann", gate=gate, why="just in time?")

    await house.wait(0)
    assert await state_of(house, gate) is GateState.EXPIRED
    assert await outcomes(house) == [("it", False)]


async def test_each_escalation_asks_one_more_and_keeps_those_before(house: House) -> None:
    gate = await propose(house)
    with pytest.raises(NotAllowed):
        await house.act(gate_approved, "id_max", gate=gate, why="yes")
    await house.wait(HOUR // 4)
    (row,) = await house.rows(Gate)
    assert row.asks == ("supervisor", "manager")

    await house.wait(HOUR // 4)
    (row,) = await house.rows(Gate)
    assert row.asks == ("supervisor", "manager", "id_owner")
    assert row.escalation is None

    assert await house.act(gate_approved, "id_owner", gate=gate, why="yes") == GateState.GRANTED
    assert await outcomes(house) == [("it", True)]


async def test_a_decided_gate_has_no_timer_left(house: House) -> None:
    gate = await propose(house)
    assert len(await house.timers()) == 2
    await house.act(gate_refused, "id_ann", gate=gate, why="no")
    await house.wait(0)

    assert await house.timers() == []
    assert len(await house.rows(Effect, state=EffectState.CANCELLED)) == 2
    await house.wait(2 * HOUR)
    assert await outcomes(house) == [("it", False)]


async def test_who_proposed_may_withdraw_and_nobody_else(house: House) -> None:
    gate = await propose(house, sender="id_ann")
    with pytest.raises(NotAllowed, match="refuse it instead"):
        await house.act(gate_withdrawn, "id_bob", gate=gate, why="no")

    await house.act(gate_withdrawn, "id_ann", gate=gate, why="changed my mind")

    assert await state_of(house, gate) is GateState.WITHDRAWN
    assert await outcomes(house) == [("it", False)]


async def test_a_reducer_may_withdraw_what_has_no_point_any_more(house: House) -> None:
    gate = await propose(house)
    await house.act(dropped, gate=gate)
    await house.act(dropped, gate=gate)

    assert await outcomes(house) == [("it", False)]


async def test_open_gates_keep_the_policy_they_were_opened_under(house: House) -> None:
    gate = await propose(house)
    await house.act(gate_policy_set, policy=replace(SUPERVISED, asks=("manager",), quorum=2))

    assert await house.act(gate_approved, "id_ann", gate=gate, why="ok") == GateState.GRANTED


async def test_a_policy_that_can_not_work_is_refused(house: House) -> None:
    with pytest.raises(Refused, match="quorum"):
        await house.act(gate_policy_set, policy=replace(FOUR_EYES, quorum=3))


async def test_a_tenant_sets_no_policy_of_the_house(house: House) -> None:
    await house.introduce("id_acme", "operator", firm="acme")
    with pytest.raises(NotAllowed, match="not your tenant's"):
        await house.act(gate_policy_set, "id_acme", policy=FOUR_EYES)
    await house.act(gate_policy_set, "id_acme", policy=replace(FOUR_EYES, id="acme/x"))


async def test_a_gate_needs_its_policy(house: House) -> None:
    with pytest.raises(Refused, match="no gate_policy nowhere"):
        await propose(house, "nowhere")


async def test_an_action_that_could_never_run_is_found_out_before_anybody_is_asked(
    house: House,
) -> None:
    with pytest.raises(TypeError, match="what"):
        await house.act(badly_proposed)
    assert await house.rows(Gate) == []


async def test_more_gates_than_people_can_read_are_refused(house: House) -> None:
    for _ in range(OPEN_MAX):
        await propose(house, scope="call_1")

    with pytest.raises(Refused, match="decide or withdraw some"):
        await propose(house, scope="call_1")
    await propose(house, scope="call_2")


async def test_the_performer_carries_out_what_was_granted_and_never_what_was_cancelled(
    house: House,
) -> None:
    performer = Performer(house.store, lambda: house.now_us[0])
    gate = await propose(house)
    await performer.idle()
    assert await house.rows(Outcome) == []

    await house.act(gate_approved, "id_ann", gate=gate, why="fine")
    await performer.idle()
    await performer.close()

    assert [(row.what, row.done) for row in await house.rows(Outcome)] == [("it", True)]
    assert await house.timers() == []
