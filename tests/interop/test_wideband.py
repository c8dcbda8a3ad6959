"""Codecs that change, encrypted calls whose media process dies, and a node that is full."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from media.caller import SoftPhone
from media.codecs import CODECS
from media.resample import resample
from media.units import FRAME_MS, SAMPLE_RATE, Samples, from_pcm, pcm
from parley.caller import CallEvent, CallScript, Press, Say, place
from parley.caller.line import Line
from parley.caller.reaching import bound, hops_of, listening
from telephony.address import Address
from telephony.resolver import Resolver
from telephony.sdp import AudioParameters, Srtp
from telephony.tls import contexts
from tests.interop.agents import BOOK_KEY, BOOKED, WELCOME
from tests.interop.server import Server
from tests.interop.speech import agent_speech, caller_speech
from tests.interop.test_recording import MISALIGNMENT_S_MAX, exported
from tests.listening import find, load, share, voiced

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(180)]

CODED_ALIKE = 0.9
"""To the same words through the same codec: what is not alike was lost on the way."""
CODED_SHARES = {"PCMU": 0.9, "G722": 0.7, "opus": 0.6}
"""What a busy machine loses upsets a codec with a memory for a piece or two. Opus makes up hissing
sounds, otherwise each time: of 11 pieces 8 are alike where nothing is lost.
"""
HEARD_SHARE = 0.6
ALIKE = 0.7
"""Opus keeps what is heard, and not the wave."""
PRESSES_MAX, ANSWER_S = 4, 12.0
REPLY_MS, CHANGE_AT_MS, UNDERSTOOD_MS = 700, 2_000, 3_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    started = Server(folder, codecs=("G722", "PCMU", "PCMA", "opus"), sip="calls_max = 2")
    yield started
    started.stop()


def coded(name: str, samples: Samples) -> Samples:
    """Sound as this codec renders it where nothing is lost, at 8 kHz.

    Opus keeps what is heard and not the wave: pieces of it are 0.6 alike what was said.
    """
    codec = CODECS[name]
    encoder, decoder, length = codec.encoder(), codec.decoder(), codec.frame_samples
    wave = resample(samples, SAMPLE_RATE, codec.rate)
    frames = wave[: len(wave) // length * length].reshape(-1, length)
    decoded = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames])
    return resample(decoded.astype(np.int16), codec.rate, SAMPLE_RATE)


@asynccontextmanager
async def caller(target: str, codec: str) -> AsyncGenerator[tuple[SoftPhone, Line]]:
    """A phone in a call, which is hung up at the end."""
    resolver = Resolver()
    hops = await hops_of(target, resolver)
    with listening("127.0.0.1", hops) as held, bound("127.0.0.1") as rtp:
        line = Line(
            held,
            Address(*rtp.getsockname()[:2]),
            "caller",
            "",
            tls=contexts(),
            lookup=resolver.hops,
            codecs=(codec,),
            srtp=Srtp.OFF,
        )
        line.dial(target, hops)
        answer = await line.answer
        assert isinstance(answer, AudioParameters), answer
        phone = SoftPhone(
            rtp,
            CODECS[answer.codec],
            payload_type=answer.payload_type,
            dtmf_payload_type=answer.dtmf_payload_type,
            dtmf_clock_rate=answer.dtmf_clock_rate,
        )
        phone.start(answer.remote)
        try:
            yield phone, line
        finally:
            phone.close()
            if not line.over.done():
                await line.hang_up()
            await line.close()


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
    after = coded(codec, speech)[len(speech) // 2 :]
    booked = coded(codec, voiced(agent_speech(BOOKED)))
    kept, said = share(after, pack.caller, CODED_ALIKE), share(booked, load(saved), CODED_ALIKE)
    print(f"{codec}: {kept:.2f} of the caller kept, {said:.2f} of the agent heard")
    assert min(kept, said) > CODED_SHARES[codec]
    media = server.shown(call["id"])["media"]
    assert (media["codec"], bool(media["srtp"])) == (codec, True)
    assert media["quality"]["received"] > 100


@pytest.mark.parametrize(
    ("before", "after"), [("PCMU", "G722"), ("G722", "PCMA"), ("PCMU", "opus"), ("opus", "PCMA")]
)
async def test_a_recording_goes_on_where_a_reinvite_changes_the_codec(
    server: Server, tmp_path: Path, before: str, after: str
) -> None:
    known, speech = {call["id"] for call in server.calls()}, voiced(caller_speech())
    # What runs a codec is imported with the first one of it: not while the phone speaks.
    CODECS[after].encoder()
    async with caller(server.target, before) as (phone, line):
        await phone.wait_for_silence(ms=REPLY_MS)
        phone.press("1")
        await phone.wait_for_silence(ms=REPLY_MS)
        missed_ms = phone.missed_ms
        phone.say(pcm(speech))
        for _ in range(CHANGE_AT_MS // FRAME_MS):
            await phone.tick()
        audio = await line.change((after,))
        phone.change(
            CODECS[audio.codec],
            audio.remote,
            payload_type=audio.payload_type,
            dtmf_payload_type=audio.dtmf_payload_type,
            dtmf_clock_rate=audio.dtmf_clock_rate,
        )
        await phone.wait_until_said()
        late_s = (phone.missed_ms - missed_ms) / 1_000
        for _ in range(UNDERSTOOD_MS // FRAME_MS):
            await phone.tick()
        for _ in range(PRESSES_MAX):
            # What was said may be understood so late that the agent answers that instead.
            phone.press(BOOK_KEY)
            await asyncio.wait((line.over,), timeout=ANSWER_S)
            if line.over.done():
                break
        assert line.over.done(), "the agent did not hang up"
        heard = from_pcm(phone.heard())
    (call,) = server.sealed(known)
    told = server.shown(call["id"])
    assert (call["ended_by"], told["media"]["codec"]) == ("agent", after)
    assert told["recording"]["lost"] is None
    crosses = CODECS[before].rate != CODECS[after].rate
    assert told["recording"]["epoch"] == (2 if crosses else 1)
    pack = exported(server, call["id"], tmp_path / "pack")
    assert share(speech, pack.caller, ALIKE) > HEARD_SHARE
    for text in (WELCOME, BOOKED):
        assert share(voiced(agent_speech(text)), pack.agent, ALIKE) > HEARD_SHARE
        assert share(voiced(agent_speech(text)), heard, ALIKE) > HEARD_SHARE
    # What was said before the change and after it are as far from each other as they were, but
    # for the time in which the phone did not get to say it.
    second = SAMPLE_RATE
    first, last = find(speech[:second], pack.caller), find(speech[-second:], pack.caller)
    apart = (last.at - first.at - len(speech) + second) / SAMPLE_RATE
    print(f"{before} to {after}: {1_000 * apart:+.1f} ms, late {late_s} s, {first}, {last}")
    assert -MISALIGNMENT_S_MAX < apart < MISALIGNMENT_S_MAX + late_s


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
