"""Sees every commit, and what everybody is told of it, and holds all of it to the model."""

from typing import cast

from runtime.errors import StoreBroken, StoreFull
from runtime.execution import Action
from runtime.log import Entry
from runtime.schema import Schema
from runtime.writer import Committed, Outcome, Writer
from tests.simulation import checks
from tests.simulation.checks import Violation
from tests.simulation.inline import InlinePump
from tests.simulation.model import Model
from tests.simulation.trace import Trace

CALM, FLOOD = "calm", "flood"
TENANTS = ("", CALM, FLOOD)
BATCHES_WAITED_MAX = len(TENANTS)
"""A tenant that asks for one thing at a time is served within so many, however small they are."""


class Witness:
    """What has happened, whoever was killed or replaced meanwhile."""

    def __init__(self, trace: Trace) -> None:
        self.model = Model()
        self.log: list[Entry] = []
        self.replies: dict[str, Entry] = {}
        self.asked: set[str] = set()
        """Requests of the calm tenant."""
        self.violation: Violation | None = None
        self._trace = trace

    def blame(self, violation: Violation) -> None:
        """The first one counts."""
        if self.violation is None:
            self._trace.note(f"VIOLATED {violation}")
            self.violation = violation

    def demand(self, claim: str, holds: bool, how: str) -> None:
        """Blame whoever does not keep it."""
        if not holds:
            self.blame(Violation(claim, how))

    def committed(self, actions: list[Action], outcomes: list[Outcome]) -> None:
        """A batch is said to be on disk."""
        for action, outcome in zip(actions, outcomes, strict=True):
            try:
                answer = checks.answered(self.model, action, outcome)
            except Violation as violation:
                self.blame(violation)
                return
            self._trace.note(f"   {action.reducer} {action.request} {answer.fate.value}")
            if isinstance(outcome, Committed) and outcome.fresh:
                self.log.append(outcome.entry)

    def answered(self, action: Action, committed: Committed) -> None:
        """A client has its answer: it is on disk, and it is the same each time."""
        entry = committed.entry
        seen = entry.seq <= len(self.log) and self.log[entry.seq - 1] == entry
        self.demand("what is answered is on disk", seen, f"{action} got {entry}")
        if action.request is not None:
            reply = self.replies.setdefault(action.request, entry)
            self.demand("every retry gets the same reply", reply == entry, f"{action}")


class Told:
    """A listener from the start of one process: each entry, once, in order."""

    def __init__(self, witness: Witness) -> None:
        self.next = len(witness.log)
        self._witness = witness

    def __call__(self, batch: list[Committed]) -> None:
        for one in batch:
            same = self._witness.log[self.next : self.next + 1] == [one.entry]
            how = f"told of {one.entry.seq} {one.entry.reducer}, not of {self.next + 1}"
            self._witness.demand("listeners are told of each entry, in order", same, how)
            self.next += 1


class Watched:
    """A writer, and a witness of what it commits. `replaced` says whether it must not any more."""

    def __init__(self, writer: Writer, witness: Witness, pump: InlinePump, trace: Trace) -> None:
        self.path = writer.path
        self.writer = writer
        self.replaced = False
        self.asked: dict[str, int] = {}
        """At which batch the calm tenant asked."""
        self._witness = witness
        self._pump = pump
        self._trace = trace

    @property
    def stands(self) -> bool:
        return self.writer.stands

    def commit(self, actions: list[Action]) -> list[Outcome]:
        self._trace.note(f"commit of {len(actions)}")
        try:
            outcomes = self.writer.commit(actions)
        except StoreBroken as error:
            self._trace.note(f"   {error}")
            self._witness.demand("a store breaks where it was replaced", self.replaced, str(error))
            raise
        self._witness.demand("a replaced writer is fenced off", not self.replaced, f"{outcomes}")
        for action in actions:
            asked = self.asked.pop(action.request or "", self._pump.batches)
            how = f"{action} waited for batches {asked} to {self._pump.batches}"
            fair = self._pump.batches - asked <= BATCHES_WAITED_MAX
            self._witness.demand("a flood delays nobody else", fair, how)
        if outcomes and all(isinstance(outcome, StoreFull) for outcome in outcomes):
            self._trace.note("   the store is full")
        else:
            self._witness.committed(actions, outcomes)
        return outcomes

    def install(self, schemas: list[Schema], actions: list[Action]) -> list[Committed]:
        try:
            done = self.writer.install(schemas, actions)
        except StoreBroken as error:
            self._witness.demand("a store breaks where it was replaced", self.replaced, str(error))
            raise
        self._witness.demand("a replaced writer is fenced off", not self.replaced, f"{done}")
        self._witness.committed(actions, cast("list[Outcome]", done))
        return done

    def close(self) -> None:
        self.writer.close()
