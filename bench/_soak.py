"""Many calls at once for a long time: memory, lateness, gaps, and the alignment of recordings.

Run: make soak, or python -m bench._soak [--minutes M] [--calls N] [--call-seconds S]
Each caller agrees to be recorded, speaks once, listens, and hangs up; then calls again.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from bench._measure import machine
from media.units import SAMPLES_PER_MS, pcm
from parley.caller import CallError, CallEvent, CallScript, Press, Say, place
from parley.demonstration.server import Server
from tests.interop.agents import WELCOME
from tests.interop.speech import agent_speech, caller_speech
from tests.listening import ALIKE, find, load, voiced

CALLERS_PER_PROCESS = 10
NICE = -10
"""Those who listen must not be what is late."""
REPORT_S = 30.0
LATE = "late_ticks"
SEALED_S = 60
HEADING = (
    f"{'minute':>6}{'calls up':>10}{'ended':>7}{'node MB':>9}{'media MB':>10}{'speech MB':>11}"
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One call as its caller saw it; times in seconds from the answer."""

    user: str
    completed: bool
    ended: str
    longest_gap_ms: int
    said_at_s: float
    saved: str


def callers(names: list[str], target: str, until: float, seconds: int, out: Path) -> None:
    """A process of callers, each placing one call after the other."""
    with suppress(PermissionError):
        os.nice(NICE)
    asyncio.run(_callers(names, target, until, seconds, out))


async def _callers(names: list[str], target: str, until: float, seconds: int, out: Path) -> None:
    await asyncio.gather(*(_caller(name, target, until, seconds, out) for name in names))


async def _caller(name: str, target: str, until: float, seconds: int, out: Path) -> None:
    chance = random.Random(name)
    speech = Say(pcm(voiced(caller_speech())), "speech")
    await asyncio.sleep(chance.uniform(0, min(60.0, seconds / 2)))
    number = 0
    while time.time() + seconds < until:
        number += 1
        user = f"{name}-{number}"
        saved = out / f"{user}.wav"
        events: list[CallEvent] = []
        script = CallScript(target, (Press("1"), speech), seconds, saved, user=user)
        report = await place(script, on_event=events.append)
        said = next((event.at_s for event in events if event.name == "saying"), 0.0)
        heard = Heard(user, report.completed, report.ended, report.longest_gap_ms, said, str(saved))
        fields = {slot: getattr(heard, slot) for slot in Heard.__slots__}
        (out / f"{user}.json").write_text(json.dumps(fields))


def _rss_mb(pid: int | None) -> float:
    """With its children."""
    if pid is None:
        return 0.0
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        children = [child for thread in threads for child in thread.read_text().split()]
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(_rss_mb(int(child)) for child in children)


def _parley(data: Path, *arguments: str) -> str:
    command = [sys.executable, "-P", "-m", "parley.cli", *arguments]
    done = subprocess.run(
        [*command, "--data", str(data)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"parley {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def _watch(server: Server, running: Sequence[BaseProcess], out: Path) -> None:
    began = time.monotonic()
    print(HEADING, flush=True)
    while any(process.is_alive() for process in running):
        next(process for process in running if process.is_alive()).join(REPORT_S)
        pids = server.pids()
        ended = len(list(out.glob("*.json")))
        up = sum(len(process.name.split()) for process in running if process.is_alive())
        media = [pid for role, pid in pids.items() if role.startswith("media")]
        print(
            f"{(time.monotonic() - began) / 60:>6.1f}{up:>10}{ended:>7}"
            f"{_rss_mb(pids['node']):>9.1f}{sum(map(_rss_mb, media)):>10.1f}"
            f"{_rss_mb(pids['speech']):>11.1f}",
            flush=True,
        )


def _misalignment_ms(data: Path, call: str, heard: Heard, folder: Path) -> float | None:
    """By how much the caller's track is shifted against the agent's; none if it says no match."""
    _parley(data, "export", call, "--to", str(folder))
    agent, speech = voiced(agent_speech(WELCOME)), voiced(caller_speech())
    try:
        kept = find(agent, load(folder / "audio" / "agent.wav"))
        said = find(speech, load(folder / "audio" / "caller.wav"))
        there = find(agent, load(Path(heard.saved)))
    except (OSError, ValueError, CallError):
        return None
    if min(kept.likeness, said.likeness, there.likeness) <= ALIKE:
        return None
    samples = (said.at - kept.at) - (round(heard.said_at_s * 1_000) * SAMPLES_PER_MS - there.at)
    return samples / SAMPLES_PER_MS


def _judge(data: Path, out: Path, checked_max: int) -> None:
    heard = [Heard(**json.loads(path.read_text())) for path in sorted(out.glob("*.json"))]
    whole = [one for one in heard if one.completed]
    print(f"{len(heard)} calls, {len(whole)} with all said and pressed")
    for one in [one for one in heard if not one.completed][:10]:
        print(f"  {one.user}: {one.ended}")
    gaps = sorted(one.longest_gap_ms for one in heard)
    print(f"longest gap heard: median {gaps[len(gaps) // 2]} ms, worst {gaps[-1]} ms")
    # The caller's name is in the row: that is how a call is found again.
    rows = json.loads(_parley(data, "calls", "--json", "--limit", str(len(heard))))
    by_user = {row["remote"].partition(":")[2].partition("@")[0]: row["id"] for row in rows}
    checked = whole if len(whole) <= checked_max else random.Random(1).sample(whole, checked_max)
    shifts = [
        _misalignment_ms(data, by_user[one.user], one, out / f"pack-{one.user}") for one in checked
    ]
    known = [abs(shift) for shift in shifts if shift is not None]
    print(
        f"recordings checked: {len(checked)}; found whole: {len(known)}; caller against agent:"
        f" worst {max(known, default=0.0):.1f} ms (the callers' own clocks: about 10 ms)"
    )
    print(_parley(data, "replay", "--all").strip())
    log = (data / "server.log").read_text(errors="replace").splitlines()
    for line in [line for line in log if LATE in line][-3:]:
        print(line)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench._soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--call-seconds", type=int, default=240)
    parser.add_argument("--check", type=int, default=100, help="recordings to check at most")
    options = parser.parse_args(argv)
    print(f"{machine()}; {options.calls} calls at once for {options.minutes:g} minutes", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data", Path(folder) / "out"
        data.mkdir()
        out.mkdir()
        with Server(data, 'ring_ms = 0\n[agent]\napp = "tests.interop.agents:Clerk"') as server:
            asyncio.run(server.ready())
            until = time.time() + options.minutes * 60
            names = [f"soak{n}" for n in range(options.calls)]
            groups = [
                names[at : at + CALLERS_PER_PROCESS]
                for at in range(0, len(names), CALLERS_PER_PROCESS)
            ]
            running = [
                multiprocessing.get_context("spawn").Process(
                    target=callers,
                    args=(group, server.uri, until, options.call_seconds, out),
                    name=" ".join(group),
                )
                for group in groups
            ]
            for process in running:
                process.start()
            _watch(server, running, out)
            time.sleep(5)
            _judge(data, out, options.check)
    return 0


if __name__ == "__main__":
    sys.exit(main())
