"""The test caller over each transport and address family, and by names."""

import asyncio
import socket
from pathlib import Path

import pytest

from parley.caller import CallError, CallReport, CallScript, place
from telephony.flow import Transport
from telephony.resolver import Resolver
from telephony.tls import Tls, contexts
from tests.ipv6 import needs_ipv6
from tests.parley.desk import Desk
from tests.telephony.authority import Authority
from tests.telephony.name_server import NameServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
WAIT_S = 30.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def talked(desk: Desk, script: CallScript, resolver: Resolver | None = None) -> CallReport:
    """A call which the desk picks up and ends."""
    async with asyncio.timeout(WAIT_S):
        calling = asyncio.create_task(place(script, resolver=resolver))
        _, dialog = await desk.answer()
        desk.hang_up(dialog)
        report = await calling
        assert await desk.hung_up() == "local"
    return report


@pytest.mark.parametrize(
    ("transport", "host"),
    [
        (Transport.TCP, "127.0.0.1"),
        pytest.param(Transport.TCP, "::1", marks=needs_ipv6),
        pytest.param(Transport.UDP, "::1", marks=needs_ipv6),
    ],
)
async def test_a_call_goes_by_what_its_uri_says(transport: Transport, host: str) -> None:
    with Desk(transport, host) as desk:
        report = await talked(desk, CallScript(desk.target))
    assert report.ended == "the far side hung up"


def proving(authority: Authority, name: str) -> Tls:
    return contexts(authority.sign(name), authorities=authority.ca)


async def test_a_secure_call_needs_a_server_which_proves_its_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Desk(Transport.TLS, tls=proving(authority, "127.0.0.1")) as desk:
        for target in (desk.target, desk.target.replace("sip:", "sips:").partition(";")[0]):
            report = await talked(desk, CallScript(target, tls_ca=authority.ca))
            assert report.ended == "the far side hung up"
        assert not (await place(CallScript(desk.target))).answered
    with Desk(Transport.TLS, tls=proving(authority, "127.0.0.2")) as desk:
        assert not (await place(CallScript(desk.target, tls_ca=authority.ca))).answered
        assert desk.events.empty()


async def test_a_name_is_called_where_its_records_lead_and_the_next_one_where_nobody_is() -> None:
    with Desk(Transport.TCP) as desk, socket.socket() as closed:
        # Bound, but nobody listens: the first of the two records refuses.
        closed.bind(("127.0.0.1", 0))
        server = NameServer(
            f"""
            _sip._tcp.desk.example. 60 IN SRV 1 1 {closed.getsockname()[1]} a.desk.example.
            _sip._tcp.desk.example. 60 IN SRV 2 1 {desk.address.port} a.desk.example.
            a.desk.example. 60 IN A 127.0.0.1
            """
        )
        resolver = Resolver(servers=["127.0.0.1"], port=await server.start())
        report = await talked(desk, CallScript("sip:desk@desk.example"), resolver)
        assert report.ended == "the far side hung up"
        assert server.asked[0] == "NAPTR desk.example."
        with pytest.raises(CallError, match=r"nowhere\.example cannot be resolved"):
            await place(CallScript("sip:desk@nowhere.example"), resolver=resolver)
        server.close()


async def test_what_uses_tls_without_authorities_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="Name a PEM file of the authorities"):
        await place(CallScript("sip:a@127.0.0.1", tls_ca=tmp_path / "none.pem"))
