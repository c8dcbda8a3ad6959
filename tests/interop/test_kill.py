"""The node is killed again and again while callers talk, and none of them notices."""

import asyncio
import os
import random
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from parley import cli
from parley.caller import CallEvent, CallReport, CallScript, Press, place
from recordings.verify import verify
from tests.interop.agents import BOOK_KEY, BOOKED
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.interop.telephones import until
from tests.listening import load, share, voiced

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILL_SEED", "4711"))
CALLS_MIN = KILLS
CALLERS = 4
"""As many calls are up at once: one death finds callers who are rung, asked, heard and booked."""
BEGIN_S = 18.0
"""In which they begin; about as long as a call takes."""
SOON_S, LATER_S = (0.0, 4.0), (10.5, 12.0)
SOON_IN_A_ROW = 3
"""How long a node serves before it dies: three that die at once, and one that lives on. Who has
served for less than ten seconds died fast; after more than three of them the keeper takes its time
(parley/keeper/upkeep.py)."""
PATIENT_S = 120.0
"""A caller to whom nobody speaks for eight seconds hangs up, unless there is more to be done."""
STEPS = (Press("1"), Press(BOOK_KEY), Press("#", PATIENT_S))
READY = '{"node": "ready"'
GAP_MS_MAX = 60
HEARD_SHARE = 0.6
"""Piece by piece: while a node starts, a machine with two cores may let sound wait for a frame."""

pytestmark = [
    pytest.mark.alone,
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(60 + 60 * KILLS),
]


class Night:
    """Callers who call until the node has died often enough, beneath all the calls that are up."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.reports: list[tuple[CallReport, Path]] = []
        self.killed: list[int] = []
        self._server = server
        self._folder = folder
        self._chance = random.Random(SEED)
        self._up: set[int] = set()
        self._begun = 0

    async def pass_by(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._kill())
            for _ in range(CALLERS):
                tasks.create_task(self._call_on(self._chance.uniform(0.0, BEGIN_S)))

    async def _kill(self) -> None:
        for number in range(KILLS):
            # Each serves before it dies, however slow this machine is.
            await until(lambda: self._nodes_ready() > len(self.killed), "no node")
            is_soon = number % (SOON_IN_A_ROW + 1) > 0
            await asyncio.sleep(self._chance.uniform(*(SOON_S if is_soon else LATER_S)))
            self.killed.append(self._server.pids()["node"])
            self._server.kill("node")
            print(f"{self.killed[-1]} is killed beneath {sorted(self._up)}")
            assert self._up, "nobody is there to notice"

    def _nodes_ready(self) -> int:
        return self._server.log.read_text().count(READY)

    async def _call_on(self, begins_s: float) -> None:
        await asyncio.sleep(begins_s)
        while len(self.killed) < KILLS or self._begun < CALLS_MIN:
            number = self._begun = self._begun + 1
            saved = self._folder / f"{number}.wav"
            script = CallScript(self._server.target, STEPS, save=saved)
            report = await place(script, on_event=partial(self._told, number))
            self.reports.append((report, saved))

    def _told(self, number: int, event: CallEvent) -> None:
        print(f"  call {number}: {event.at_s:6.2f} {event.name} {event.detail}")
        if event.name == "calling":
            self._up.add(number)
        elif event.name == "ended":
            self._up.discard(number)


def check_call(report: CallReport, heard: Path) -> list[str]:
    """What is wrong with it, as the caller sees it."""
    goodbye = share(voiced(agent_speech(BOOKED)), load(heard)) if report.answered else 0.0
    claims = {
        f"not all was done: {report}": report.steps_done == len(STEPS) - 1,
        f"{report.ended}": report.ended == "the far side hung up",
        f"the goodbye was heard to {goodbye:.0%}": goodbye > HEARD_SHARE,
        f"{report.longest_gap_ms} ms of audio are missing": report.longest_gap_ms <= GAP_MS_MAX,
    }
    return [claim for claim, holds in claims.items() if not holds]


def check_record(server: Server, call: str, folder: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """What is wrong with the record of a call; its actions."""
    # In this process: to start three for each call would take longer than the calls.
    exported = cli.main(["export", call, "--to", str(folder), "--data", str(server.data)])
    faults = verify(str(folder))
    actions: list[dict[str, Any]] = server.shown(call)["actions"]
    claims = {
        f"{call} cannot be exported": exported == 0,
        f"{call}: {dict(faults)}": not faults,
        f"{call} has actions {actions}": [a["state"] for a in actions] == ["finished"],
    }
    return [claim for claim, holds in claims.items() if not holds], actions


async def test_a_killed_node_loses_nothing_and_does_nothing_twice(
    server: Server, tmp_path: Path
) -> None:
    night = Night(server, tmp_path)
    await night.pass_by()
    print(f"gaps {[report.longest_gap_ms for report, _ in night.reports]} ms")
    wrong = [
        f"{heard.stem}: {found}"
        for report, heard in night.reports
        for found in check_call(report, heard)
    ]
    calls = server.sealed(set())
    actions: list[dict[str, Any]] = []
    for call in calls:
        found, done = check_record(server, call["id"], tmp_path / "packs" / call["id"])
        wrong, actions = wrong + found, actions + done
    replayed = server.parley("replay", "--all")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert wrong == []
    assert len(calls) == len(night.reports) >= CALLS_MIN
    assert len(set(night.killed)) == KILLS
    ledger = server.ledger.read_text().splitlines()
    assert Counter(ledger) == Counter(action["id"] for action in actions)
