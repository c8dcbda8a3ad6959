"""Kill the process between any two steps: the log is the same, to the byte."""

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runtime.errors import Refused
from runtime.gates import rules
from runtime.gates.reducers import gate_approved, gate_refused, gate_withdrawn
from runtime.gates.tables import Gate, GateState, GateVote
from runtime.identities.rules import State
from runtime.identities.tables import Identity
from tests.runtime.gates.desk import HOUR, PEOPLE, Outcome, became, propose, staffed
from tests.runtime.virtual import House

pytestmark = pytest.mark.anyio

WALK_STEPS = 250
SEEDS = (1, 4711)

Step = Callable[[House], Awaitable[object]]


async def first(house: House) -> str:
    return (await house.rows(Gate))[0].id


async def approve(house: House, who: str) -> None:
    await house.act(gate_approved, who, gate=await first(house), why="yes")


STORY: tuple[Step, ...] = (
    lambda house: propose(house, "four-eyes", scope="call_1"),
    lambda house: approve(house, "id_ann"),
    lambda house: house.wait(HOUR // 2),
    lambda house: propose(house, scope="call_1", what="more"),
    lambda house: house.wait(HOUR // 4),
    lambda house: approve(house, "id_bob"),
    lambda house: house.wait(0),
    lambda house: house.wait(HOUR),
)


async def tell(folder: Path, killed_before: int | None) -> tuple[list[bytes], list[Outcome]]:
    house = await staffed(folder)
    for at, step in enumerate(STORY):
        if at == killed_before:
            await house.kill()
        await step(house)
    told = await house.log(), await house.rows(Outcome)
    assert house.audit().differences == ()
    await house.store.close()
    return told


async def test_a_kill_between_any_two_steps_changes_nothing(tmp_path: Path) -> None:
    expected = await tell(tmp_path / "alive", None)
    assert sorted((row.what, row.done) for row in expected[1]) == [("it", True), ("more", False)]

    for at in range(len(STORY)):
        assert await tell(tmp_path / f"killed{at}", at) == expected


async def a_step(house: House, draw: random.Random) -> None:
    """Anything that anybody may try; the rules refuse some of it."""
    gates = await house.rows(Gate)
    gate = draw.choice(gates[-6:]).id if gates else "gate_none"
    who = draw.choice(sorted(PEOPLE))
    what = draw.randrange(10)
    try:
        if what < 3:
            policy = draw.choice(["supervised", "four-eyes"])
            scope = f"call_{draw.randrange(3)}"
            await propose(
                house, policy, what=str(len(gates)), sender=draw.choice(["node", who]), scope=scope
            )
        elif what < 6:
            await house.act(gate_approved, who, gate=gate, why="yes")
        elif what == 6:
            await house.act(gate_refused, who, gate=gate, why="no")
        elif what == 7:
            await house.act(gate_withdrawn, draw.choice(["node", who]), gate=gate, why="never mind")
        elif what == 8:
            await house.act(
                became, identity=who, state=draw.choice([State.ACTIVE, State.SUSPENDED])
            )
        else:
            await house.wait(draw.randrange(HOUR // 2))
    except Refused:
        pass


async def agrees(house: House) -> None:
    """Whatever happened: every gate ended as its votes say, and was carried out once."""
    done = [(row.what, row.done) for row in await house.rows(Outcome)]
    gates = await house.rows(Gate)
    assert sorted(done) == sorted((str(n), s) for n, s in _expected(gates))
    people = {row.id: row for row in await house.rows(Identity)}
    for gate in gates:
        votes = await house.rows(GateVote, gate=gate.id)
        yes = [vote.identity for vote in votes if vote.approve]
        assert len(yes) == len(dict.fromkeys(yes))
        assert gate.proposer not in yes
        assert all(vote.at_us < gate.expires_us for vote in votes)
        assert (gate.state is GateState.REFUSED) is any(not vote.approve for vote in votes)
        if gate.state is GateState.GRANTED:
            assert len(yes) >= gate.quorum
            assert all({*people[name].roles, name} & {*gate.asks} for name in yes)
        if rules.is_decided(gate.state):
            assert (gate.expiry, gate.escalation) == (None, None)


def _expected(gates: list[Gate]) -> list[tuple[str, bool]]:
    decided = [gate for gate in gates if rules.is_decided(gate.state)]
    return [(gate.args.split('"')[3], gate.state is GateState.GRANTED) for gate in decided]


async def walk(folder: Path, seed: int, kills: int) -> list[bytes]:
    house = await staffed(folder)
    draw, death = random.Random(seed), random.Random(seed + 1)
    for at in range(WALK_STEPS):
        if kills and death.randrange(WALK_STEPS) < kills:
            await house.kill()
        await a_step(house, draw)
        if at % 20 == 0:
            await house.wait(0)
            await agrees(house)
    await house.wait(2 * HOUR)
    await agrees(house)
    gates = await house.rows(Gate)
    assert {*GateState} - {gate.state for gate in gates} == {GateState.OPEN}
    assert await house.timers() == []
    log = await house.log()
    report = house.audit()
    assert (report.replayed, report.differences) == (len(log), ())
    await house.store.close()
    return log


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_random_walk_holds_the_rules_and_survives_its_kills(
    tmp_path: Path, seed: int
) -> None:
    assert await walk(tmp_path / "alive", seed, 0) == await walk(tmp_path / "killed", seed, 20)
