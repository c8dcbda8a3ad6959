"""A proxy in front: it asks for credentials, and stays in the path of every request."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from tests.interop.agents import BOOK_KEY, BOOKED
from tests.interop.kamailio import PASSWORD, USER, Proxy, kamailio
from tests.interop.peers import (
    Account,
    Baresip,
    baresip,
    passed,
    sample_of,
    save,
    sipp_called,
)
from tests.interop.server import NO_QUESTION, UDP, Server
from tests.interop.speech import agent_speech
from tests.listening import ALIKE, find, voiced
from tests.ports import free_port

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SILENCE = np.zeros(8_000 * 60, np.int16)
REGISTER_S_MAX = 60.0
EXPIRES_S = 20
"""What the registrar grants: a refresh comes after ten of them."""
NUMBER = "tel:+49301234"
BASIS = ("--basis", "consent", "--source", "the test")
TCP = "tcp:127.0.0.1:{sip}"
TRUNK = """
[[trunk]]
name = "proxy"
registrar = "127.0.0.1:{port}"
proxy = "sip:127.0.0.1:{port};transport={transport}"
username = "{user}"
password = "{password}"
realm = "parley.example"
keepalive_s = 10
"""
WAYS = [("udp", "MD5"), ("tcp", "SHA-256")]


def test_a_call_through_a_proxy_which_records_its_route(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    microphone = save(tmp_path / "microphone.wav", SILENCE)
    with (
        kamailio(tmp_path / "kamailio", upstream=server.port) as proxy,
        baresip(tmp_path / "baresip", microphone, by(proxy)) as peer,
    ):
        peer.dial("sip:desk@parley.example")
        peer.wait_until_spoken_to()
        peer.press("1")
        book(peer)
    (call,) = server.sealed(known)
    shown = server.shown(call["id"])
    assert shown["call"]["ended_by"] == "agent"


def by(proxy: Proxy) -> Account:
    return Account(outbound=f"sip:127.0.0.1:{proxy.port}", user=USER, password=PASSWORD)


def book(peer: Baresip) -> None:
    """Have the server hang up: its BYE takes the recorded route."""
    peer.wait_until_spoken_to()
    peer.press(BOOK_KEY)
    peer.wait_for_the_end()
    assert find(voiced(agent_speech(BOOKED)), sample_of(peer.heard)).likeness > ALIKE


@contextmanager
def behind(folder: Path, proxy: Proxy, transport: str) -> Iterator[Server]:
    """A server whose only trunk is this proxy."""
    trunk = TRUNK.format(port=proxy.port, transport=transport, user=USER, password=PASSWORD)
    server = Server(folder, more=NO_QUESTION + trunk, listen=(UDP, TCP))
    try:
        yield server
    finally:
        server.stop()


def registered_s(server: Server) -> int:
    """For how many seconds more `parley check` says that we are registered; 0: we are not."""
    config = str(server.data.parent / "parley.toml")
    said = server.parley("check", "--config", config).stdout
    (line,) = [line for line in said.splitlines() if "trunk proxy" in line]
    _, is_registered, rest = line.partition("registered for another ")
    return int(rest.split()[0]) if is_registered else 0


def wait_until_registered(server: Server, beyond_s: int = 0) -> None:
    """Until we are registered for longer than now."""
    ends = monotonic() + REGISTER_S_MAX
    while (left := registered_s(server)) <= beyond_s:
        beyond_s = min(beyond_s, left)
        assert monotonic() < ends, "not registered"


@pytest.mark.parametrize(("transport", "algorithm"), WAYS)
def test_we_stay_registered_at_a_proxy(tmp_path: Path, transport: str, algorithm: str) -> None:
    with (
        kamailio(
            tmp_path / "kamailio", algorithm=algorithm, transport=transport, expires=EXPIRES_S
        ) as proxy,
        behind(tmp_path, proxy, transport) as server,
    ):
        wait_until_registered(server)
        # What is left shrinks, until a refresh makes it more.
        wait_until_registered(server, EXPIRES_S)
        server.kill("node")
        wait_until_registered(server, EXPIRES_S)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_whom_the_proxy_has_registered_is_called(tmp_path: Path, transport: str) -> None:
    """By the Contact we gave, although the proxy was told of no other place of ours."""
    microphone = save(tmp_path / "microphone.wav", SILENCE)
    with (
        kamailio(tmp_path / "kamailio", transport=transport) as proxy,
        behind(tmp_path, proxy, transport) as server,
    ):
        wait_until_registered(server)
        with baresip(tmp_path / "baresip", microphone, by(proxy)) as peer:
            peer.dial(f"sip:{USER}@parley.example")
            book(peer)
        (call,) = server.sealed(set())
        assert (call["direction"], call["ended_by"]) == ("inbound", "agent")


@pytest.mark.parametrize(("transport", "algorithm"), WAYS)
def test_a_call_out_through_a_proxy_which_records_its_route(
    tmp_path: Path, transport: str, algorithm: str
) -> None:
    """UPDATE, re-INVITE and INFO by them, two re-INVITEs, an UPDATE and the BYE by us."""
    onward = free_port()
    with (
        kamailio(
            tmp_path / "kamailio", onward=onward, algorithm=algorithm, transport=transport
        ) as proxy,
        behind(tmp_path, proxy, transport) as server,
    ):
        callee, _ = sipp_called("behind_proxy", tmp_path, onward)
        call = server.json("dial", NUMBER, *BASIS)["call"]
        passed(callee, tmp_path)
        (sealed,) = server.sealed(set())
        assert (sealed["id"], sealed["ended_by"]) == (call, "agent")
        holds = server.shown(call)["holds"]
        assert [hold["by"] for hold in holds] == ["caller", "agent"], "their party, and ours"
