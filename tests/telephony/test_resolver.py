"""The resolver against a name server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telephony.address import Address
from telephony.flow import Hop, Transport
from telephony.resolver import Resolver

from .name_server import NameServer

pytestmark = pytest.mark.anyio

ZONE = """
example.com. 60 IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.example.com.
example.com. 60 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.example.com.
_sip._tcp.example.com. 60 IN SRV 2 1 5060 b.example.com.
_sip._tcp.example.com. 60 IN SRV 1 1 5080 a.example.com.
_sip._udp.example.com. 60 IN SRV 1 1 5060 b.example.com.
a.example.com. 60 IN A 192.0.2.1
a.example.com. 60 IN AAAA 2001:db8::1
b.example.com. 60 IN A 192.0.2.2
alone.example. 60 IN A 192.0.2.3
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    made = NameServer(ZONE)
    yield made
    made.close()


async def asking(server: NameServer, hosts: Path = Path("/dev/null")) -> Resolver:
    return Resolver(servers=["127.0.0.1"], port=await server.start(), hosts_file=hosts)


async def test_a_domain_is_found_as_it_says(server: NameServer) -> None:
    resolver = await asking(server)
    assert await resolver.hops("sip:bob@example.com") == [
        Hop(Transport.TCP, Address("192.0.2.1", 5080)),
        Hop(Transport.TCP, Address("2001:db8::1", 5080)),
        Hop(Transport.TCP, Address("192.0.2.2", 5060)),
        Hop(Transport.UDP, Address("192.0.2.2", 5060)),
    ]
    assert await resolver.hops("sips:bob@alone.example") == [
        Hop(Transport.TLS, Address("192.0.2.3", 5061), "alone.example")
    ]


async def test_what_was_asked_is_not_asked_again(server: NameServer) -> None:
    resolver = await asking(server)
    first = await resolver.hops("sip:example.com"), await resolver.hops("sip:nobody.example")
    before = list(server.asked)
    assert (await resolver.hops("sip:example.com"), await resolver.hops("sip:nobody.example")) == (
        first
    )
    assert server.asked == before
    assert first[1] == []


async def test_a_server_which_does_not_answer_is_not_waited_for(server: NameServer) -> None:
    resolver = await asking(server)
    resolver.patience(question_s=0.05, uri_s=10.0)
    server.is_silent = True
    async with asyncio.timeout(10):
        assert await resolver.hops("sip:example.com") == []
    resolver.patience(question_s=10.0, uri_s=0.05)
    async with asyncio.timeout(10):
        assert await resolver.hops("sip:slow.example") == []


async def test_the_hosts_file_goes_first_and_nobody_is_asked(
    server: NameServer, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.8 Desk desk.lan # ours\n2001:db8::8\tdesk\nx desk\n::1 localhost\n")
    resolver = await asking(server, hosts)
    assert await resolver.hops("sip:desk") == [
        Hop(Transport.UDP, Address("192.0.2.8", 5060)),
        Hop(Transport.UDP, Address("2001:db8::8", 5060)),
    ]
    assert (await resolver.hops("sip:localhost:5080"))[0].address == Address("127.0.0.1", 5080)
    assert server.asked == []


@pytest.mark.parametrize("uri", ["tel:+1", "x", "sip:..", f"sip:{'a' * 300}", "sip:a..b"])
async def test_what_is_no_name_leads_nowhere(server: NameServer, uri: str) -> None:
    assert await (await asking(server)).hops(uri) == []
