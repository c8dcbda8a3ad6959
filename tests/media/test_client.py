"""The client against a plane behind a socket, without a process between them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from media.client import MediaClient, MediaEvent, MediaUnavailable
from media.codecs import CODECS
from media.plane import Plane
from media.units import Address
from tests.media.desk import Desk, plane_with_port
from tests.media.line import AGENT_KEY, CALLER_KEY, EPOCH, gate_epoch

pytestmark = pytest.mark.anyio
WAIT_S = 10.0
REMOTE = ("192.0.2.1", 4_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def client() -> MediaClient:
    return MediaClient()


Connect = Callable[[Plane], Awaitable[Desk]]


@pytest.fixture
async def connect(client: MediaClient) -> AsyncIterator[Connect]:
    desks: list[Desk] = []

    async def attach(plane: Plane) -> Desk:
        ours, theirs = socket.socketpair()
        desks.append(Desk(plane, theirs))
        await client.attach(ours)
        return desks[-1]

    yield attach
    for desk in desks:
        desk.close()
    await client.detach()


async def open_leg(client: MediaClient, timeout_s: float = WAIT_S) -> Address:
    return await client.open(
        "l",
        "call-1",
        CODECS["PCMU"],
        REMOTE,
        ssrc=1,
        sequence_base=2,
        timestamp_base=3,
        epoch_us=EPOCH,
        timeout_s=timeout_s,
    )


async def event(client: MediaClient, name: str) -> MediaEvent:
    async with asyncio.timeout(WAIT_S):
        async for header, payload in client.events():
            if header["event"] == name:
                return header, payload
    raise AssertionError("events never end")


async def test_an_opening_returns_the_local_address(client: MediaClient, connect: Connect) -> None:
    desk = await connect(plane_with_port())
    assert await open_leg(client) == ("10.0.0.1", 4_002)
    assert desk.plane.legs["l"].opening.remote == REMOTE


async def test_an_opening_under_way_is_asked_for_again_on_the_next_link(
    client: MediaClient, connect: Connect
) -> None:
    asked = asyncio.create_task(open_leg(client))
    await connect(Plane("has no port"))
    await event(client, "hello")
    await connect(plane_with_port())
    assert await asked == ("10.0.0.1", 4_002)


async def test_an_opening_nobody_answers_ends(client: MediaClient, connect: Connect) -> None:
    await connect(Plane("has no port"))
    with pytest.raises(MediaUnavailable):
        await open_leg(client, timeout_s=0.0)


async def test_without_a_link_a_command_says_so(client: MediaClient) -> None:
    with pytest.raises(MediaUnavailable):
        client.listen("l", True)


async def test_every_command_is_understood(client: MediaClient, connect: Connect) -> None:
    desk = await connect(plane_with_port())
    await open_leg(client)
    client.listen("l", True)
    client.play("l", "u", bytes(320))
    client.dtmf("l", "1")
    client.renew(EPOCH)
    client.gate("l", "call-1", 4, EPOCH, [CALLER_KEY, AGENT_KEY])
    client.stop("l")
    header, _ = await event(client, "played")
    assert gate_epoch(desk.plane, "l") == 4
    client.close_gate("l")
    client.ack([str(header["id"])])
    client.close("l")
    client.play("l", "v", bytes(320))
    refused, _ = await event(client, "refused")
    assert refused["reason"] == "no such leg"
    kept = [told.header["event"] for _, told in desk.plane.outbox.after(0)]
    assert kept == ["quality"]


async def test_a_lost_link_is_noticed_and_the_next_begins_with_hello(
    client: MediaClient, connect: Connect
) -> None:
    desk = await connect(plane_with_port())
    await event(client, "hello")
    desk.close()
    await connect(desk.plane)
    header, _ = await event(client, "hello")
    assert header["boot"] == "boot"
    assert client.attached
