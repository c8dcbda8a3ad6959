"""The node is killed again and again while callers talk, and none of them notices."""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from parley import cli
from parley.caller import CallEvent, CallReport, CallScript, Press, place
from recordings.verify import verify
from tests.interop.agents import BOOK_KEY, BOOKED
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.listening import ALIKE, find, load, voiced

CALLS = int(os.environ.get("KILL_CALLS", "20"))
SEED = int(os.environ.get("KILL_SEED", "4711"))
KILLS = CALLS + 1
"""The last call is hit more than once, too."""
EVERY_S = 5.0
"""In each interval one call begins, and the node dies once, at any moment of it.

So one death finds some callers ringing, asked, answered, booking, and saying goodbye; each call
sees several. A node that is killed is on average twice as old: that is no storm to the keeper.
"""
AGAIN_S = 0.1
GAP_MS_MAX = 60

pytestmark = [
    pytest.mark.alone,
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(180 + 10 * CALLS),
]


class Killer:
    """Kills the node, at given moments, beneath all the calls that are up then."""

    def __init__(self, server: Server) -> None:
        self.killed: list[int] = []
        self.up: set[int] = set()
        self.hit: Counter[int] = Counter()
        self._server = server

    def kill(self) -> None:
        """Once: where the next node is not there yet, as soon as it is."""
        node = self._server.pids().get("node")
        if node is None or node in self.killed:
            asyncio.get_running_loop().call_later(AGAIN_S, self.kill)
            return
        self._server.kill("node")
        self.killed.append(node)
        self.hit.update(self.up)
        print(f"node {node} is killed beneath {sorted(self.up)}")

    def told(self, number: int, event: CallEvent) -> None:
        print(f"call {number}: {event.at_s:6.2f} {event.name} {event.detail}")
        if event.name == "calling":
            self.up.add(number)
        elif event.name == "ended":
            self.up.discard(number)


async def called(server: Server, killer: Killer, number: int, save: Path) -> CallReport:
    """A whole call, when its turn has come."""
    begins = asyncio.Event()
    asyncio.get_running_loop().call_later(number * EVERY_S, begins.set)
    await begins.wait()
    steps = (Press("1"), Press(BOOK_KEY))
    script = CallScript(server.target, steps, save=save)
    return await place(script, on_event=lambda event: killer.told(number, event))


def check_call(report: CallReport, heard: Path, hits: int) -> list[str]:
    """What is wrong with it, as the caller sees it."""
    goodbye = find(voiced(agent_speech(BOOKED)), load(heard)).likeness if report.answered else 0.0
    claims = {
        f"it did not come to its end: {report}": report.completed,
        f"{report.ended}": report.ended == "the far side hung up",
        f"the goodbye was not heard ({goodbye:.2f})": goodbye > ALIKE,
        f"{report.longest_gap_ms} ms of audio are missing": report.longest_gap_ms <= GAP_MS_MAX,
        "the node did not die in it": hits > 0,
    }
    return [claim for claim, holds in claims.items() if not holds]


def check_record(server: Server, call: str, folder: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """What is wrong with the record of a call; its actions."""
    # In this process: to start three for each call would take longer than the calls.
    exported = cli.main(["export", call, "--to", str(folder), "--data", str(server.data)])
    verified = verify(folder)
    actions: list[dict[str, Any]] = server.shown(call)["actions"]
    claims = {
        f"{call} cannot be exported": exported == 0,
        f"{call}: {verified}": verified.ok,
        f"{call} has actions {actions}": [a["state"] for a in actions] == ["finished"],
    }
    return [claim for claim, holds in claims.items() if not holds], actions


async def test_a_killed_node_loses_nothing_and_does_nothing_twice(
    server: Server, tmp_path: Path
) -> None:
    chance, killer = random.Random(SEED), Killer(server)
    loop = asyncio.get_running_loop()
    for number in range(KILLS):
        loop.call_later((number + chance.random()) * EVERY_S, killer.kill)
    saved = [tmp_path / f"{number}.wav" for number in range(CALLS)]
    reports = await asyncio.gather(
        *(called(server, killer, number, heard) for number, heard in enumerate(saved))
    )
    print(f"gaps {[report.longest_gap_ms for report in reports]} ms; deaths {killer.hit}")
    wrong = [
        f"call {number}: {found}"
        for number, (report, heard) in enumerate(zip(reports, saved, strict=True))
        for found in check_call(report, heard, killer.hit[number])
    ]
    calls = server.sealed(set())
    actions: list[dict[str, Any]] = []
    for call in calls:
        found, done = check_record(server, call["id"], tmp_path / "packs" / call["id"])
        wrong, actions = wrong + found, actions + done
    replayed = server.parley("replay", "--all")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert wrong == []
    assert len(calls) == CALLS
    assert len(set(killer.killed)) == KILLS
    ledger = server.ledger.read_text().splitlines()
    assert Counter(ledger) == Counter(action["id"] for action in actions)
