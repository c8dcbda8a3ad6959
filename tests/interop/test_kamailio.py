"""A proxy in front: it asks callers for credentials, and stays in the path of every request."""

from pathlib import Path

import numpy as np
import pytest

from tests.interop.agents import BOOK_KEY, BOOKED
from tests.interop.kamailio import PASSWORD, USER, kamailio
from tests.interop.peers import Account, baresip, sample_of, save
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.listening import ALIKE, find, voiced

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SILENCE = np.zeros(8_000 * 60, np.int16)


def test_a_call_through_a_proxy_which_records_its_route(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    microphone = save(tmp_path / "microphone.wav", SILENCE)
    with kamailio(tmp_path / "kamailio", upstream=server.port) as proxy:
        via = f"sip:127.0.0.1:{proxy.port}"
        account = Account(outbound=via, user=USER, password=PASSWORD)
        with baresip(tmp_path / "baresip", microphone, account) as peer:
            peer.dial("sip:desk@parley.example")
            peer.wait_until_spoken_to()
            peer.press("1")
            peer.wait_until_spoken_to()
            peer.press(BOOK_KEY)
            # The server hangs up: its BYE takes the recorded route.
            peer.wait_for_the_end()
    (call,) = server.sealed(known)
    shown = server.json("show", call["id"])
    assert shown["call"]["ended_by"] == "agent"
    assert find(voiced(agent_speech(BOOKED)), sample_of(peer.heard)).likeness > ALIKE
