"""Nothing that leaves the server is malformed in the eyes of tshark."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from parley.caller import CallScript, Press, place
from tests.interop.agents import BOOK_KEY
from tests.interop.capture import captured, packets
from tests.interop.exchange import PRESS
from tests.interop.peers import Account, baresip, passed, save, sipp, sipp_called
from tests.interop.server import NO_QUESTION, RTP_PORTS, UDP, Server
from tests.ports import free_port

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

SCENARIOS = (
    *("options", "cancel", "late_offer", "rtpstream", "prack", "update", "hold_by_us"),
    *("strict_router", "extension", "timer_too_short"),
)
REPORTED_S = 8.0
PRESSED_S = 6.0
TRANSFERS = ("transfer", "refer_in", "replaces", "keys")
LISTEN = (UDP, "tcp:127.0.0.1:{sip}")
# Everybody on loopback may call, and the trunk is registered.
TRUNK = """
[[trunk]]
name = "carrier"
peers = ["127.0.0.1/32"]
registrar = "127.0.0.1:{port}"
username = "trunkuser"
password = "trunkpass"
expires = 60
"""
# What each side is known by on the wire, and a message of ours that tshark must have seen.
SEEN = (
    *('sip.Method == "REGISTER"', 'sip.Method == "REFER"', 'sip.Method == "NOTIFY"'),
    *('sip.Method == "INVITE"', 'sip.Method == "BYE"', 'sip.Method == "INFO"'),
    *('sip.CSeq.method == "PRACK" && sip.Status-Code == 200', "sip.Status-Code == 183"),
    *('sip.CSeq.method == "UPDATE" && sip.Status-Code == 200', "sip && tcp", "sdp"),
    *("rtp", "rtcp", "srtcp", "rtpevent", 'sdp.media.proto == "RTP/SAVP"'),
)


@contextmanager
def running(
    folder: Path, more: str, app: str = "tests.interop.agents:Clerk", *, early: bool = False
) -> Iterator[Server]:
    folder.mkdir()
    server = Server(folder, app, more, listen=LISTEN, early_media=early)
    try:
        yield server
    finally:
        server.stop()


def sent_by(server: Server) -> str:
    """A filter for what the server itself sends."""
    first, last = server.rtp_first, server.rtp_first + RTP_PORTS - 1
    sip = f"udp.srcport == {server.port} || tcp.srcport == {server.port}"
    return f"({sip} || (udp.srcport >= {first} && udp.srcport <= {last}))"


async def calls(server: Server, folder: Path) -> None:
    for scenario in SCENARIOS:
        called(scenario, server, folder / scenario)
    called("late_offer", server, folder / "tcp", transport="t1")
    microphone = save(folder / "microphone.wav", np.zeros(8_000 * 60, np.int16))
    for name, account in (
        ("plain", Account()),
        ("tcp", Account(transport="tcp")),
        ("secret", Account(encryption="srtp-mand")),
    ):
        with baresip(folder / f"baresip-{name}", microphone, account) as peer:
            by = "" if account.transport == "udp" else f";transport={account.transport}"
            peer.dial(server.target + by)
            peer.wait_until_spoken_to()
            # Long enough for reports of ours on what was sent and heard.
            peer.wait_until_said(REPORTED_S)
            peer.hang_up()
            peer.wait_for_the_end()
    await place(CallScript(server.target, (Press(BOOK_KEY),)))


def called(scenario: str, server: Server, folder: Path, transport: str = "u1") -> None:
    folder.mkdir()
    passed(sipp(scenario, server.port, folder, transport=transport), folder)


def referred(server: Server, folder: Path) -> None:
    """A caller asks for a call to somebody, and is told how that goes."""
    uri = f"sip:bob@127.0.0.1:{(port := free_port())}"
    basis = server.json("basis", "record", uri, "--kind", "consent", "--source", "the test")
    server.ledger.write_text(f"{uri} {basis['basis']}")
    callee, _ = sipp_called("replacing", folder, port)
    passed(sipp("referring", server.port, folder, keys={"target": uri}), folder)
    passed(callee, folder)


async def test_no_packet_of_ours_is_malformed(tmp_path: Path) -> None:
    registrar, port = sipp_called("registrar", tmp_path)
    with captured(tmp_path / "capture") as capture:
        trunk = NO_QUESTION + TRUNK.format(port=port)
        with running(tmp_path / "house", trunk) as house:
            passed(registrar, tmp_path)
            await calls(house, tmp_path)
        transferring = "tests.interop.exchange:Exchange"
        with running(tmp_path / "exchange", NO_QUESTION, transferring) as exchange:
            for scenario in TRANSFERS:
                called(scenario, exchange, tmp_path / scenario)
            referred(exchange, tmp_path)
            await place(CallScript(exchange.target, (Press(PRESS, 1.0),), PRESSED_S))
        with running(tmp_path / "greeter", "", early=True) as greeter:
            called("early_media", greeter, tmp_path / "early_media")
    servers = (house, exchange, greeter)
    ours = f"({' || '.join(map(sent_by, servers))})"
    ports = [server.port for server in servers]
    for seen in SEEN:
        assert packets(capture, f"({seen}) && {ours}", ports), f"tshark saw nothing of ours: {seen}"
    assert packets(capture, f"{ours} && _ws.malformed", ports) == []
    assert packets(capture, f"{ours} && _ws.expert.severity == error", ports) == []
