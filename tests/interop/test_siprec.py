"""A recorder of others gets what our own gate lets through, and not one packet more."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from consent.machine import State
from recordings.tables import Recording, RecordingState
from sessions.retention.tables import Disclosure
from sessions.siprec.tables import SessionState
from tests.interop.agents import WELCOME
from tests.interop.forked import ForkingExchange, desk, passed, spoken
from tests.interop.peers import passed as passed_by
from tests.interop.peers import sipp_called
from tests.interop.recorder import CONFIG, NAMESPACE, Packet, Recorder, is_silent, metadata, pauses
from tests.interop.speech import agent_speech, caller_speech
from tests.interop.telephones import share as share_of
from tests.interop.telephones import until
from tests.listening import share, voiced

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio, pytest.mark.timeout(180)]

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


async def test_the_recorder_gets_each_voice_from_the_grant_on_and_nothing_before(
    tmp_path: Path, recorders: Callable[[str], Recorder]
) -> None:
    recorder = recorders("multipart")
    async with desk(tmp_path, recorder.config()) as exchange:
        phone = await exchange.call("ann", sounds=False)
        before, speech = voiced(caller_speech()), voiced(caller_speech())
        phone.say(before)
        recording = await exchange.agreed(phone)
        call = recording.id
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
        (session,) = exchange.sessions()
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
        asked = {State.ASKED, State.REFUSED}
        await until(lambda: _states(exchange) >= {State.ASKED}, "not asked")
        phone.press("2")
        await until(lambda: _states(exchange) >= asked, "not refused")
        await spoken(phone, agent_speech(WELCOME))
        phone.hang_up()
        await exchange.sealed("ann")
        assert recorder.told() == []
        assert exchange.sessions() == []


@pytest.mark.parametrize(
    ("behaviour", "why"), [("refuse:488", "refused with 488"), ("mute", ""), ("slow:6", "")]
)
async def test_a_recorder_that_fails_harms_no_call(
    tmp_path: Path, recorders: Callable[[str], Recorder], behaviour: str, why: str
) -> None:
    recorder = recorders(behaviour)
    async with desk(tmp_path, recorder.config()) as exchange:
        phone = await exchange.call("ann", sounds=False)
        call = (await exchange.agreed(phone)).id
        await until(lambda: bool(recorder.told("INVITE")), "not called")
        await spoken(phone, agent_speech(WELCOME))
        if why:
            await until(lambda: len(exchange.sessions()) >= 3, "not tried again")
            failed = [one for one in exchange.sessions() if one.state is SessionState.OVER]
            assert {one.why for one in failed} == {why}
            assert "a recorder has left" in exchange.server.log.read_text()
        elif behaviour == "mute":
            assert [one.state for one in exchange.sessions()] == [SessionState.ORDERED]
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
        await exchange.agreed(phone)
        await until(lambda: bool(exchange.sessions()), "not tried")
        recorder.start()
        await until(lambda: bool(recorder.packets("1")), "not called again")
        phone.hang_up()
        await exchange.sealed("ann")


async def test_a_recorder_that_was_restarted_in_mid_call_is_found_out_and_called_again(
    tmp_path: Path, recorders: Callable[[str], Recorder]
) -> None:
    recorder = recorders("accept")
    async with desk(tmp_path, recorder.config()) as exchange:
        ann = await exchange.call("ann", 500.0, sounds=False)
        await exchange.agreed(ann)
        ann.sound()
        await until(lambda: _hears(recorder.packets("1"), 500.0), "ann is not heard")
        recorder.stop()
        recorder.start()
        await until(lambda: len(exchange.sessions()) == 2, "not found out")
        await until(lambda: _hears(recorder.packets("1"), 500.0), "not called again")
        first = min(exchange.sessions(), key=lambda one: one.attempt)
        assert (first.state, first.why) == (SessionState.OVER, "gone")
        assert not ann.over.is_set()
        # Who was given what is said for each time.
        assert len(exchange.rows(Disclosure)) == 2


@pytest.mark.parametrize("role", ["node", "media"])
async def test_call_and_fork_go_on_when_a_process_is_killed(
    tmp_path: Path, recorders: Callable[[str], Recorder], role: str
) -> None:
    recorder = recorders("accept")
    async with desk(tmp_path, recorder.config()) as exchange:
        phone = await exchange.call("ann", sounds=False)
        await exchange.agreed(phone)
        await until(lambda: len(recorder.packets("1")) > 50, "nothing reaches the recorder")
        before = exchange.server.pids()[role]
        exchange.server.kill(role)
        await until(lambda: exchange.server.pids()[role] != before, "no successor")
        known = len(recorder.packets("1"))
        await until(lambda: len(recorder.packets("1")) > known + 150, "the fork stands still")
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


async def test_who_joins_unasked_is_not_heard_and_the_voices_go_on_once_they_agreed(
    tmp_path: Path, recorders: Callable[[str], Recorder]
) -> None:
    recorder = recorders("accept")
    async with desk(tmp_path, recorder.config(), "tests.interop.hosts:Host") as exchange:
        ann = await exchange.call("ann", 500.0, sounds=False)
        call = (await exchange.agreed(ann)).id
        ann.sound()
        await until(lambda: _hears(recorder.packets("1"), 500.0), "ann is not heard")
        sue = await exchange.call("sue", 1_400.0, sounds=False)
        await exchange.act("sessions.calls_joined", "ann", other="sue")
        sue.sound()
        await until(lambda: is_silent(recorder.packets("1")[-25:]), "not silent")
        (paused,) = exchange.rows(Recording, id=call)
        assert paused.state is RecordingState.SUSPENDED
        await until(lambda: len(recorder.told("INVITE")) == 2, "not told")
        assert [pauses(one) for one in recorder.told("INVITE")] == [0, 2]
        await until(lambda: State.ASKED in {one.state for one in exchange.events("sue")}, "sue")
        sue.press("1")
        await until(lambda: _hears(recorder.packets("1"), 500.0), "ann is not heard again")
        first = recorder.told("INVITE")[0]["headers"]["call-id"]
        mine = [one for one in recorder.told("INVITE") if one["headers"]["call-id"] == first]
        assert [pauses(one) for one in mine] == [0, 2, 0]
        await until(lambda: _hears(recorder.packets("1", 1), 1_400.0), "sue is not heard")
        # Each voice is taken at its own mouth, for its own session: nobody is in another's stream.
        assert share_of(recorder.heard("1"), 1_400.0) < 0.01


async def test_who_is_aware_of_recording_is_told_and_who_prefers_none_has_refused(
    tmp_path: Path, recorders: Callable[[str], Recorder]
) -> None:
    recorder = recorders("accept")
    async with desk(tmp_path, recorder.config()) as exchange:
        ann = exchange.add("ann")
        ann.supported = "record-aware"
        known = set(exchange.calls())
        ann.dial(exchange.server.target, exchange.server.port)
        await ann.until(ann.answered.is_set, "not answered")
        (exchange.ids["ann"],) = set(exchange.calls()) - known
        assert b"a=record:off" in ann.offers[0]
        await exchange.agreed(ann)
        await until(lambda: b"a=record:on" in ann.offers[-1], "not told")
        await exchange.act("sessions.consent_withdrawn", "ann")
        await until(lambda: b"a=record:paused" in ann.offers[-1], "not told of the pause")
        bob, known = exchange.add("bob"), set(exchange.calls())
        bob.attribute = b"a=recordpref:off\r\n"
        bob.dial(exchange.server.target, exchange.server.port)
        await bob.until(bob.answered.is_set, "not answered")
        (exchange.ids["bob"],) = set(exchange.calls()) - known
        assert b"a=record" not in bob.offers[0]
        refused = State.REFUSED
        await until(lambda: refused in {one.state for one in exchange.events("bob")}, "no refusal")
        assert exchange.events("bob")[-1].method == "sdp:recordpref"
        await passed(bob, 1.0)
        assert exchange.rows(Recording, id=exchange.ids["bob"]) == []
        assert len({one["headers"]["call-id"] for one in recorder.told("INVITE")}) == 1


def _states(exchange: ForkingExchange) -> set[State]:
    return {event.state for event in exchange.events("ann")}


def _hears(packets: list[Packet], hertz: float) -> bool:
    window = [one.samples for one in packets[-25:]]
    return len(window) == 25 and share_of(np.concatenate(window), hertz) > 0.5


async def test_sipp_as_a_recorder_takes_the_session_by_tcp_to_its_end(tmp_path: Path) -> None:
    running, port = sipp_called("siprec", tmp_path, transport="t1")
    more = CONFIG.format(port=f"{port};transport=tcp", when_closed="inactive")
    async with desk(tmp_path, more) as exchange:
        ann = await exchange.call("ann", 500.0, sounds=False)
        await exchange.agreed(ann)
        up = SessionState.UP
        await until(lambda: [one.state for one in exchange.sessions()] == [up], "not answered")
        await exchange.act("sessions.consent_withdrawn", "ann")
        await until(lambda: not exchange.sessions()[0].is_sending, "not told of the pause")
        ann.hang_up()
        await exchange.sealed("ann")
        passed_by(running, tmp_path)
