"""What leaves to others is one voice each, and only while the recording gate is open."""

import numpy as np
import pytest

from media.codecs import CODECS
from media.units import Samples, pcm
from tests.media.line import events, gate, lease, named, noise, play
from tests.media.test_bank import Party, Room, likeness, loudness

GUARD_TICKS = 6
"""What a frame may be made of reaches back so far: as much is lost after each opening."""


def forked(codec: str = "PCMU") -> tuple[Room, Party, Party]:
    """A call, and the two legs which carry its voices to a recorder."""
    room = Room()
    room.enter("call")
    caller, agent = room.enter("t1", CODECS[codec]), room.enter("t2", CODECS[codec])
    room.command({"cmd": "tap", "leg": "t1", "of": "call", "what": "voice"})
    room.command({"cmd": "tap", "leg": "t2", "of": "call", "what": "agent"})
    return room, caller, agent


NOBODY = np.zeros(0, np.int16)


def run(room: Room, ticks: int, call: Samples = NOBODY) -> None:
    """Let time pass under a lease that is renewed; `call`: what the caller says."""
    frame = room.parties[0].codec.frame_samples
    for n in range(ticks):
        room.command(lease(room.now))
        room.run(1, call=call[n * frame : (n + 1) * frame])


def open_gate(room: Room, epoch: int = 1) -> None:
    room.command(lease(room.now))
    room.command(gate("call", epoch, room.now))


def test_without_an_open_gate_both_streams_are_digital_silence() -> None:
    room, caller, agent = forked()
    room.command(play("call", "u", False), pcm(noise(800, 2)))
    run(room, 40, call=noise(800))
    # The octet of silence, and no comfort noise: not one bit says that somebody spoke.
    assert len(caller.ear) == len(agent.ear) == 40 * 160
    assert set(caller.ear.tolist()) == set(agent.ear.tolist()) == {0}


def test_with_an_open_gate_each_stream_is_one_voice_and_nothing_of_the_other() -> None:
    room, caller, agent = forked()
    open_gate(room)
    run(room, GUARD_TICKS + 10)
    said, spoken = noise(1_000), noise(1_000, 2)
    room.command(play("call", "u", False), pcm(spoken))
    run(room, 70, call=said)
    assert likeness(said, caller.ear) > 0.95
    assert likeness(spoken, agent.ear) > 0.95
    assert likeness(spoken, caller.ear) < 0.1
    assert likeness(said, agent.ear) < 0.1


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_nothing_that_was_said_before_the_gate_opened_gets_out_after_it(codec: str) -> None:
    room, caller, agent = forked(codec)
    before = noise(400)
    room.command(play("call", "u", False), pcm(noise(400, 2)))
    run(room, 20, call=before)
    open_gate(room)
    # What was captured before lies in the jitter buffer still, and is concealed with now.
    run(room, 20)
    for heard in (caller.ear, agent.ear):
        assert loudness(heard) < 2


def test_a_closed_gate_is_silence_from_the_next_tick_on() -> None:
    room, caller, agent = forked()
    open_gate(room)
    run(room, GUARD_TICKS + 10)
    room.command(play("call", "u", False), pcm(noise(1_000, 2)))
    said = noise(1_000)
    run(room, 25, call=said)
    room.command({"cmd": "close_gate", "leg": "call", "until": None})
    run(room, 25, call=said[25 * 160 :])
    for party in (caller, agent):
        assert loudness(party.ear[-30 * 160 : -25 * 160]) > 1_000
        assert set(party.ear[-25 * 160 :].tolist()) == {0}
        # The recorder's clock goes on: a packet each 20 ms.
        assert len(party.heard) == GUARD_TICKS + 10 + 50


def test_an_opening_again_under_the_next_epoch_lets_the_voices_out_again() -> None:
    room, caller, _ = forked()
    open_gate(room)
    run(room, 10)
    room.command({"cmd": "close_gate", "leg": "call", "until": None})
    run(room, 10)
    open_gate(room, epoch=2)
    run(room, GUARD_TICKS + 10)
    said = noise(600)
    run(room, 40, call=said)
    assert likeness(said, caller.ear) > 0.95


def test_where_the_lease_is_not_renewed_nothing_leaves_any_more() -> None:
    room, caller, agent = forked()
    open_gate(room)
    room.command(play("call", "u", False), pcm(noise(2_000, 2)))
    said = noise(2_000)
    run(room, 25, call=said)
    room.run(75, call=said[25 * 160 :])
    for party in (caller, agent):
        assert loudness(party.ear[: 25 * 160]) > 1_000
        assert set(party.ear[-24 * 160 :].tolist()) == {0}


def test_a_bridge_that_hears_the_same_voice_is_not_the_gates_affair() -> None:
    room, caller, _ = forked()
    friend = room.enter("friend")
    room.hear("friend", ("call", "voice"))
    said = noise(600)
    run(room, 40, call=said)
    assert likeness(said, friend.ear) > 0.95
    assert set(caller.ear.tolist()) == {0}


def test_who_speaks_at_another_rate_than_the_recorder_hears() -> None:
    room = Room()
    room.enter("call", CODECS["G722"])
    caller = room.enter("t1")
    room.command({"cmd": "tap", "leg": "t1", "of": "call", "what": "voice"})
    open_gate(room)
    t = np.arange(16_000) / 16_000
    tone = (np.sin(2 * np.pi * 700 * t) * 8_000).astype(np.int16)
    run(room, 50, call=tone)
    assert loudness(caller.ear[-4_000:]) > 4_000


def test_a_tap_of_a_leg_that_is_not_there_is_refused() -> None:
    room = Room()
    room.enter("t1")
    room.command({"cmd": "tap", "leg": "t1", "of": "nobody", "what": "voice"})
    (refused,) = named(events(room.plane), "refused")
    assert refused.header["reason"] == "no such leg to hear"
