"""The shell on loopback sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from telephony.address import Address
from telephony.flow import Listener
from telephony.sip import DialogState, Event, Invited, UserAgent
from telephony.udp import DATAGRAMS_PER_WAKE_MAX, SipEndpoint

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
    return SipEndpoint(ours, agent, lambda: 0.0, disk.save, events.put_nowait)


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
    shell = SipEndpoint(ours, agent, lambda: 0.0, fail, lambda _: None)
    theirs.sendto(request("INVITE"), ours.getsockname())
    with pytest.raises(OSError, match="disk full"):
        await shell.stopped()
    shell.close()
