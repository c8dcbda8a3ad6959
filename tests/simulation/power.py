"""Tier 1: one writer on a disk that fails and loses power, held to the model after every end.

First safety, under the faults that the seed drew: whatever happened, what was acknowledged is
there, whole, and nothing else is but the batch that was under way. Then liveness: on a disk
that is well again every action that is still owed an answer gets it, and every effect is done.
"""

import itertools
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import apsw

from runtime.errors import StoreBroken, StoreDamaged, StoreFull
from runtime.execution import Action
from runtime.log import Entry
from runtime.writer import Outcome, Writer
from tests.simulation import checks, faults
from tests.simulation.checks import Violation
from tests.simulation.disk import Disk
from tests.simulation.model import Fate, Model
from tests.simulation.process import Chance, Process
from tests.simulation.report import Report
from tests.simulation.rig import HONEST, Rig
from tests.simulation.workload import Workload

FILE = Path("parley.db")
START_US = 1_700_000_000_000_000
CUTS = 6
LIVES_MAX = 60
BATCHES_MAX = 12
CALLS_MAX = 250
"""A life is cut at one of its first calls of the disk; opening a store takes about fifty."""
CHECKPOINTS = (0.0, 0.1, 0.5)
CLEAN_ENDS = 0.05


def run(seed: int, rig: Rig = HONEST) -> Report:
    """One seed, from an empty disk to a drained store."""
    found = Power(seed, rig)
    try:
        found.safety()
        found.liveness()
    except Violation as violation:
        found.report.violation = violation
    except apsw.Error as error:
        found.report.violation = Violation("the store copes", f"{type(error).__name__}: {error}")
    return found.told()


