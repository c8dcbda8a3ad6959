"""What is recorded is what was said, when it was said."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from consent.terms import QUESTION as ASKED
from consent.wordings import WORDINGS
from media.units import SAMPLE_RATE, Samples, pcm
from parley.caller import CallEvent, CallScript, Press, Say, place
from tests.interop.agents import BOOK_KEY, BOOKED, GREETING, WELCOME
from tests.interop.peers import baresip, sample_of, save
from tests.interop.server import Server
from tests.interop.speech import agent_speech, caller_speech, pause
from tests.listening import ALIKE, find, load, sides, voiced

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.slow, pytest.mark.anyio]

MISALIGNMENT_S_MAX = 0.02
QUESTION = WORDINGS[ASKED].text


class Pack(NamedTuple):
    caller: Samples
    agent: Samples


def exported(server: Server, call: str, folder: Path) -> Pack:
    """The two tracks of a call's evidence pack, which is verified on the way."""
    done = server.parley("export", call, "--to", str(folder))
    assert done.returncode == 0, done.stderr
    verified = server.parley_anywhere("verify", str(folder))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return Pack(*sides(folder / "data/call.wav"))


async def test_both_legs_of_a_recording_are_aligned(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    speech, saved = voiced(caller_speech()), tmp_path / "heard.wav"
    events: list[CallEvent] = []
    steps = (Press("1"), Say(pcm(speech), "speech"), Press(BOOK_KEY))
    report = await place(CallScript(server.target, steps, save=saved), on_event=events.append)
    assert report.completed, report
    assert report.ended == "the far side hung up"
    (call,) = server.sealed(known)
    pack = exported(server, call["id"], tmp_path / "pack")
    sent_s = next(event.at_s for event in events if event.name == "saying")
    agent = voiced(agent_speech(WELCOME))
    heard, kept, said = find(agent, load(saved)), find(agent, pack.agent), find(speech, pack.caller)
    assert min(heard.likeness, kept.likeness, said.likeness) > ALIKE, (heard, kept, said)
    misalignment_s = (said.at_s - kept.at_s) - (sent_s - heard.at_s)
    print(f"caller's leg {1_000 * misalignment_s:+.1f} ms from the agent's")
    assert abs(misalignment_s) < MISALIGNMENT_S_MAX


def test_baresip_talks_with_the_agent_and_is_recorded(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    speech = voiced(caller_speech())
    # Its microphone cannot wait for a question, but it is certainly over by then.
    microphone = np.concatenate([pause(18), speech, pause(60)])
    with baresip(tmp_path / "baresip", save(tmp_path / "microphone.wav", microphone)) as peer:
        peer.dial(server.target)
        peer.wait_until_spoken_to()
        peer.press("1")
        peer.wait_until_spoken_to()
        peer.wait_until_said(len(microphone) / SAMPLE_RATE - 60)
        peer.press(BOOK_KEY)
        peer.wait_for_the_end()
    heard, sent = sample_of(peer.heard), sample_of(peer.said)
    (call,) = server.sealed(known)
    pack = exported(server, call["id"], tmp_path / "pack")
    greeting = find(voiced(agent_speech(f"{GREETING} {QUESTION}")), heard)
    booked = find(voiced(agent_speech(BOOKED)), heard)
    assert min(greeting.likeness, booked.likeness) > ALIKE, (greeting, booked)
    _compare(speech, heard, sent, pack)


def _compare(speech: Samples, heard: Samples, sent: Samples, pack: Pack) -> None:
    agent = voiced(agent_speech(WELCOME))
    there = find(speech, sent).at_s - find(agent, heard).at_s
    said, kept = find(speech, pack.caller), find(agent, pack.agent)
    assert min(said.likeness, kept.likeness) > ALIKE, (said, kept)
    misalignment_s = (said.at_s - kept.at_s) - there
    print(f"baresip: caller's leg {1_000 * misalignment_s:+.1f} ms from the agent's")
    assert abs(misalignment_s) < MISALIGNMENT_S_MAX
