"""SIPp calls the server."""

from pathlib import Path

import pytest

from tests.interop.peers import passed, sipp
from tests.interop.server import Server

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.mark.parametrize("scenario", ["options", "cancel", "late_offer"])
def test_a_scenario_passes(server: Server, scenario: str, tmp_path: Path) -> None:
    passed(sipp(scenario, server.port, tmp_path), tmp_path)


def test_a_key_from_a_raw_socket_is_an_answer(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    passed(sipp("rtpstream", server.port, tmp_path), tmp_path)
    (call,) = server.sealed(known)
    shown = server.shown(call["id"])
    assert "granted" in {event["state"] for event in shown["consent"]}
    assert shown["recording"] is not None


def test_a_dialog_outlives_the_node(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    running = sipp("survive", server.port, tmp_path)
    server.until(lambda: server.new(known, "answered"), "not answered")
    server.kill("node")
    passed(running, tmp_path)
    (call,) = server.sealed(known)
    assert call["state"] == "sealed"
