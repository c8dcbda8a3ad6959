"""The shell of the trunks against a registrar in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pytest

from telephony.address import Address
from telephony.flow import Flow, Hop, Listener, Transport
from telephony.sip import Responded, Transmit, UserAgent
from telephony.sip.challenges import Answer, Challenger
from telephony.sip.message import Request
from telephony.sip.parser import parse
from telephony.sip.responses import respond
from telephony.trunks import NoTrunk, Trunk, TrunkGate, TrunkLines
from telephony.trunks.tables import TrunkState
from tests.telephony.sip.wire import counting

pytestmark = pytest.mark.anyio

HOME = Address("192.0.2.2", 5060)
REGISTRAR = Address("198.51.100.1", 5060)
NOW_S = 1_000.0
T = TypeVar("T")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Registrar:
    """A line, and who is at its other end: 200 for those who know the password."""

    def __init__(self, trunks: list[Trunk], away: frozenset[Address] = frozenset()) -> None:
        self.agent = UserAgent(
            [Listener.udp(HOME)],
            "parley",
            counting(1),
            credentials={trunk.name: trunk.credentials for trunk in trunks}.get,
        )
        self.away = away
        self.asked: list[tuple[Address, Request]] = []
        self.saved: asyncio.Queue[TrunkState] = asyncio.Queue()
        self._challenger = Challenger(bytes(32), counting(99))
        challenger = Challenger(bytes(32), counting(500))
        self.gate = TrunkGate(trunks, challenger)
        self.names: dict[str, list[Hop]] = {}
        self.lines = TrunkLines(
            trunks,
            self.gate,
            self.resolve,
            clock=lambda: round(NOW_S * 1e6),
            entropy=counting(7_000),
            save=self.save,
        )
        self.lines.attach(self)

    async def save(self, state: TrunkState) -> None:
        self.saved.put_nowait(state)

    async def resolve(self, uri: str) -> list[Hop]:
        if uri not in self.names:
            raise ValueError(f"{uri} is not found")
        return self.names[uri]

    def do(self, command: Callable[[UserAgent, float], T]) -> T:
        result = command(self.agent, NOW_S)
        # Answers come later, as they do from a socket.
        asyncio.get_running_loop().call_soon(self._deliver)
        return result

    def _deliver(self) -> None:
        while (output := self.agent.poll()) is not None:
            if isinstance(output, Transmit):
                self._take(output)
            elif isinstance(output, Responded):
                assert self.lines.heard(output)

    def _take(self, sent: Transmit) -> None:
        message = parse(sent.data)
        assert isinstance(message, Request)
        self.asked.append((sent.flow.remote, message))
        if sent.flow.remote in self.away:
            return self._answer(sent.flow, message, 503)
        answer, _ = self._challenger.check(message, "r", {"u1": "secret"}, NOW_S)
        if message.method == "REGISTER" and answer is not Answer.RIGHT:
            return self._answer(sent.flow, message, 401)
        return self._answer(sent.flow, message, 200)

    def _answer(self, flow: Flow, request: Request, status: int) -> None:
        headers = self._challenger.challenge("r", NOW_S) if status == 401 else ()
        data = bytes(respond(request, status, "tag", headers=headers))
        self.agent.receive(data, flow, NOW_S)

    async def noted(self, count: int = 1) -> list[TrunkState]:
        """Run until so many changes were to be saved."""
        running = asyncio.create_task(self.lines.run())
        found = [await self.saved.get() for _ in range(count)]
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return found


def carrier(**changed: object) -> Trunk:
    values: dict[str, object] = {
        "name": "carrier",
        "registrar": "198.51.100.1",
        "username": "u1",
        "password": "secret",
        "expires_s": 600,
    }
    return Trunk(**{**values, **changed})  # type: ignore[arg-type]


async def test_it_registers_with_its_password_and_says_so() -> None:
    house = Registrar([carrier()])
    (state,) = await house.noted()
    assert state.registered_until_us == round((NOW_S + 600) * 1e6)
    first, second = (request for _, request in house.asked)
    assert first.headers.get("contact") == "<sip:u1@192.0.2.2:5060>"
    assert first.headers.get("authorization") is None
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)


async def test_a_wrong_password_is_told() -> None:
    house = Registrar([carrier(password="wrong")])
    (state,) = await house.noted()
    assert (state.registered_until_us, state.why) == (0, "401")


async def test_a_name_is_found_and_its_hops_are_tried_in_their_order() -> None:
    away = Address("198.51.100.9", 5060)
    house = Registrar([carrier(registrar="sip.example.org")], frozenset({away}))
    house.names["sip:sip.example.org"] = [Hop(Transport.UDP, away), Hop(Transport.UDP, REGISTRAR)]
    (state,) = await house.noted()
    assert state.registered_until_us > 0
    assert [address for address, _ in house.asked] == [away, REGISTRAR, REGISTRAR]
    assert house.gate.knows(Flow(Transport.UDP, HOME, REGISTRAR))
    assert not house.gate.knows(Flow(Transport.UDP, HOME, HOME))


async def test_a_name_that_is_not_found_is_tried_again_later() -> None:
    house = Registrar([carrier(registrar="nowhere.example")])
    (state,) = await house.noted()
    assert (state.registered_until_us, state.why) == (0, "no address to send it to")
    assert house.asked == []


async def test_it_asks_whether_a_trunk_is_there() -> None:
    proxied = carrier(registrar="", proxy="198.51.100.1", keepalive_s=30)
    up = await Registrar([proxied]).noted()
    assert [(state.up, state.failures) for state in up] == [(True, 0)]
    down = await Registrar([proxied], frozenset({REGISTRAR})).noted()
    assert [(state.up, state.failures) for state in down] == [(True, 1)]


async def test_what_was_down_before_a_restart_is_down_until_it_answers() -> None:
    first = Trunk("first", proxy="198.51.100.1", keepalive_s=30)
    second = Trunk("second", proxy="198.51.100.2", prefer=2)
    house = Registrar([first, second])
    gone = TrunkState("no longer named", 0, True, 0, "", 5)
    house.lines.recall([TrunkState("first", 0, False, 2, "", 5), gone])
    assert [way.trunk for way in await house.lines.ways("+4930")] == ["second", "first"]
    (state,) = await house.noted()
    assert state.up
    assert [way.trunk for way in await house.lines.ways("+4930")] == ["first", "second"]


async def test_the_ways_out_are_those_that_lead_somewhere() -> None:
    lost = Trunk("lost", proxy="nowhere.example")
    there = Trunk("there", proxy="198.51.100.1", prefer=2, calls_max=5)
    house = Registrar([there, lost])
    (way,) = await house.lines.ways("+4930")
    assert (way.trunk, way.hops) == ("there", (Hop(Transport.UDP, REGISTRAR),))
    assert way.target_uri == "sip:+4930@198.51.100.1;user=phone"


async def test_no_way_out_says_where_to_look() -> None:
    house = Registrar([Trunk("lost", proxy="nowhere.example")])
    with pytest.raises(NoTrunk, match="parley check"):
        await house.lines.ways("+4930")
    with pytest.raises(ValueError, match="cannot be called"):
        await house.lines.ways("mailto:x@y")


async def test_without_trunks_a_uri_is_called_where_it_leads() -> None:
    house = Registrar([])
    (way,) = await house.lines.ways("sip:bob@198.51.100.1:5070;transport=tcp", "<sip:me@h>")
    assert way.hops == (Hop(Transport.TCP, Address("198.51.100.1", 5070)),)
    assert (way.trunk, way.from_uri) == ("", "<sip:me@h>")
