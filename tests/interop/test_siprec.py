"""A recorder of others gets what our own gate lets through, and not one packet more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.units import SAMPLE_RATE, Samples
from recordings.tables import Recording
from sessions.retention.tables import Disclosure
from sessions.siprec.tables import RecordingSession, SessionState
from tests.interop.agents import WELCOME
from tests.interop.recorder import NAMESPACE, Recorder, metadata
from tests.interop.server import Server
from tests.interop.speech import agent_speech, caller_speech
from tests.interop.telephones import Exchange, Telephone, until
from tests.listening import share, voiced

pytestmark = [
    pytest.mark.interop,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(180),
]

HEARD_SHARE = 0.6
"""Piece by piece: a machine with two cores may let sound wait for a frame."""


@pytest.fixture
def recorders(tmp_path: Path) -> Iterator[Callable[[str], Recorder]]:
    made: list[Recorder] = []

    def make(behaviour: str = "accept") -> Recorder:
        made.append(Recorder(tmp_path / f"srs{len(made)}", behaviour))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@asynccontextmanager
async def desk(tmp_path: Path, more: str) -> AsyncIterator[Exchange]:
    server = Server(tmp_path, more=more)
    exchange = Exchange(server, tmp_path)
    try:
        yield exchange
    finally:
        await exchange.close()
        server.stop()


async def agreed(exchange: Exchange, phone: Telephone) -> str:
    """The caller agrees to be recorded; the id of the call."""
    await phone.until(lambda: phone.now_s > 8, "the question")
    phone.press("1")
    call = exchange.ids[phone.name]
    await until(lambda: bool(exchange.rows(Recording, id=call)), "no grant")
    return call


async def spoken(phone: Telephone, words: Samples, more_s: float = 0.5) -> None:
    """Wait until that was said, and a moment longer."""
    ends_s = phone.now_s + len(words) / SAMPLE_RATE + more_s
    await phone.until(lambda: phone.now_s > ends_s, "time stands still")


def sessions(exchange: Exchange) -> list[RecordingSession]:
    return exchange.rows(RecordingSession)


async def test_the_recorder_gets_each_voice_from_the_grant_on_and_nothing_before(
    tmp_path: Path, recorders: Callable[[str], Recorder]
) -> None:
    recorder = recorders("multipart")
    async with desk(tmp_path, recorder.config()) as exchange:
        phone = await exchange.call("ann", sounds=False)
        before, speech = voiced(caller_speech()), voiced(caller_speech())
        phone.say(before)
        call = await agreed(exchange, phone)
        (recording,) = exchange.rows(Recording, id=call)
        await until(lambda: bool(recorder.packets("1")), "nothing reaches the recorder")
        await spoken(phone, agent_speech(WELCOME), 1.0)
        phone.say(speech)
        await spoken(phone, speech)
        phone.hang_up()
        await exchange.sealed("ann")
        await until(lambda: bool(recorder.told("BYE")), "no BYE")
        (invite,) = recorder.told("INVITE")
        # Not one request, nor packet, before the grant.
        assert recorder.told()[0]["method"] == "INVITE"
        assert invite["at_us"] >= recording.opened_us
        assert recorder.packets("1")[0].at_us >= recording.opened_us
        assert invite["headers"]["require"] == "siprec"
        assert "+sip.src" in invite["headers"]["contact"]
        assert invite["sdp"].count("a=sendonly") == 2
        root = metadata(invite)
        assert len(root.findall(f"{NAMESPACE}participant")) == 2
        assert [one.findtext(f"{NAMESPACE}label") for one in root.iter(f"{NAMESPACE}stream")] == [
            "1",
            "2",
        ]
        agent = voiced(agent_speech(WELCOME))
        caller_heard, agent_heard = recorder.heard("1"), recorder.heard("2")
        assert share(speech, caller_heard) > HEARD_SHARE
        assert share(agent, agent_heard) > HEARD_SHARE
        assert share(agent, caller_heard) == share(speech, agent_heard) == 0
        (session,) = sessions(exchange)
        assert (session.state, session.why) == (SessionState.OVER, "the call is over")
        (disclosure,) = exchange.rows(Disclosure, call=call)
        assert disclosure.recipient == "recorder vault"
        # No packet after the goodbye.
        (bye,) = recorder.told("BYE")
        assert recorder.packets("1")[-1].at_us <= bye["at_us"] + 200_000


async def test_who_refuses_to_be_recorded_is_unknown_to_the_recorder(
    tmp_path: Path, recorders: Callable[[str], Recorder]
) -> None:
    recorder = recorders("accept")
    async with desk(tmp_path, recorder.config()) as exchange:
        phone = await exchange.call("ann", sounds=False)
        phone.say(voiced(caller_speech()))
        await phone.until(lambda: phone.now_s > 8, "the question")
        phone.press("2")
        await spoken(phone, agent_speech(WELCOME))
        phone.hang_up()
        await exchange.sealed("ann")
        assert recorder.told() == []
        assert sessions(exchange) == []


@pytest.mark.parametrize(
    ("behaviour", "why"), [("refuse:488", "refused with 488"), ("mute", ""), ("slow:6", "")]
)
async def test_a_recorder_that_fails_harms_no_call(
    tmp_path: Path, recorders: Callable[[str], Recorder], behaviour: str, why: str
) -> None:
    recorder = recorders(behaviour)
    async with desk(tmp_path, recorder.config()) as exchange:
        phone = await exchange.call("ann", sounds=False)
        call = await agreed(exchange, phone)
        await until(lambda: bool(recorder.told("INVITE")), "not called")
        await spoken(phone, agent_speech(WELCOME))
        if why:
            await until(lambda: len(sessions(exchange)) >= 3, "not tried again")
            failed = [one for one in sessions(exchange) if one.state is SessionState.OVER]
            assert {one.why for one in failed} == {why}
            assert "a recorder has left" in exchange.server.log.read_text()
        elif behaviour == "mute":
            assert [one.state for one in sessions(exchange)] == [SessionState.ORDERED]
        else:
            await until(lambda: bool(recorder.packets("2")), "a late 200 is none")
        phone.hang_up()
        await exchange.sealed("ann")
        (record,) = exchange.rows(Recording, id=call)
        assert record.lost is None


async def test_a_recorder_that_is_not_there_is_called_again_until_it_is(
    tmp_path: Path, recorders: Callable[[str], Recorder]
) -> None:
    recorder = recorders("accept")
    recorder.stop()
    async with desk(tmp_path, recorder.config() + 'trunk = ""\n') as exchange:
        phone = await exchange.call("ann", sounds=False)
        await agreed(exchange, phone)
        await until(lambda: bool(sessions(exchange)), "not tried")
        recorder.start()
        await until(lambda: bool(recorder.packets("1")), "not called again")
        phone.hang_up()
        await exchange.sealed("ann")


@pytest.mark.parametrize("role", ["node", "media"])
async def test_call_and_fork_go_on_when_a_process_is_killed(
    tmp_path: Path, recorders: Callable[[str], Recorder], role: str
) -> None:
    recorder = recorders("accept")
    async with desk(tmp_path, recorder.config()) as exchange:
        phone = await exchange.call("ann", sounds=False)
        await agreed(exchange, phone)
        await until(lambda: len(recorder.packets("1")) > 50, "nothing reaches the recorder")
        before = exchange.server.pids()[role]
        exchange.server.kill(role)
        await until(lambda: exchange.server.pids()[role] != before, "no successor")
        await asyncio.sleep(3)
        speech = voiced(caller_speech())
        phone.say(speech)
        await spoken(phone, speech)
        phone.hang_up()
        await exchange.sealed("ann")
        await until(lambda: bool(recorder.told("BYE")), "no BYE")
        # The same session, and one stream whose clock never stopped.
        assert len(recorder.told("INVITE")) == 1
        assert len({one.ssrc for one in recorder.packets("1")}) == 1
        assert share(speech, recorder.heard("1")) > HEARD_SHARE
