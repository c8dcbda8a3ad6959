"""A third joins two who are recorded: not one frame of what they have not agreed to is kept."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from consent.machine import State
from consent.tables import ConsentEvent, ConsentPrompt
from consent.terms import QUESTION as ASKED
from consent.wordings import WORDINGS
from conversation.tables import Turn
from media.units import SAMPLE_RATE, Samples
from recordings.tables import Chunk, Recording, RecordingState
from tests.interop import hosts
from tests.interop.server import Server
from tests.interop.speech import agent_speech, caller_speech
from tests.interop.telephones import Exchange, Telephone, until
from tests.listening import share, sides, voiced
from transcripts.tables import Segment

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

RECORDED_S = 2.0
SOURCE = ("--basis", "contract", "--source", "the rota")
ALONE_TICKS = 60
HEARD = 0.5
"""Of a question that is played until it is answered; the machine may be busy."""
OPEN, SUSPENDED = RecordingState.OPEN, RecordingState.SUSPENDED


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("desk"), "tests.interop.hosts:Host")
    yield started
    started.stop()


async def test_recording_stops_before_a_third_is_heard_and_goes_on_once_they_agree(
    exchange: Exchange, tmp_path: Path
) -> None:
    for name, hertz in (("ann", 500.0), ("bob", 900.0)):
        phone = await exchange.call(name, hertz, sounds=False)
        await agrees(exchange, phone)
        phone.sound()
    both = [exchange.ids[name] for name in ("ann", "bob")]
    await exchange.act("sessions.calls_joined", "ann", other="bob")
    await exchange.act("sessions.agent_presence_changed", "ann", presence="gone")
    await exchange.hear("ann<bob", "bob<ann")
    await recorded(exchange, both, RECORDED_S)
    sue = await exchange.call("sue", 1_400.0, sounds=False)
    await until(lambda: is_asked(exchange, "sue"), "sue is not asked")
    sue.sound()
    await exchange.act("sessions.calls_joined", "ann", other="sue")
    joined_us = time.time_ns() // 1_000
    # What she is asked and answers is between her and the house.
    for _ in range(ALONE_TICKS):
        await sue.running.tick()
    assert heard_by(exchange, "ann", "bob") == {"ann<bob", "bob<ann"}
    assert {state(exchange, call) for call in both} == {(SUSPENDED, 1)}
    sue.press("1")
    await until(lambda: "ann<sue" in exchange.hearing(), "ann does not hear sue")
    await until(lambda: state(exchange, both[0]) == (OPEN, 2), "not open again")
    every = [*both, exchange.ids["sue"]]
    assert [state(exchange, call) for call in every] == [(OPEN, 2), (OPEN, 2), (OPEN, 1)]
    await recorded(exchange, every, RECORDED_S)
    for phone in exchange.phones.values():
        phone.hang_up()
    await exchange.sealed(*exchange.ids)
    agreed_us = consent(exchange, "sue", State.GRANTED)
    assert agreed_us is not None
    for call in both:
        chunks = exchange.rows(Chunk, call=call)
        before = max(end_us(chunk) for chunk in chunks if chunk.epoch == 1)
        after = min(chunk.captured_from_us for chunk in chunks if chunk.epoch == 2)
        assert before < joined_us < agreed_us <= after
        track = exported(exchange.server, call, tmp_path / call)
        assert abs(longest_silence_s(track) - (after - before) / 1_000_000) < 0.1


async def test_the_question_to_who_leads_is_heard_by_nobody_else(exchange: Exchange) -> None:
    bob = await exchange.call("bob", 900.0, sounds=False)
    await agrees(exchange, bob)
    bob.sound()
    ann = await exchange.call("ann", 500.0, sounds=False)
    await until(lambda: is_asked(exchange, "ann"), "ann is not asked")
    since_s = bob.now_s
    await exchange.act("sessions.calls_joined", "ann", other="bob")
    question = voiced(agent_speech(WORDINGS[ASKED].text))
    heard = State.ASKED
    await until(lambda: consent(exchange, "ann", heard) is not None, "no question")
    assert heard_by(exchange, "bob") == set()
    ann.press("1")
    await until(lambda: "ann<bob" in exchange.hearing(), "not joined")
    assert share(question, ann.heard()) > HEARD
    assert share(question, bob.heard(since_s)) == 0
    await until(lambda: state(exchange, exchange.ids["bob"]) == (OPEN, 2), "not open again")


async def test_a_supervisor_who_agrees_is_heard_and_recording_goes_on(exchange: Exchange) -> None:
    ann = await exchange.call("ann", 500.0, sounds=False)
    await agrees(exchange, ann)
    ann.sound()
    watched, sue = exchange.ids["ann"], exchange.add("sue", 1_400.0)
    told = await exchange.json("supervise", watched, "--phone", sue.uri, *SOURCE, "--as", "barge")
    exchange.ids["sue"] = told["call"]
    await sue.until(sue.answered.is_set, "not called")
    sue.sound()
    await until(lambda: is_asked(exchange, "sue"), "sue is not asked")
    assert state(exchange, watched) == (SUSPENDED, 1)
    assert heard_by(exchange, "ann") == set()
    sue.press("1")
    await exchange.hear("ann<sue", "sue<ann")
    every = [watched, told["call"]]
    assert [state(exchange, call) for call in every] == [(OPEN, 2), (OPEN, 1)]
    await recorded(exchange, every, RECORDED_S)


async def test_what_a_member_says_and_presses_is_for_the_agent_that_leads(
    exchange: Exchange,
) -> None:
    ann = await exchange.call("ann", sounds=False)
    bob = await exchange.call("bob", sounds=False)
    for phone in (ann, bob):
        await agrees(exchange, phone)
    await exchange.act("sessions.calls_joined", "ann", other="bob")
    ledger = exchange.server.ledger
    ledger.write_text("")
    bob.press(hosts.NOTE)
    bobs = exchange.ids["bob"]
    await until(lambda: f"{bobs} pressed {hosts.NOTE}" in ledger.read_text(), "no key")
    ann.press(hosts.NOTE)
    await until(lambda: f"mine pressed {hosts.NOTE}" in ledger.read_text(), "no key of hers")
    bob.say(caller_speech())
    await until(lambda: f"{bobs} said something" in ledger.read_text(), "no words")
    kept = {segment.id for segment in exchange.rows(Segment, call=bobs)}
    turns = [turn for turn in exchange.rows(Turn, call=exchange.ids["ann"]) if turn.segment in kept]
    assert turns and {turn.speaker for turn in turns} == {bobs}


def heard_by(exchange: Exchange, *names: str) -> set[str]:
    """Whose tones these hear; in a question that one of them hears there are all kinds of tones."""
    return {one for one in exchange.hearing() if one.partition("<")[0] in names}


async def agrees(exchange: Exchange, phone: Telephone) -> None:
    await until(lambda: is_asked(exchange, phone.name), "not asked")
    phone.press("1")
    await until(lambda: consent(exchange, phone.name, State.GRANTED) is not None, "no grant")


def is_asked(exchange: Exchange, name: str) -> bool:
    """Whether they are played a question."""
    return bool(exchange.rows(ConsentPrompt, call=exchange.ids[name]))


def consent(exchange: Exchange, name: str, state: State) -> int | None:
    """When they came to stand there about the recording."""
    events = exchange.rows(ConsentEvent, call=exchange.ids[name], scope="recording", state=state)
    return events[0].at_us if events else None


def state(exchange: Exchange, call: str) -> tuple[RecordingState, int]:
    (recording,) = exchange.rows(Recording, id=call)
    return recording.state, recording.epoch


def end_us(chunk: Chunk) -> int:
    return chunk.captured_from_us + chunk.samples * 1_000_000 // chunk.rate


async def recorded(exchange: Exchange, calls: list[str], seconds: float) -> None:
    """Wait until so much more is kept of each."""
    now = time.time_ns() // 1_000 + int(seconds * 1_000_000)

    def is_kept(call: str) -> bool:
        return any(end_us(chunk) > now for chunk in exchange.rows(Chunk, call=call))

    await until(lambda: all(is_kept(call) for call in calls), "nothing is recorded")


def exported(server: Server, call: str, folder: Path) -> Samples:
    """What the caller said, out of a pack that is verified."""
    done = server.parley("export", call, "--to", str(folder))
    assert done.returncode == 0, done.stderr
    verified = server.parley_anywhere("verify", str(folder))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return sides(folder / "data/call.wav")[0]


def longest_silence_s(samples: Samples) -> float:
    """The longest run of nothing at all between two sounds."""
    sounds = np.flatnonzero(samples)
    return float(np.diff(sounds).max(initial=0)) / SAMPLE_RATE