class Power:
    """One machine with one store, through many lives."""

    def __init__(self, seed: int, rig: Rig) -> None:
        self._rig = rig
        self._rng = Random(f"{seed}/run")
        mix = rig.mix or faults.draw(Random(f"{seed}/faults"))
        self._chance = Chance(Random(f"{seed}/sqlite"))
        self._disk = Disk(Random(f"{seed}/disk"), mix)
        self._process = Process(self._disk)
        self._checkpoints = self._rng.choice(CHECKPOINTS)
        self._workload = Workload(Random(f"{seed}/work"))
        self._ticks = itertools.count(START_US, 1_000)
        self._entropy = Random(f"{seed}/entropy")
        self._model = Model()
        self._under_way: list[Action] = []
        """The batch that was asked for and never answered: it happened, or it did not."""
        self._owed: list[Action] = []
        """What nobody acknowledged, for want of a disk."""
        drawn = f"{mix}, a checkpoint after {self._checkpoints} of the commits"
        self.report = Report("power", seed, drawn)
        self._counts = dict.fromkeys(("cuts", "restarts", "actions", "refused for want of room"), 0)

    def safety(self) -> None:
        """Live and die until the power has failed often enough."""
        for _ in range(LIVES_MAX):
            if self._counts["cuts"] >= CUTS:
                break
            self._disk.cut_in = self._rng.randint(1, CALLS_MAX)
            self._live()
            self._die()

    def liveness(self) -> None:
        """Nothing fails any more: all that is owed is answered, all effects are done."""
        self._disk.heal()
        self._step("-- the disk is well again --")
        writer = self._open()
        owed, self._owed = self._owed, []
        for action in self._first() + owed:
            self._commit(writer, [action])
        while (effects := self._model.open_effects()) and not self._owed:
            self._commit(writer, [self._workload.performed(self._model, effects[0])])
        self._demand("a well disk takes everything", not self._owed, f"not {self._owed}")
        self._cut()
        self._commit(self._open(), self._first())

    def told(self) -> Report:
        """The report of what has happened so far."""
        self._process.ended = True
        self.report.trace = self._disk.trace.hexdigest()
        self.report.steps = list(self._disk.steps)
        self.report.counts = {**self._counts, "entries": self._model.size}
        return self.report

    def _live(self) -> None:
        """A process from its start to its end, which the disk may bring about at any call."""
        try:
            writer = self._open()
        except (apsw.Error, StoreBroken, StoreFull) as error:
            self._process.ended = True
            self._step(f"   it does not start: {type(error).__name__}")
            return
        batches = self._rng.randint(0, BATCHES_MAX)
        goes_on = self._commit(writer, self._first())
        while goes_on and batches:
            goes_on = self._commit(writer, self._workload.batch(self._model))
            batches -= 1
        if goes_on and self._rng.random() < CLEAN_ENDS:
            self._step("   it ends cleanly")
            with suppress(apsw.Error):
                writer.close()
        self._process.ended = True

    def _die(self) -> None:
        """The process has ended; whether the machine went down with it is drawn."""
        if self._disk.powered and self._rng.random() < self._disk.mix.restarts:
            self._counts["restarts"] += 1
            self._step("-- a new process --")
            self._process = Process(self._disk)
        else:
            self._cut()

    def _cut(self) -> None:
        self._counts["cuts"] += 1
        self._step("-- the power fails --")
        self._process.ended = True
        self._disk.power_on()
        self._process = Process(self._disk)

    def _open(self) -> Writer:
        """A new writer, which finds what the model says. Raises what a failing disk makes it."""
        try:
            writer = self._rig.writer(
                FILE, lambda: next(self._ticks), self._entropy.randbytes, vfs=self._process.vfs
            )
        except StoreDamaged as error:
            raise Violation("the file is whole", str(error)) from error
        writer._connection.wal_autocheckpoint(0)
        self._look()
        self._demand("a writer knows its log", writer.size == self._model.size, f"{writer.size}")
        return writer

    def _first(self) -> list[Action]:
        """What a new process asks for: a retry of what was acknowledged runs nothing."""
        retries = self._workload.acknowledged(self._model)
        return [*retries, self._workload.recovered(self._model)]

    def _checkpoint(self, writer: Writer) -> None:
        """As SQLite would at the end of a commit, where its failure is nobody's but its own."""
        if self._rng.random() < self._checkpoints:
            self._step("checkpoint")
            with suppress(apsw.Error):
                writer._connection.wal_checkpoint()

    def _commit(self, writer: Writer, batch: list[Action]) -> bool:
        """Ask for a batch. Answers whether this process may go on."""
        self._step(f"commit {', '.join(f'{a.reducer} {a.request}' for a in batch)}")
        self._under_way = batch
        lost = self._disk.lost
        try:
            outcomes = writer.commit(batch)
        except StoreBroken as error:
            self._step(f"   {error}")
            self._owed += batch
            self._stays_broken(writer)
            return not self._rig.stops_when_broken
        self._demand("a failed sync breaks the store", lost == self._disk.lost, "it went on")
        self._under_way = []
        if all(isinstance(outcome, StoreFull) for outcome in outcomes):
            self._counts["refused for want of room"] += len(batch)
            self._owed += batch
            self._step("   the store is full")
            self._look()
            return True
        self._counts["actions"] += len(batch)
        for action, outcome in zip(batch, outcomes, strict=True):
            self._answered(action, outcome)
        self._checkpoint(writer)
        return True

    def _answered(self, action: Action, outcome: Outcome) -> None:
        answer = checks.answered(self._model, action, outcome)
        self._step(f"   {action.request} {answer.fate.value}: {answer.result}")

    def _stays_broken(self, writer: Writer) -> None:
        """Whatever a broken writer is asked for, it leaves the disk alone."""
        if not self._rig.stops_when_broken:
            return
        calls = self._disk.calls
        claim = "a broken writer is never used again"
        try:
            writer.commit([])
        except StoreBroken:
            self._demand(claim, calls == self._disk.calls, "it called the disk")
        else:
            raise Violation(claim, "it committed")

    def _look(self) -> None:
        """Hold the file, as any reader sees it, to its own word and to the model's."""
        glass = Process(self._disk.glass())
        try:
            connection = apsw.Connection(str(FILE), vfs=glass.vfs)
            with closing(connection):
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                entries = checks.sound(connection)
                self._found(entries)
                checks.holds(connection, self._model)
        except apsw.Error as error:
            raise Violation("the file is whole", f"{type(error).__name__}: {error}") from error
        self._step(f"   it holds {len(entries)} entries")

    def _found(self, entries: list[Entry]) -> None:
        """All that was acknowledged is in the log; behind it, the batch under way or nothing."""
        size, k = self._model.size, len(entries)
        self._demand("acknowledged is on disk", k >= size, f"{k} entries of {size}")
        tail = iter(entries[size:])
        for action in self._under_way if k > size else []:
            if self._model.foretell(action) is not Fate.FRESH:
                continue
            entry = next(tail, None)
            whole = entry is not None and (entry.reducer, entry.request, entry.args) == (
                action.reducer,
                action.request,
                action.args,
            )
            if entry is None or not whole:
                raise Violation("a batch is there whole", f"{action} is {entry}")
            answer = self._model.act(action, entry.seed, entry.at_us)
            self._demand("results are the model's", answer.result == entry.result, entry.reducer)
        self._demand("nothing else is in the log", next(tail, None) is None, f"{k} entries")
        self._under_way = []

    def _demand(self, claim: str, holds: bool, how: str) -> None:
        if not holds:
            raise Violation(claim, how)

    def _step(self, step: str) -> None:
        self._disk.note(step)
