"""SIPp and baresip over TCP, TLS and IPv6; and what becomes of a call when the node is killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from parley.caller import CallScript, Press, place
from tests.interop.agents import BOOK_KEY
from tests.interop.peers import Account, baresip, free_port, passed, save, sipp, tone
from tests.interop.server import UDP, Server
from tests.telephony.authority import Authority

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SCENARIOS = ("options", "cancel", "late_offer")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, secure_port: int
) -> Iterator[Server]:
    listen = (
        *(UDP, "tcp:127.0.0.1:{sip}", "udp:[::1]:{sip}", "tcp:[::1]:{sip}"),
        f"tls:127.0.0.1:{secure_port}",
    )
    more = f'tls_certificate = "{authority.sign("127.0.0.1")}"\ntls_ca = "{authority.ca}"'
    started = Server(tmp_path_factory.mktemp("server"), listen, more)
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
    server: Server, authority: Authority, secure_port: int, transport: str, tmp_path: Path
) -> None:
    known = {call["id"] for call in server.calls()}
    port = secure_port if transport == "tls" else server.port
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
    server: Server, authority: Authority, secure_port: int, transport: str
) -> None:
    """The connection died with the node. Whoever speaks next makes another one."""
    known = {call["id"] for call in server.calls()}
    port = secure_port if transport == "tls" else server.port
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
