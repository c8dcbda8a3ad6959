"""Two telephones on the loopback, in real time."""

import asyncio
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from media.caller import SoftPhone, silence
from media.codecs import CODECS
from media.units import from_pcm, pcm
from tests.media.line import voice

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
WAIT_S = 10.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for sock in pair:
        sock.bind(("127.0.0.1", 0))
    yield pair
    for sock in pair:
        sock.close()


async def test_a_scripted_caller_answers_when_the_other_has_finished(
    sockets: list[socket.socket],
) -> None:
    addresses = [sock.getsockname() for sock in sockets]
    caller, callee = (SoftPhone(sock, CODECS["PCMA"]) for sock in sockets)
    caller.start(addresses[1])
    callee.start(addresses[0])
    async with asyncio.timeout(WAIT_S):
        callee.say(silence(100) + pcm(voice(500)))
        await caller.wait_for_silence(after_speech=True, ms=200)
        assert not callee.talking
        caller.press("12#")
        await caller.wait_for_silence(after_speech=False, ms=100)
        while callee.digits != "12#":
            await callee.tick()
    heard = from_pcm(caller.heard())
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 500)
    assert 450 * 8 <= loud[-1] - loud[0] <= 600 * 8
    assert not caller.far_side_speaks
    caller.close()
    callee.close()
