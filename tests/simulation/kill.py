"""Tier 3: a real process on a real file, killed, stopped and overtaken at instants drawn.

Clients use the number of their successes as their key, so one line tells whether anything was
lost or done twice: the counter is the number of successes. What the seed draws is repeated
exactly; what the machine makes of it is the machine's.
"""

import hashlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from random import Random

from runtime.engines import sqlite
from tests.simulation import checks, victim
from tests.simulation.checks import Violation
from tests.simulation.report import Report

KILLS = 5
CLIENTS = 8
LINES_MAX = 60
"""A process lives for at most so many acknowledgements."""
START_S = 0.3
"""About how long a process takes to start; some are killed meanwhile."""
PATIENCE_S = 30.0
NEVER_MET = 1_000_000
"""More cents than any client takes before it is killed."""
NAP_S = 0.02
PIPE_BYTES = 1 << 16
"""All that a pipe holds: whoever reads so much at once never reads half a line."""
ENDS = ("killed while it starts", "killed", "stopped and continued", "overtaken")
WEIGHTS = (2, 5, 1, 1)


def run(seed: int, kills: int = KILLS) -> Report:
    """One seed: a store that lives through `kills` processes, and one to finish the work."""
    rng = Random(f"{seed}/kill")
    lives = [
        (rng.choices(ENDS, WEIGHTS)[0], rng.randint(1, LINES_MAX), rng.uniform(0, START_S))
        for _ in range(kills)
    ]
    trace = hashlib.blake2b(repr(lives).encode(), digest_size=8).hexdigest()
    report = Report("kill", seed, f"{kills} lives, {CLIENTS} clients", trace)
    report.counts = dict.fromkeys(("kills", "acknowledged", "effects"), 0)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _Counters(Path(folder), report).live(lives)
        except Violation as violation:
            report.violation = violation
    return report


class _Counters:
    """What the clients know: how often each was told that it succeeded."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._counts = [0] * CLIENTS

    def live(self, lives: list[tuple[str, int, float]]) -> None:
        for end, lines, seconds in lives:
            self._report.steps.append(f"{end}, after {lines} lines or {seconds:.3f} s")
            process = self._spawn(NEVER_MET)
            match end:
                case "killed while it starts":
                    self._listen(process, sys.maxsize, seconds)
                case "stopped and continued":
                    self._listen(process, lines)
                    process.send_signal(signal.SIGSTOP)
                    self._listen(process, sys.maxsize, NAP_S)
                    process.send_signal(signal.SIGCONT)
                    self._listen(process, lines)
                case "overtaken":
                    self._listen(process, lines)
                    process = self._overtake(process)
                case _:
                    self._listen(process, lines)
            process.kill()
            if self._bury(process) != -signal.SIGKILL:
                raise Violation("a process lives until it is killed", f"{process.returncode}")
            self._check(slack=1)
            self._report.counts["kills"] += 1
        self._finish()

    def _overtake(self, old: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
        """Another takes the store over from one that sleeps, and which then wakes up."""
        old.send_signal(signal.SIGSTOP)
        new = self._spawn(NEVER_MET)
        # It may sleep in the middle of a commit, and then holds the lock: let it end that.
        self._listen(new, 1, START_S * 2)
        old.send_signal(signal.SIGCONT)
        self._listen(new, 1)
        if self._bury(old) != victim.REPLACED:
            raise Violation("a replaced process ends", f"with {old.returncode}")
        return new

    def _finish(self) -> None:
        until = max(self._counts) + 1
        process = self._spawn(until)
        if self._bury(process) != 0:
            raise Violation("the work is finished", f"it ended with {process.returncode}")
        if self._counts != [until] * CLIENTS:
            raise Violation("the work is finished", f"{self._counts}, not {until} each")
        self._check(slack=0)

    def _spawn(self, until: int) -> "subprocess.Popen[bytes]":
        module = [sys.executable, "-m", "tests.simulation.victim", str(self._folder), str(until)]
        return subprocess.Popen([*module, *map(str, self._counts)], stdout=subprocess.PIPE)

    def _listen(
        self, process: "subprocess.Popen[bytes]", lines: int, seconds: float = PATIENCE_S
    ) -> None:
        """Hear so many acknowledgements, or what comes in that time."""
        assert process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while lines > 0 and selector.select(max(0.0, until - time.monotonic())):
                heard = os.read(process.stdout.fileno(), PIPE_BYTES)
                if not heard:
                    return
                lines -= self._heard(heard)

    def _bury(self, process: "subprocess.Popen[bytes]") -> int:
        """Hear its last words. Answers how it ended."""
        assert process.stdout is not None
        self._heard(process.stdout.read())
        return process.wait()

    def _heard(self, said: bytes) -> int:
        lines = said.decode().splitlines()
        for line in lines:
            client, count = map(int, line.split())
            self._counts[client] = max(self._counts[client], count)
        return len(lines)

    def _check(self, slack: int) -> None:
        """The counter is the number of successes; `slack` of each may not have been told yet."""
        path = self._folder / victim.STORE
        if not path.exists():
            return
        with closing(sqlite.open_reader(path)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'effect'").get:
                return  # It was killed before its first commit.
            accounts = checks.columns(connection, "SELECT id, cents FROM account")
            for client, told in enumerate(self._counts):
                counted = accounts.get(str(client), 0)
                if not told <= counted <= told + slack:
                    raise Violation("the counter is the successes", f"{counted}, told {told}")
            if not slack:
                checks.sound(connection)
                self._done_once(checks.columns(connection, "SELECT id, state FROM effect"))

    def _done_once(self, effects: dict[str, str]) -> None:
        """The world was asked for each effect, once, and every one is known to be done."""
        done = (self._folder / victim.WORLD).read_text().split()
        if sorted(done) != sorted(effects) or {*effects.values()} != {"done"}:
            unlike = {id: (done.count(id), effects.get(id)) for id in {*done} ^ {*effects}}
            twice = {id for id in done if done.count(id) > 1}
            raise Violation("effects are done once", f"unlike: {unlike}, twice: {twice}")
        self._report.counts["effects"] = len(effects)
        self._report.counts["acknowledged"] = sum(self._counts)
