"""The test caller, against a party of our own on loopback, in real time."""

import asyncio
import json
import os
import signal
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from media.units import Samples, from_pcm, pcm
from parley.caller import CallError, CallScript, Press, Say, place, script, wav
from tests.media.line import voice
from tests.parley.desk import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
WAIT_S = 30.0
ALIKE = 0.9


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    with Desk() as opened:
        yield opened


def likeness(part: Samples, whole: Samples) -> tuple[float, int]:
    """How well `part` is found in `whole`, 1 for an exact copy, and at which sample."""
    needle, hay = part.astype(np.float64), whole.astype(np.float64)
    products = np.correlate(hay, needle)
    energy = np.convolve(hay**2, np.ones(len(needle)), "valid") * np.sum(needle**2)
    found = products / np.sqrt(np.maximum(energy, 1.0))
    best = int(np.argmax(found))
    return float(found[best]), best


async def called(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "parley.caller", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


async def test_what_each_says_reaches_the_other_and_is_saved(desk: Desk, tmp_path: Path) -> None:
    saved = tmp_path / "heard.wav"
    said = Say(pcm(voice(600)), "an answer")
    wanted = CallScript(desk.target, (said, Press("12#")), save=saved)
    async with asyncio.timeout(WAIT_S):
        calling = asyncio.create_task(place(wanted))
        phone, dialog = await desk.answer()
        question = pcm(voice(800))
        phone.say(question)
        await phone.wait_for_silence(ms=200)
        assert not phone.talking, "the caller waits until the question is over"
        phone.say(question)
        while phone.digits != "12#":
            await phone.tick()
        desk.hang_up(dialog)
        report = await calling
    assert report.completed
    assert (report.ended, report.digits_sent) == ("the far side hung up", "12#")
    assert 1.4 <= report.speech_heard_s <= 1.8
    assert likeness(from_pcm(said.audio), from_pcm(phone.heard()))[0] > ALIKE
    heard = from_pcm(wav.read(str(saved)).audio)
    assert likeness(from_pcm(question), heard)[0] > ALIKE
    assert abs(len(heard) / 8_000 - report.duration_s) < 0.2


async def test_the_steps_keep_their_order_and_each_waits_for_its_turn(desk: Desk) -> None:
    told: list[str] = []
    steps = (Press("1"), Say(pcm(voice(200)), "a"), Press("2"), Press("3", at_s=0.0))
    wanted = CallScript(desk.target, steps)
    async with asyncio.timeout(WAIT_S):
        calling = asyncio.create_task(
            place(wanted, on_event=lambda event: told.append(f"{event.name} {event.detail}"))
        )
        phone, dialog = await desk.answer()
        for step in ("pressing 1", "saying a", "pressing 2"):
            phone.say(pcm(voice(300)))
            while told[-1] != step:
                await phone.tick()
        while phone.digits != "312":
            await phone.tick()
        desk.hang_up(dialog)
        report = await calling
    assert report.completed
    assert told[2:6] == ["pressing 3", "pressing 1", "saying a", "pressing 2"]


async def test_a_far_side_that_is_done_is_left_with_a_bye(desk: Desk) -> None:
    async with asyncio.timeout(WAIT_S):
        calling = asyncio.create_task(place(CallScript(desk.target)))
        await desk.answer()
        assert await desk.hung_up() == "remote"
        report = await calling
    assert report.ended == "all was said, and nobody spoke any more"
    assert report.completed


async def test_when_the_time_is_up_the_caller_hangs_up(desk: Desk) -> None:
    async with asyncio.timeout(WAIT_S):
        wanted = CallScript(desk.target, (Say(pcm(voice(200)), "late"),), seconds=0.5)
        calling = asyncio.create_task(place(wanted))
        await desk.answer()
        assert await desk.hung_up() == "remote"
        report = await calling
    assert (report.ended, report.steps_done) == ("the time was up", 0)
    assert not report.completed


async def test_a_caller_that_is_told_to_stop_says_bye(desk: Desk) -> None:
    stop = asyncio.Event()
    async with asyncio.timeout(WAIT_S):
        calling = asyncio.create_task(place(CallScript(desk.target), stop=stop))
        await desk.answer()
        stop.set()
        assert await desk.hung_up() == "remote"
        assert (await calling).ended == "interrupted"


async def test_a_busy_is_exit_1(desk: Desk) -> None:
    async with asyncio.timeout(WAIT_S):
        process = await called(desk.target, "--json")
        await desk.reject(486)
        out, _ = await process.communicate()
    report = json.loads(out)
    assert process.returncode == 1
    assert (report["answered"], report["status"]) == (False, 486)


async def test_an_interrupt_while_it_rings_cancels_the_call(desk: Desk) -> None:
    async with asyncio.timeout(WAIT_S):
        process = await called(desk.target)
        await desk.ring()
        assert process.stderr is not None
        while b"ringing" not in await process.stderr.readline():
            continue
        process.send_signal(signal.SIGINT)
        await desk.cancelled()
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert b"interrupted" in out


async def test_a_call_that_did_all_it_should_is_exit_0(desk: Desk, tmp_path: Path) -> None:
    saved = tmp_path / "heard.wav"
    arguments = ("--text", "Hello", "--dtmf", "1@0", "--save", str(saved), "--json")
    async with asyncio.timeout(WAIT_S):
        process = await called(desk.target, *arguments)
        phone, dialog = await desk.answer()
        phone.say(pcm(voice(300)))
        await phone.wait_for_silence(ms=500)
        desk.hang_up(dialog)
        out, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert json.loads(out)["saved"] == str(saved)
    assert phone.digits == "1"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["tel:112"], b"sip:NAME@HOST:PORT"),
        (["sip:a@127.0.0.1", "--dtmf", "x@1"], b"Write up to 64 of 0123456789*#ABCD"),
        (["sip:a@127.0.0.1", "--dtmf", "1@soon"], b"Write seconds"),
        (["sip:a@127.0.0.1", "--text", "..."], b"Write words"),
        (["sip:a@127.0.0.1", "--say", "none.wav"], b"Name a WAV file"),
        (["sip:a@127.0.0.1", "--save", "no/such/folder.wav"], b"Name a file in a folder"),
    ],
)
async def test_a_misuse_is_exit_2_and_says_what_to_write(arguments: list[str], hint: bytes) -> None:
    process = await called(*arguments)
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert hint in b" ".join(errors.split())


def written(path: Path, audio: Samples, rate: int, channels: int, width: int = 2) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm(audio))
    return str(path)


def test_a_stereo_file_of_another_rate_is_mixed_and_resampled(tmp_path: Path) -> None:
    time = np.arange(48_000) / 48_000
    tone = (8_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    stereo = np.stack([tone, tone // 2], axis=1).reshape(-1)
    audio = from_pcm(wav.read(written(tmp_path / "s.wav", stereo, 48_000, 2)).audio)
    spectrum = np.abs(np.fft.rfft(audio))
    assert len(audio) == 8_000
    assert int(np.argmax(spectrum)) == 440
    assert abs(int(np.max(audio)) - 6_000) < 100


def test_a_file_that_is_not_16_bit_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    path = written(tmp_path / "b.wav", np.zeros(800, np.int16), 8_000, 1, width=1)
    with pytest.raises(CallError, match=r"not 16-bit PCM.*ffmpeg -i b\.wav"):
        wav.read(path)


def test_keys_are_pressed_at_a_time_or_in_a_silence() -> None:
    assert script.dtmf("1a@3.5") == Press("1A", 3.5)
    assert script.dtmf("2@silence") == Press("2", None)
