"""Two processes who both believe the store is theirs, on a real file: only the newer may write."""

import hashlib
import itertools
import tempfile
from contextlib import closing
from pathlib import Path
from random import Random

from runtime.engines import sqlite
from runtime.errors import StoreBroken
from runtime.writer import Committed, Writer
from tests.simulation import checks
from tests.simulation.checks import Violation
from tests.simulation.model import Model
from tests.simulation.report import Report
from tests.simulation.rig import HONEST, Rig
from tests.simulation.workload import Workload

STEPS = 12
TAKES_OVER = 0.3


def run(seed: int, rig: Rig = HONEST) -> Report:
    """One seed: writers open the same file and commit to it, in an order that is drawn."""
    report = Report("fence", seed, f"{STEPS} steps, {TAKES_OVER} of them a new writer")
    with tempfile.TemporaryDirectory() as folder:
        try:
            _take_turns(Path(folder) / "parley.db", seed, rig, report)
        except Violation as violation:
            report.violation = violation
    report.trace = hashlib.blake2b("\n".join(report.steps).encode(), digest_size=8).hexdigest()
    return report


def _take_turns(path: Path, seed: int, rig: Rig, report: Report) -> None:
    rng = Random(f"{seed}/run")
    workload = Workload(Random(f"{seed}/work"))
    entropy = Random(f"{seed}/entropy").randbytes
    ticks = itertools.count(1_700_000_000_000_000, 1_000)
    model = Model()
    writers: list[Writer] = []
    report.counts = {"commits": 0, "fenced off": 0}
    for _ in range(STEPS):
        if not writers or rng.random() < TAKES_OVER:
            report.steps.append(f"writer {len(writers)} opens")
            # No power fails here.
            writers.append(rig.writer(path, lambda: next(ticks), entropy, synchronous="OFF"))
        turn = rng.randrange(len(writers))
        batch = workload.batch(model)
        report.steps.append(f"writer {turn} commits {[action.request for action in batch]}")
        try:
            outcomes = writers[turn].commit(batch)
        except StoreBroken as error:
            report.steps.append(f"   {error}")
            report.counts["fenced off"] += 1
            if turn == len(writers) - 1:
                raise Violation("the newest writer writes", str(error)) from error
            continue
        if turn != len(writers) - 1:
            raise Violation("a replaced writer is fenced off", f"it answered {outcomes}")
        report.counts["commits"] += 1
        for action, outcome in zip(batch, outcomes, strict=True):
            entry = outcome.entry if isinstance(outcome, Committed) else None
            model.act(action, entry.seed if entry else "", entry.at_us if entry else 0)
    for writer in writers:
        writer.close()
    with closing(sqlite.open_reader(path)) as connection:
        checks.sound(connection)
        checks.holds(connection, model)
