"""Encrypted and wideband calls when the media process dies; a node that is full."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.units import pcm
from parley.caller import CallEvent, CallScript, Press, Say, place
from telephony.sdp import Srtp
from tests.interop.agents import BOOK_KEY, BOOKED
from tests.interop.server import Server
from tests.interop.speech import agent_speech, caller_speech
from tests.interop.test_recording import exported
from tests.listening import load, share, voiced

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(180)]

HEARD_SHARE = 0.7


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    started = Server(folder, codecs=("G722", "PCMU", "PCMA", "opus"), sip="calls_max = 2")
    yield started
    started.stop()


@pytest.mark.parametrize("codec", ["PCMU", "G722", "opus"])
async def test_an_encrypted_call_outlives_its_media_process_in_both_directions(
    server: Server, tmp_path: Path, codec: str
) -> None:
    known, saved = {call["id"] for call in server.calls()}, tmp_path / "heard.wav"
    speech = voiced(caller_speech())
    killed: list[int] = []

    def told(event: CallEvent) -> None:
        if event.name == "saying" and not killed:
            killed.append(server.pids()["media"])
            asyncio.get_running_loop().call_later(0.5, server.kill, "media")

    steps = (Press("1"), Say(pcm(speech), "speech"), Press(BOOK_KEY))
    script = CallScript(server.target, steps, save=saved, codecs=(codec,), srtp=Srtp.REQUIRED)
    report = await place(script, on_event=told)
    assert report.completed, report
    assert report.ended == "the far side hung up"
    assert killed != [server.pids()["media"]]
    print(f"{codec}: longest gap {report.longest_gap_ms} ms")
    (call,) = server.sealed(known)
    # What the next process heard and said.
    pack = exported(server, call["id"], tmp_path / "pack")
    after = speech[len(speech) // 2 :]
    assert share(after, pack.caller, 0.8) > HEARD_SHARE
    assert share(voiced(agent_speech(BOOKED)), load(saved), 0.8) > HEARD_SHARE
    media = server.json("show", call["id"])["media"]
    assert (media["codec"], bool(media["srtp"])) == (codec, True)
    assert media["quality"]["received"] > 100


async def test_who_calls_a_full_node_is_told_to_come_again(server: Server) -> None:
    answered = [asyncio.Event(), asyncio.Event()]
    stop = asyncio.Event()

    def telling(event: asyncio.Event) -> "asyncio.Task[object]":
        def told(happened: CallEvent) -> None:
            if happened.name == "answered":
                event.set()

        return asyncio.create_task(place(CallScript(server.target), on_event=told, stop=stop))

    calls = [telling(event) for event in answered]
    for event in answered:
        await event.wait()
    refused = await place(CallScript(server.target))
    stop.set()
    await asyncio.gather(*calls)
    assert refused.status == 503
