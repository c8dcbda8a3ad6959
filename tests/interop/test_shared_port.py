"""baresip on a port that calls share: its reports come to the port above, for it muxes nothing."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.peers import baresip, save, tone
from tests.interop.server import Server
from tests.ports import free_ports

pytestmark = [pytest.mark.interop, pytest.mark.slow]

TRUNK = """
[consent]
policy = "never"
[[trunk]]
name = "carrier"
peers = ["127.0.0.1/32"]
shared_port = true
"""
# Both sides report every five seconds, and a round trip takes one of each.
SAID_S = 12.0


def test_calls_on_a_shared_port_have_a_round_trip_each(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    shared, _ = free_ports(2)
    server = Server(tmp_path / "server", more=TRUNK, media=f"shared_port = {shared}")
    microphone = save(tmp_path / "tone.wav", tone(60))
    with ExitStack() as stack:
        stack.callback(server.stop)
        phones = [stack.enter_context(baresip(tmp_path / name, microphone)) for name in "ab"]
        for phone in phones:
            phone.dial(server.target)
        calls = [call["id"] for call in server.calls()]
        for phone in phones:
            phone.wait_until_said(SAID_S)
        for phone in phones:
            phone.hang_up()
            phone.wait_for_the_end()
        assert len(server.sealed(set())) == len(phones)
        for call in calls:
            quality = server.json("show", call)["media"]["quality"]
            assert quality["received"] > 500 and quality["mos_milli"] > 3_500
            assert 0 <= quality["round_trip_us"] < 1_000_000
