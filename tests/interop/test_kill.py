"""The node is killed at any instant of a call, and the caller does not notice."""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from parley.caller import CallEvent, CallReport, CallScript, Press, place
from tests.interop.agents import BOOK_KEY, BOOKED
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.listening import ALIKE, find, load, voiced

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILL_SEED", "4711"))

pytestmark = [
    pytest.mark.alone,
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(60 + 60 * KILLS),
]

FIRST_S, LAST_S = 0.0, 16.0
"""From the INVITE on: while it rings, asks, hears the answer, books, says goodbye."""
GAP_MS_MAX = 60


async def killed_call(server: Server, at_s: float, save: Path) -> CallReport:
    """A whole call, whose node dies that many seconds after the caller dialled."""
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def told(event: CallEvent) -> None:
        print(f"  {event.at_s:6.2f} {event.name} {event.detail}")
        if event.name == "calling":
            timers.append(loop.call_later(at_s, server.kill, "node"))

    steps = (Press("1"), Press(BOOK_KEY))
    try:
        return await place(CallScript(server.target, steps, save=save), on_event=told)
    finally:
        for timer in timers:
            timer.cancel()


def check_call(report: CallReport, heard: Path) -> list[str]:
    """What is wrong with it, as the caller sees it."""
    goodbye = find(voiced(agent_speech(BOOKED)), load(heard)).likeness if report.answered else 0.0
    claims = {
        f"it did not come to its end: {report}": report.completed,
        f"{report.ended}": report.ended == "the far side hung up",
        f"the goodbye was not heard ({goodbye:.2f})": goodbye > ALIKE,
        f"{report.longest_gap_ms} ms of audio are missing": report.longest_gap_ms <= GAP_MS_MAX,
    }
    return [claim for claim, holds in claims.items() if not holds]


def check_record(server: Server, call: str, folder: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """What is wrong with the record of a call; its actions."""
    exported = server.parley("export", call, "--to", str(folder))
    verified = server.parley_anywhere("verify", str(folder))
    actions: list[dict[str, Any]] = server.shown(call)["actions"]
    claims = {
        f"export {call}: {exported.stderr}": exported.returncode == 0,
        f"verify {call}: {verified.stdout}{verified.stderr}": verified.returncode == 0,
        f"{call} has actions {actions}": [a["state"] for a in actions] == ["finished"],
    }
    return [claim for claim, holds in claims.items() if not holds], actions


async def test_a_killed_node_loses_nothing_and_does_nothing_twice(
    server: Server, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    wrong: list[str] = []
    for number in range(KILLS):
        at_s, heard = chance.uniform(FIRST_S, LAST_S), tmp_path / f"{number}.wav"
        print(f"call {number}: the node is killed after {at_s:.2f} s")
        report = await killed_call(server, at_s, heard)
        found = [
            f"call {number}, killed after {at_s:.2f} s: {w}" for w in check_call(report, heard)
        ]
        print("\n".join(found))
        wrong += found
    calls = server.sealed(set())
    actions: list[dict[str, Any]] = []
    for call in calls:
        found, done = check_record(server, call["id"], tmp_path / "packs" / call["id"])
        wrong, actions = wrong + found, actions + done
    replayed = server.parley("replay", "--all")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert wrong == []
    assert len(calls) == KILLS
    ledger = server.ledger.read_text().splitlines()
    assert Counter(ledger) == Counter(action["id"] for action in actions)
