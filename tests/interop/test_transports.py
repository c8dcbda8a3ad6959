"""SIPp and baresip over TCP, TLS and IPv6; and what becomes of a call when the node is killed."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from media.units import SAMPLE_RATE
from parley.caller import CallScript, Press, place
from tests.interop import fuzz
from tests.interop.agents import BOOK_KEY
from tests.interop.kamailio import PASSWORD, USER, kamailio
from tests.interop.peers import Account, baresip, passed, save, sipp, sipp_called, tone
from tests.interop.server import Server, options
from tests.ipv6 import HAS_IPV6
from tests.telephony.authority import Authority

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SEED = int(os.environ.get("FUZZ_SEED", "4711"))
CONNECTIONS = 2_000
GROWTH_BYTES_MAX = 32 * 1024 * 1024
WAIT_S = 10.0
SCENARIOS = ("options", "cancel", "late_offer")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    hosts = ("127.0.0.1", "[::1]") if HAS_IPV6 else ("127.0.0.1",)
    listen = [f"{transport}:{host}:{{sip}}" for transport in ("udp", "tcp") for host in hosts]
    listen.append("tls:127.0.0.1:{tls}")
    keys = f'tls_certificate = "{authority.sign("127.0.0.1")}"\ntls_ca = "{authority.ca}"'
    started = Server(tmp_path_factory.mktemp("server"), listen=listen, sip=keys)
    yield started
    started.stop()


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(("transport", "host"), [("t1", "127.0.0.1"), ("t1", "::1"), ("u1", "::1")])
def test_a_scenario_passes(
    server: Server, scenario: str, transport: str, host: str, tmp_path: Path
) -> None:
    running = sipp(scenario, server.port, tmp_path, transport=transport, host=host)
    passed(running, tmp_path)


@pytest.mark.parametrize("transport", ["t1", "tn"])
def test_many_requests_over_one_or_many_connections(
    server: Server, transport: str, tmp_path: Path
) -> None:
    running = sipp("options", server.port, tmp_path, transport=transport, calls=200)
    passed(running, tmp_path)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_baresip_talks_and_is_asked(
    server: Server, authority: Authority, transport: str, tmp_path: Path
) -> None:
    known = {call["id"] for call in server.calls()}
    port = server.tls_port if transport == "tls" else server.port
    microphone = save(tmp_path / "microphone.wav", tone(60))
    account = Account(transport, authorities=authority.ca)
    with baresip(tmp_path / "baresip", microphone, account) as phone:
        phone.dial(f"sip:desk@127.0.0.1:{port};transport={transport}")
        phone.wait_until_spoken_to()
        phone.press("1")
        phone.wait_until_spoken_to()
        phone.press(BOOK_KEY)
        phone.wait_for_the_end()
    (call,) = server.sealed(known)
    assert call["ended_by"] == "agent"


@pytest.mark.anyio
@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_call_over_a_connection_outlives_the_node(
    server: Server, authority: Authority, transport: str
) -> None:
    """The connection died with the node. Whoever speaks next makes another one."""
    known = {call["id"] for call in server.calls()}
    port = server.tls_port if transport == "tls" else server.port
    target = f"sip:desk@127.0.0.1:{port};transport={transport}"
    killed: list[str] = []

    def kill_once(event: str) -> None:
        if event == "pressing" and not killed:
            killed.append(event)
            server.kill("node")

    # By TCP the caller can be called back, so the node hangs up; without a certificate of its
    # own it cannot be by TLS, so it hangs up itself.
    steps = (Press("1"), Press(BOOK_KEY)) if transport == "tcp" else (Press("1"),)
    report = await place(
        CallScript(target, steps, tls_ca=authority.ca),
        on_event=lambda event: kill_once(event.name),
    )
    assert killed and report.completed, report
    (call,) = server.sealed(known)
    assert call["ended_by"] == ("agent" if transport == "tcp" else "caller")


def test_a_proxy_finds_the_next_node_over_tcp(server: Server, tmp_path: Path) -> None:
    """Its connection died with the node; the BYE of the next one takes the recorded route."""
    known = {call["id"] for call in server.calls()}
    microphone = save(tmp_path / "microphone.wav", np.zeros(SAMPLE_RATE * 60, np.int16))
    with kamailio(tmp_path / "kamailio", upstream=server.port, transport="tcp") as proxy:
        via = f"sip:127.0.0.1:{proxy.port}"
        account = Account(outbound=via, user=USER, password=PASSWORD)
        with baresip(tmp_path / "baresip", microphone, account) as peer:
            peer.dial("sip:desk@parley.example")
            peer.wait_until_spoken_to()
            peer.press("1")
            peer.wait_until_spoken_to()
            server.kill("node")
            peer.press(BOOK_KEY)
            peer.wait_for_the_end()
    (call,) = server.sealed(known)
    assert call["ended_by"] == "agent"


def test_rubbish_on_many_connections_leaves_the_server_as_it_is(server: Server) -> None:
    pids, before = server.pids(), server.rss("node")
    for number, piece in enumerate(fuzz.sip(SEED, CONNECTIONS)):
        with socket.create_connection(("127.0.0.1", server.port), WAIT_S) as stranger:
            # Some leave in the middle of a message, some wait to be sent away.
            stranger.sendall(piece * (1 + number % 3))
            if number % 10 == 0:
                with suppress(ConnectionResetError):
                    stranger.shutdown(socket.SHUT_WR)
                    while stranger.recv(65_536):
                        continue
    assert options(server.port, WAIT_S) == "SIP/2.0 200 OK"
    assert server.pids() == pids
    assert server.rss("node") - before < GROWTH_BYTES_MAX


def test_somebody_is_called_over_tcp(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    running, port = sipp_called("dialled", tmp_path, transport="t1")
    server.json(
        *("dial", f"sip:bob@127.0.0.1:{port};transport=tcp"),
        *("--basis", "consent", "--source", "a form of today"),
    )
    passed(running, tmp_path)
    (call,) = server.sealed(known)
    assert (call["direction"], call["ended_by"]) == ("outbound", "callee")
