"""A policy is in force once two people who did not propose it agreed, and not before."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent.policy import in_force, shipped
from consent.policy.reducers import GATE, policy_law_noted, policy_proposed
from consent.policy.tables import PolicyProposal, PolicyRelease, PolicyText
from runtime.errors import NotAllowed, Refused
from runtime.gates.reducers import gate_approved, gate_policy_set, gate_refused
from runtime.gates.tables import Gate, GatePolicy
from tests.runtime.virtual import START_US, House

pytestmark = pytest.mark.anyio

DAY = 86_400_000_000
TEXT = """
[[cell]]
jurisdictions = ["US-TX"]
scopes = ["recording"]
due = "ask"
source = "Our own promise to customers"
reviewed = 2026-11-01
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = await House.open(tmp_path)
    for name in ("id_ann", "id_bob", "id_cat"):
        await opened.introduce(name, "compliance")
    await opened.introduce("id_dan", "supervisor")
    await opened.introduce("id_eve", "compliance", firm="acme")
    yield opened
    assert opened.audit().differences == ()
    await opened.store.close()


async def propose(
    house: House,
    sender: str = "id_ann",
    *,
    tenant: str = "",
    text: str = TEXT,
    from_us: int | None = None,
) -> str:
    law = await house.act(policy_law_noted, text=shipped.law().text)
    gate: str = await house.act(
        policy_proposed,
        sender=sender,
        belongs_to=tenant,
        text=text,
        law=law,
        from_us=from_us,
        why="promised",
    )
    return gate


async def approve(house: House, gate: str, *people: str) -> None:
    for one in people:
        await house.act(gate_approved, sender=one, gate=gate, why="read it")
    await house.wait(0)


async def versions(house: House, at_us: int, tenant: str = "") -> list[str]:
    texts = {row.id: row.text for row in await house.rows(PolicyText)}
    releases = await house.rows(PolicyRelease)
    found = in_force.overlays(shipped.law(), releases, texts, tenant, at_us)
    return [one.version for one in found]


async def test_two_others_release_what_one_proposed(house: House) -> None:
    gate = await propose(house)
    await approve(house, gate, "id_bob")
    assert await versions(house, START_US) == []
    await approve(house, gate, "id_cat")

    (release,) = await house.rows(PolicyRelease)
    (proposal,) = await house.rows(PolicyProposal)
    assert (proposal.gate, proposal.proposer, release.id) == (gate, "id_ann", proposal.id)
    assert await versions(house, START_US) == [release.policy]
    assert await versions(house, START_US - 1) == []


async def test_nobody_approves_their_own(house: House) -> None:
    gate = await propose(house)
    with pytest.raises(NotAllowed, match="proposed it"):
        await approve(house, gate, "id_ann")


async def test_one_no_is_enough(house: House) -> None:
    gate = await propose(house)
    await approve(house, gate, "id_bob")
    await house.act(gate_refused, sender="id_cat", gate=gate, why="no such promise")
    await house.wait(0)
    assert await house.rows(PolicyRelease) == []


async def test_a_house_that_lets_one_decide_publishes_nothing(house: House) -> None:
    gate = await propose(house)
    (kept,) = await house.rows(GatePolicy, id=GATE)
    await house.act(gate_policy_set, policy=replace(kept, quorum=1))
    with pytest.raises(Refused, match="lets one person decide"):
        await propose(house, text=TEXT + "# again")
    (open_gate,) = await house.rows(Gate, id=gate)
    assert open_gate.quorum == 2


@pytest.mark.parametrize("sender", ["operator", "node"])
async def test_who_proposes_is_somebody(house: House, sender: str) -> None:
    with pytest.raises(NotAllowed, match="by a person"):
        await propose(house, sender)


async def test_a_role_is_needed(house: House) -> None:
    with pytest.raises(NotAllowed):
        await propose(house, "id_dan")


async def test_a_tenants_officer_speaks_for_that_tenant(house: House) -> None:
    with pytest.raises(NotAllowed, match="belongs to acme"):
        await propose(house, "id_eve")
    gate = await propose(house, "id_eve", tenant="acme")
    await approve(house, gate, "id_ann", "id_bob")
    assert await versions(house, START_US) == []
    assert len(await versions(house, START_US, "acme")) == 1


async def test_it_is_in_force_from_its_day_on(house: House) -> None:
    gate = await propose(house, from_us=START_US + DAY)
    await approve(house, gate, "id_bob", "id_cat")
    assert await versions(house, START_US + DAY - 1) == []
    assert len(await versions(house, START_US + DAY)) == 1


async def test_what_was_is_not_changed(house: House) -> None:
    with pytest.raises(Refused, match="from now or later"):
        await propose(house, from_us=START_US - DAY)


async def test_the_newer_of_two_is_in_force_and_the_older_is_kept(house: House) -> None:
    for text in (TEXT, TEXT.replace("US-TX", "US-NY"), TEXT):
        await approve(house, await propose(house, text=text), "id_bob", "id_cat")
        house.now_us[0] += DAY
    releases = await house.rows(PolicyRelease)
    assert len(releases) == 3
    assert len(await house.rows(PolicyText)) == 3  # The law, and two texts.
    for days in range(3):
        (at,) = await versions(house, START_US + days * DAY)
        (expected,) = [one.policy for one in releases if one.from_us == START_US + days * DAY]
        assert at == expected


async def test_the_law_is_in_the_log_word_by_word(house: House) -> None:
    await propose(house)
    (kept,) = await house.rows(PolicyText, id=shipped.law().version)
    assert kept.text == shipped.law().text
