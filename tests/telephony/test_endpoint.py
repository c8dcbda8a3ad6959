"""The shell on loopback sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from telephony.address import Address
from telephony.endpoint import DATAGRAMS_PER_WAKE_MAX, Held, Lookup, SipEndpoint
from telephony.flow import Hop, Listener, Transport
from telephony.sip import DialogState, Event, Failed, Invited, UserAgent
from telephony.sip.errors import NoListener
from telephony.sip.parser import parse

from .sip.wire import OFFER, counting, request

pytestmark = pytest.mark.anyio

WAIT_S = 10.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with bound() as ours, bound() as theirs:
        theirs.setblocking(False)
        yield ours, theirs


class Disk:
    """Saves when it is let to."""

    def __init__(self) -> None:
        self.rows: list[DialogState] = []
        self.asked = asyncio.Queue[DialogState]()
        self.free = asyncio.Event()

    async def save(self, state: DialogState) -> None:
        self.asked.put_nowait(state)
        await self.free.wait()
        self.rows.append(state)


def endpoint(ours: socket.socket, disk: Disk, events: asyncio.Queue[Event]) -> SipEndpoint:
    address = Address(*ours.getsockname())
    agent = UserAgent([Listener.udp(address)], "parley", counting(1))
    return SipEndpoint(
        [Held(Transport.UDP, ours)], agent, lambda: 0.0, disk.save, events.put_nowait
    )


async def received(theirs: socket.socket) -> bytes:
    async with asyncio.timeout(WAIT_S):
        return await asyncio.get_running_loop().sock_recv(theirs, 65_536)


async def test_an_answer_is_sent_only_after_it_was_saved(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    disk, events = Disk(), asyncio.Queue[Event]()
    shell = endpoint(ours, disk, events)
    data = request("INVITE", extra="Content-Type: application/sdp\r\n", body=OFFER)
    theirs.sendto(data, ours.getsockname())
    assert (await disk.asked.get()).status == "early"
    with pytest.raises(BlockingIOError):
        theirs.recv(65_536)
    disk.free.set()
    assert (await received(theirs)).startswith(b"SIP/2.0 100 ")
    invited = await events.get()
    assert isinstance(invited, Invited)
    disk.free.clear()
    shell.do(lambda agent, now: agent.accept(invited.dialog_id, OFFER, now))
    assert (await disk.asked.get()).status == "confirmed"
    with pytest.raises(BlockingIOError):
        theirs.recv(65_536)
    disk.free.set()
    await shell.flushed()
    assert [row.status for row in disk.rows] == ["early", "confirmed"]
    assert (await received(theirs)).startswith(b"SIP/2.0 200 ")
    shell.close()


async def test_a_burst_is_answered_whole(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    shell = endpoint(ours, Disk(), asyncio.Queue())
    for n in range(2 * DATAGRAMS_PER_WAKE_MAX):
        theirs.sendto(request("OPTIONS", branch=f"z9hG4bK{n}"), ours.getsockname())
    answers = [await received(theirs) for _ in range(2 * DATAGRAMS_PER_WAKE_MAX)]
    assert all(data.startswith(b"SIP/2.0 200 ") for data in answers)
    shell.close()


async def test_a_save_which_fails_stops_the_endpoint(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets

    async def fail(_: DialogState) -> None:
        raise OSError("disk full")

    agent = UserAgent([Listener.udp(Address(*ours.getsockname()))], "parley", counting(1))
    shell = SipEndpoint([Held(Transport.UDP, ours)], agent, lambda: 0.0, fail, lambda _: None)
    theirs.sendto(request("INVITE"), ours.getsockname())
    with pytest.raises(OSError, match="disk full"):
        await shell.stopped()
    shell.close()


def listening() -> socket.socket:
    made = socket.create_server(("127.0.0.1", 0))
    made.setblocking(False)
    return made


def over_tcp(
    stream: socket.socket, datagrams: socket.socket, events: asyncio.Queue[Event], lookup: Lookup
) -> SipEndpoint:
    held = [Held(Transport.TCP, stream), Held(Transport.UDP, datagrams)]
    listeners = [Listener(each.transport, each.local, each.local) for each in held]
    agent = UserAgent(listeners, "parley", counting(1))
    return SipEndpoint(held, agent, lambda: 0.0, saved, events.put_nowait, lookup=lookup)


async def saved(_: DialogState) -> None:
    """At once."""


async def nowhere(_: str) -> list[Hop]:
    return []


async def told(events: asyncio.Queue[Event]) -> Event:
    async with asyncio.timeout(WAIT_S):
        return await events.get()


async def test_a_connection_and_a_socket_are_answered_each_by_itself(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    with listening() as stream:
        shell = over_tcp(stream, ours, asyncio.Queue(), nowhere)
        theirs.sendto(request("OPTIONS"), ours.getsockname())
        assert b"SIP/2.0/UDP" in await received(theirs)
        reader, writer = await asyncio.open_connection(*stream.getsockname())
        writer.write(request("OPTIONS").replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"))
        async with asyncio.timeout(WAIT_S):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"SIP/2.0 200 ") and b"SIP/2.0/TCP" in answer
        shell.close()
        assert await reader.read() == b""
        writer.close()


async def test_a_call_which_nobody_takes_has_failed_and_the_next_hop_is_tried(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    events = asyncio.Queue[Event]()
    refusing = Hop(Transport.TCP, Address("127.0.0.1", 1))
    with listening() as stream:
        shell = over_tcp(stream, ours, events, nowhere)
        hops = [refusing, Hop(Transport.UDP, Address(*theirs.getsockname()))]
        shell.do(lambda agent, now: agent.invite("sip:x@h", OFFER, "sip:y@h", hops, now))
        assert (await received(theirs)).startswith(b"INVITE ")
        shell.do(lambda agent, now: agent.invite("sip:x@h", OFFER, "sip:y@h", [refusing], now))
        assert isinstance(await told(events), Failed)
        six = [Hop(Transport.TCP, Address("::1", 1))]
        with pytest.raises(NoListener):
            shell.do(lambda agent, now: agent.invite("sip:x@h", OFFER, "sip:y@h", six, now))
        shell.close()


async def test_a_named_contact_is_looked_up_and_requests_go_there(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    events, asked = asyncio.Queue[Event](), asyncio.Queue[str]()

    async def lookup(uri: str) -> list[Hop]:
        asked.put_nowait(uri)
        return [Hop(Transport.TCP, Address(*peer.getsockname()))]

    with listening() as stream, listening() as peer:
        shell = over_tcp(stream, ours, events, lookup)
        source = theirs.getsockname()[1]
        invite = request(
            "INVITE",
            via=f"127.0.0.1:{source}",
            extra="Content-Type: application/sdp\r\n",
            body=OFFER,
        ).replace(b"<sip:eve@203.0.113.9:4711>", b"<sip:eve@pbx.example;transport=tcp>")
        theirs.sendto(invite, ours.getsockname())
        invited = await told(events)
        assert isinstance(invited, Invited)
        assert await asked.get() == "sip:eve@pbx.example;transport=tcp"
        shell.do(lambda agent, now: agent.accept(invited.dialog_id, OFFER, now))
        while not (answer := await received(theirs)).startswith(b"SIP/2.0 200 "):
            continue
        tag = parse(answer).to.tag
        theirs.sendto(
            request("ACK", branch="z9hG4bKa", to_tag=tag, via=f"127.0.0.1:{source}"),
            ours.getsockname(),
        )
        await told(events)
        shell.do(lambda agent, now: agent.bye(invited.dialog_id, now))
        async with asyncio.timeout(WAIT_S):
            made, _ = await asyncio.get_running_loop().sock_accept(peer)
            with made:
                data = await asyncio.get_running_loop().sock_recv(made, 65_536)
        assert data.startswith(b"BYE sip:eve@pbx.example;transport=tcp ")
        shell.close()
