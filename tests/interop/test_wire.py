"""Nothing that leaves the server is malformed in the eyes of tshark."""

from pathlib import Path

import numpy as np
import pytest

from parley.caller import CallScript, Press, place
from tests.interop.agents import BOOK_KEY
from tests.interop.capture import captured, packets
from tests.interop.peers import baresip, passed, save, sipp
from tests.interop.server import RTP_PORTS, Server

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

SCENARIOS = ("options", "cancel", "late_offer", "rtpstream")


async def test_no_packet_of_ours_is_malformed(server: Server, tmp_path: Path) -> None:
    with captured(tmp_path / "capture") as capture:
        for scenario in SCENARIOS:
            folder = tmp_path / scenario
            folder.mkdir()
            passed(sipp(scenario, server.port, folder), folder)
        microphone = save(tmp_path / "microphone.wav", np.zeros(8_000 * 60, np.int16))
        with baresip(tmp_path / "baresip", microphone) as peer:
            peer.dial(server.target)
            peer.wait_until_spoken_to()
            peer.hang_up()
            peer.wait_for_the_end()
        await place(CallScript(server.target, (Press("1"), Press(BOOK_KEY))))
    rtp = f"udp.port >= {server.rtp_first} && udp.port < {server.rtp_first + RTP_PORTS}"
    ours = f"(udp.srcport == {server.port} || (udp.srcport >= {server.rtp_first} && {rtp}))"
    assert packets(capture, f"sip && udp.srcport == {server.port}"), "tshark saw no SIP of ours"
    assert packets(capture, f"rtp && {ours}"), "tshark saw no RTP of ours"
    assert packets(capture, f"{ours} && _ws.malformed") == []
    assert packets(capture, f"{ours} && _ws.expert.severity == error") == []
