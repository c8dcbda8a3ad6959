"""The worker as the keeper starts it, with real engines, over real sockets."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from bench.telephone import VOICES, over_telephone
from conversation.speech.client import SpeechClient, SpeechUnavailable
from conversation.speech.engines import SpeechError
from conversation.speech.espeak import Espeak
from conversation.speech.grammars import YES_NO, listen_for
from tests.asked import a_permit

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
WAIT_S = 60.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Keeper:
    """The keeper's end of the control socket of one speech process."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fd = theirs.fileno()
            # As the keeper does: -P, so that the folder one stands in is no source of modules.
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "conversation.speech.process", "--control", str(fd)],
                pass_fds=(fd,),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self.control.send(json.dumps({"go": True, "speech": {"stt": "pocketsphinx"}}).encode())

    def link(self) -> socket.socket:
        """A new link to the process."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b'{"peer":"node"}'], [theirs.fileno()])
        return ours

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.control.close()
        with suppress(ProcessLookupError):
            self.kill()


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    one = Keeper()
    yield one
    one.close()


@pytest.fixture
def successor() -> Iterator[Keeper]:
    one = Keeper()
    yield one
    one.close()


async def test_it_says_what_the_engine_says(keeper: Keeper) -> None:
    client = SpeechClient()
    await client.attach(keeper.link())

    assert await client.say("Hello there.", WAIT_S) == Espeak().say("Hello there.")
    await client.detach()


async def test_it_hears_an_answer_and_rejects_what_is_none(keeper: Keeper) -> None:
    client = SpeechClient()
    await client.attach(keeper.link())
    agreed = over_telephone(Espeak(VOICES[7]).say("i agree").pcm)
    asked = over_telephone(Espeak(VOICES[7]).say("what is the balance of my account").pcm)

    answer = await client.hear(agreed, [YES_NO], permit=a_permit(), timeout_s=WAIT_S)
    question = await client.hear(asked, [YES_NO], permit=a_permit(), timeout_s=WAIT_S)

    assert (answer.accepted, answer.text) == (True, "i agree")
    assert not question.accepted
    await client.detach()


async def test_what_a_killed_worker_left_unanswered_the_next_one_answers(
    keeper: Keeper, successor: Keeper
) -> None:
    client = SpeechClient()
    await client.attach(keeper.link())
    pcm = over_telephone(Espeak(VOICES[7]).say("i agree").pcm)
    hearing = asyncio.create_task(client.hear(pcm, [YES_NO], permit=a_permit(), timeout_s=WAIT_S))
    await client.say("It is at work now.", WAIT_S)
    keeper.kill()

    await client.attach(successor.link())

    assert (await hearing).text == "i agree"
    assert (await client.say("And it speaks.", WAIT_S)).words
    await client.detach()


async def test_what_cannot_be_served_is_an_error_and_not_the_end(keeper: Keeper) -> None:
    client = SpeechClient()
    await client.attach(keeper.link())

    with pytest.raises(SpeechError, match="longer than"):
        await client.say("a" * 10_000, WAIT_S)
    with pytest.raises(SpeechError, match="xyzzyx"):
        await client.hear(
            bytes(16_000), [listen_for("x", ["xyzzyx"])], permit=a_permit(), timeout_s=WAIT_S
        )
    assert (await client.say("Still here.", WAIT_S)).words
    await client.detach()


async def test_nonsense_on_the_link_ends_the_link_and_not_the_worker(keeper: Keeper) -> None:
    bad = keeper.link()
    bad.sendall(b"\xff" * 64)
    client = SpeechClient()
    await client.attach(keeper.link())

    assert (await client.say("Still here.", WAIT_S)).words
    bad.settimeout(WAIT_S)
    with suppress(ConnectionResetError):
        assert bad.recv(1) == b""
    bad.close()
    await client.detach()


async def test_without_a_worker_one_waits_for_a_bounded_time() -> None:
    with pytest.raises(SpeechUnavailable):
        await SpeechClient().say("Is anybody there?", timeout_s=0.01)


def test_it_goes_when_its_keeper_goes(keeper: Keeper) -> None:
    keeper.control.close()

    assert keeper.process.wait(WAIT_S) == 0
