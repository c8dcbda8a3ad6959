"""A24: an agent calls somebody who never agreed to calls by an AI. The line is not even opened."""

from typing import Any

import pytest

from consent.policy.shipped import law
from consent.tables import ConsentTerm
from parley.config import parse
from parley.plans import plans_of
from runtime.performer import Closing
from sessions.house import House
from sessions.outbound import dial_failed
from sessions.tables import Call, Dial, DialState
from tests.sessions.conftest import house
from tests.sessions.test_outbound import ask, performed

__all__ = ["house"]

pytestmark = pytest.mark.anyio

CALIFORNIA = "sip:+14155550123@192.0.2.9"


def under_the_law(of: House, policy: str = "law", line: str = "general") -> list[dict[str, Any]]:
    """Answers what the operator will be told."""
    told: list[dict[str, Any]] = []

    def note(what: str, **facts: Any) -> None:
        told.append({"what": what, **facts})

    of.note = note
    of.terms_for = plans_of(
        parse(f'[consent]\npolicy = "{policy}"\nplace = "Dublin"\nline = "{line}"\n', {}),
        rows=of.store.reader,
        secret=b"s" * 32,
        clock=of.clock,
        note=note,
    ).terms_for
    return told


async def ordered(of: House, basis: str) -> Closing | None:
    assert "ok" in await ask(of, uri=CALIFORNIA, basis=basis)
    return await performed(of)


async def test_who_never_agreed_to_it_is_not_called_by_an_agent(house: House) -> None:
    told = under_the_law(house)
    closing = await ordered(house, "contract")
    assert closing is not None
    assert (closing.reducer, closing.args["cause"]) == (dial_failed, "not_permitted")
    assert await house.store.reader.rows(Call) == []
    await house.store.act(closing.reducer, sender="node", **closing.args)
    (order,) = await house.store.reader.rows(Dial)
    assert (order.state, order.cause) == (DialState.FAILED, "not_permitted")
    (reason,) = [one for one in told if one.get("call") == order.id]
    assert "consent to calls by an AI" in reason["what"]
    known = {cell.id for cell in law().cells}
    assert reason["rules"] and known >= {*reason["rules"].split(", ")}


async def test_who_agreed_to_it_is_called(house: House) -> None:
    under_the_law(house)
    assert await ordered(house, "consent") is None
    (row,) = await house.store.reader.rows(Call)
    assert row.direction == "outbound"
    assert await house.store.reader.rows(ConsentTerm) == []


async def test_where_the_policy_cannot_be_read_nobody_is_called(house: House) -> None:
    under_the_law(house)
    await ask(house, uri="sip:somebody@192.0.2.9", basis="contract")
    closing = await performed(house)
    assert closing is not None and closing.args["cause"] == "not_permitted"


async def test_a_policy_that_is_not_by_the_law_asks_for_the_basis_alone(house: House) -> None:
    under_the_law(house, policy="ask")
    assert await ordered(house, "contract") is None
    assert len(await house.store.reader.rows(Call)) == 1
