"""Calls at different media processes: one is moved to the other, or both stay as they were."""

from collections.abc import Iterator

import pytest

from sessions.joining_reducers import Joining
from sessions.moving import NOT_AGREED
from sessions.tables import Leg
from tests.interop import hosts
from tests.interop.server import NO_QUESTION, Server
from tests.interop.telephones import Exchange, until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("desk")
    started = Server(folder, "tests.interop.hosts:Host", NO_QUESTION, "processes = 2")
    yield started
    started.stop()


def processes(exchange: Exchange) -> list[int]:
    return [
        leg.process for name in ("ann", "bob") for leg in exchange.rows(Leg, id=exchange.ids[name])
    ]


async def test_a_call_moves_to_the_process_of_the_call_that_it_joins(exchange: Exchange) -> None:
    await exchange.call("ann", 500.0)
    bob = await exchange.call("bob", 900.0)
    first, second = processes(exchange)
    assert first != second
    await exchange.act("sessions.calls_joined", "ann", other="bob")
    await exchange.hear("ann<bob", "bob<ann")
    assert processes(exchange) == [first, first]
    assert len(bob.remote) == 2
    print(f"longest gap {bob.running.longest_gap_ms} ms")
    bob.hang_up()
    await exchange.sealed("bob")
    assert (await exchange.parley("replay", "--all")).startswith("replay: identical")


async def test_where_that_is_refused_both_calls_are_as_they_were(exchange: Exchange) -> None:
    await exchange.call("ann", 500.0)
    bob = await exchange.call("bob", 900.0, sounds=False)
    bob.agrees = False
    before = processes(exchange)
    await exchange.act("sessions.calls_joined", "ann", other="bob")

    def is_settled() -> bool:
        return all(row.settled_us for row in exchange.rows(Joining, other=exchange.ids["bob"]))

    await until(is_settled, "still on its way")
    (row,) = exchange.rows(Joining, other=exchange.ids["bob"])
    assert row.refused == NOT_AGREED
    assert processes(exchange) == before
    assert NOT_AGREED in await exchange.parley("show", exchange.ids["ann"])
    await bob.until(lambda: not bob.hears_sound(), "the music goes on")
    bob.press(hosts.SAY)
    await bob.until(lambda: bob.heard_words(hosts.WORDS), "the agent is silent")
    await exchange.hear()
