"""Who is no peer of ours hears nothing, whatever they send; floods leave calls as they are."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest

from parley.caller import CallReport, CallScript, Press, place
from tests.interop.agents import BOOK_KEY
from tests.interop.peers import need
from tests.interop.server import UDP, Server, options
from tests.ports import free_port
from tests.telephony.authority import Authority

pytestmark = [pytest.mark.interop, pytest.mark.slow]

HOST, CALLER, CARRIER, STRANGER = (f"127.0.0.{number}" for number in range(1, 5))
WAIT_S = 10.0
CARRIER_CALLS = 3
SCAN_S_MAX = 90.0
# Nobody can tell where it ends, so it ends the connection.
RUBBISH = b"GET / HTTP/1.1\r\n\r\n"
TRUNKS = f"""
[[trunk]]
name = "callers"
peers = ["{CALLER}/32", "{HOST}/32"]
[[trunk]]
name = "carrier"
peers = ["{CARRIER}/32"]
calls_max = {CARRIER_CALLS}
cps = 5
"""

FLOOD, TRUNK_FLOOD, BATCHES = 20_000, 2_000, 200
CALLS = 5
GAP_MS_MAX = 60
GROWTH_BYTES_MAX = 24 * 1024 * 1024
PAUSE_S = 0.04
"""Between two batches, so that all of it takes most of a call."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    """It listens everywhere, and knows two carriers by their addresses."""
    started = Server(
        tmp_path_factory.mktemp("house"),
        more=TRUNKS,
        listen=(UDP, "tcp:127.0.0.1:{sip}", "tls:127.0.0.1:{tls}"),
        sip=f'tls_certificate = "{authority.sign(HOST)}"\ntls_ca = "{authority.ca}"',
        friend=CALLER,
    )
    yield started
    started.stop()


def request(method: str, number: int, to_tag: str = "", transport: str = "UDP") -> bytes:
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{method} sip:desk@{HOST} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {STRANGER}:5060;branch=z9hG4bK{method}{number};rport\r\n"
        f"From: <sip:x@{STRANGER}>;tag=f\r\nTo: <sip:desk@{HOST}>{tag}\r\n"
        f"Call-ID: {method}{number}\r\nCSeq: {1 + number} {method}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:x@{STRANGER}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def probes(transport: str) -> list[bytes]:
    """What scanners send, and what belongs to nothing."""
    methods = (
        *("OPTIONS", "REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE", "NOTIFY", "REFER", "PUBLISH"),
        *("ACK", "CANCEL", "BYE", "UPDATE", "PRACK", "INFO", "NONSENSE"),
    )
    sent = [request(method, 0, transport=transport) for method in methods]
    sent += [request(method, 1, "guessed", transport) for method in methods]
    tail = request("INVITE", 2, "guessed", transport).partition(b"\r\n")[2]
    sent += [b"SIP/2.0 %d Whatever\r\n" % status + tail for status in (100, 180, 200, 401, 503)]
    whole = request("INVITE", 3, transport=transport)
    sent += [
        b"\r\n\r\n",
        whole.replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1),
        whole.replace(b"CSeq: 4 INVITE", b"CSeq: 4 BYE"),
        whole.replace(b"sip:desk", b"unknown:desk", 1),
        whole.replace(b"Max-Forwards: 70", b"Max-Forwards: 0"),
        whole.replace(b"Max-Forwards: 70", b"Require: nothing"),
        whole.replace(b";rport", b";;,,"),
        whole.replace(b"From:", b"X:"),
    ]
    return sent


def test_nothing_is_said_to_strangers_by_udp(house: Server) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((STRANGER, 0))
        stranger.connect((HOST, house.port))
        for data in (*probes("UDP"), RUBBISH, b"\x00" * 100, b"\r\n"):
            stranger.send(data.replace(f"{STRANGER}:5060".encode(), STRANGER.encode()))
        # A peer is answered after them, so whatever they were to hear has been sent.
        assert options(house.port, WAIT_S, CALLER) == "SIP/2.0 200 OK"
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.recv(1)


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_nothing_is_said_to_strangers_by_a_connection(house: Server, transport: str) -> None:
    heard, port = b"", house.port if transport == "TCP" else house.tls_port
    for probe in probes(transport):
        with connected(port, transport) as stranger:
            stranger.sendall(probe + RUBBISH)
            with suppress(ConnectionResetError, ssl.SSLEOFError):
                while data := stranger.recv(65_536):
                    heard += data
    assert heard == b""
    assert options(house.port, WAIT_S, CALLER) == "SIP/2.0 200 OK"


def connected(port: int, transport: str) -> socket.socket:
    made = socket.create_connection((HOST, port), WAIT_S, source_address=(STRANGER, 0))
    if transport == "TCP":
        return made
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(made)


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "INVITE"])
def test_a_scanner_finds_nobody(house: Server, method: str) -> None:
    need("svmap", "sipvicious")
    command = ["svmap", HOST, "-p", str(house.port), "-m", method]
    command += ["-b", STRANGER, "-P", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SCAN_S_MAX, check=False)
    assert "found nothing" in (done.stdout + done.stderr).lower()


async def flood(house: Server, calls: asyncio.Future[list[CallReport]]) -> bytes:
    """Strangers and the carrier send requests, spread over the calls; what the carrier heard."""
    heard = b""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as carrier,
    ):
        for made, address in ((stranger, STRANGER), (carrier, CARRIER)):
            made.bind((address, 0))
            made.connect((HOST, house.port))
            made.setblocking(False)
        for batch in range(BATCHES):
            for each in range(FLOOD // BATCHES):
                number = batch * FLOOD + each
                stranger.send(request(("INVITE", "OPTIONS")[each % 2], number))
            for each in range(TRUNK_FLOOD // BATCHES):
                number = batch * FLOOD + each
                data = request(("INVITE", "OPTIONS")[each % 2], number)
                carrier.send(data.replace(STRANGER.encode(), CARRIER.encode()))
            answer = await asyncio.to_thread(options, house.port, WAIT_S, CALLER)
            assert answer == "SIP/2.0 200 OK"
            with suppress(BlockingIOError):
                while True:
                    heard += carrier.recv(65_536)
            await asyncio.wait((calls,), timeout=PAUSE_S)
            assert not calls.done()
        with pytest.raises(BlockingIOError):
            stranger.recv(1)
    return heard


@pytest.mark.anyio
async def test_calls_go_on_while_we_are_flooded(house: Server) -> None:
    answered = 0
    all_up = asyncio.Event()

    def told(name: str) -> None:
        nonlocal answered
        answered += name == "answered"
        if answered == CALLS:
            all_up.set()

    script = CallScript(house.target, (Press("1"), Press(BOOK_KEY)))
    calls = asyncio.gather(
        *(place(script, on_event=lambda event: told(event.name)) for _ in range(CALLS))
    )
    await all_up.wait()
    pids, before = house.pids(), house.rss("node")
    heard = await flood(house, calls)
    reports = await calls
    growth = house.rss("node") - before
    print(f"grown by {growth}; longest gaps {[one.longest_gap_ms for one in reports]} ms")
    assert all(one.completed and one.ended == "the far side hung up" for one in reports), reports
    assert max(one.longest_gap_ms for one in reports) <= GAP_MS_MAX
    assert growth <= GROWTH_BYTES_MAX
    assert house.pids() == pids
    # A carrier is served up to its limits, and told so beyond them.
    assert heard.count(b"SIP/2.0 200 OK") and heard.count(b"SIP/2.0 503")
    up = [call for call in house.calls() if call["state"] in ("offered", "answered")]
    assert len([call for call in up if CARRIER in call["remote"]]) <= CARRIER_CALLS
