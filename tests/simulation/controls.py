"""Negative controls: each breaks one promise, and the simulation must say so.

Every one names the claims of which one has to fail; a check that no control turns red proves
nothing. The first is the honest twin of those behind it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import apsw

from runtime import execution, store
from runtime.context import Context
from runtime.declared import HOUSE
from runtime.engines import sqlite
from runtime.execution import Action
from runtime.writer import Outcome, Writer
from tests.runtime import bank
from tests.simulation import broken, fence, power, schedules
from tests.simulation.faults import Mix
from tests.simulation.report import Report
from tests.simulation.rig import Rig
from tests.simulation.swarm import Swarm


class AcknowledgesEarly(Writer):
    """Answers first and commits with the next batch."""

    def commit(self, actions: list[Action]) -> list[Outcome]:
        if not isinstance(self._cursor, _Late):
            self._cursor = cast("apsw.Cursor", _Late(self._cursor))
        return super().commit(actions)


class _Late:
    """A cursor which puts each COMMIT off until the next BEGIN."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._cursor = cursor
        self._owes = False

    def execute(self, statement: str, *values: Any) -> apsw.Cursor:
        if statement == "COMMIT":
            self._owes = True
            return self._cursor
        if statement.startswith("BEGIN") and self._owes:
            self._owes = False
            self._cursor.execute("COMMIT")
        return self._cursor.execute(statement, *values)


class GoesOn(Writer):
    """Takes a failed sync for bad luck, and tries again."""

    def commit(self, actions: list[Action]) -> list[Outcome]:
        self._broken = None
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        return super().commit(actions)


def replaces_and_logs_an_insert(ctx: Context, source: str, target: str, cents: int) -> str:
    """`bank.paid` over a write path of its own."""
    for account, change in ((source, -cents), (target, cents)):
        row = ctx.table(bank.Account).one(account)
        row = replace(row, cents=row.cents + change)
        ctx._connection.execute("REPLACE INTO account VALUES (?, ?)", (row.id, row.cents))
        ctx.deltas.append(("account", None, {"id": row.id, "cents": row.cents}))
    ctx.effect("notify", account=target)
    receipt = bank.Receipt(id=ctx.new_id("receipt"), text=ctx.sender)
    return ctx.table(bank.Receipt).insert(receipt).id


def reads_a_clock(ctx: Context, account: str) -> None:
    """`bank.notified`, which says when."""
    text = f"told {account} at {time.perf_counter_ns()}"
    ctx.table(bank.Receipt).insert(bank.Receipt(id=ctx.new_id("receipt"), text=text))


@contextmanager
def smuggled(name: str, function: Callable[..., Any]) -> Iterator[None]:
    """A reducer put in another's place; the guard, which would refuse it, has read the other."""
    honest = HOUSE.reducers[name]
    broken = HOUSE.reducers[name] = replace(honest, function=function)
    vars(broken).update(reading=honest.reading, _confined=function)
    yield
    HOUSE.reducers[name] = honest


@contextmanager
def found_wal(make_durable_anew: Callable[..., None]) -> Iterator[None]:
    """Another way of treating the WAL that a writer finds."""
    ours = sqlite.make_durable_anew
    sqlite.make_durable_anew = make_durable_anew
    yield
    sqlite.make_durable_anew = ours


def _leave_it(path: Path, vfs: str | None = None) -> None: ...


class OnlyCheckpoints(Writer):
    """Checkpoints the WAL it finds, and takes that for durable."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


class Unfenced(Writer):
    """Never asks whether another has taken over."""

    def _check_turn(self) -> None: ...

    def _move_head(self) -> None:
        self._cursor.execute("UPDATE head SET epoch = ?", (self._head.epoch,))
        super()._move_head()


@dataclass(frozen=True)
class Control:
    """What is broken, how, and the claims of which one has to fail for it."""

    claims: tuple[str, ...]
    rig: Rig = field(default_factory=Rig)
    seam: Callable[[], Any] = nullcontext
    """Entered around each run."""
    tier: Callable[[int, Rig], Report] = power.run
    first_seed: int = 0
    """From where on it is found soon."""


LOST = (
    "acknowledged is on disk",
    "the file is whole",
    "the log is dense",
    "rows are rebuilt from deltas",
    "the rows are the model's",
)
"""What fails where something acknowledged, or a part of it, never reached the platter."""

SYNCS_FAIL = Mix(sync_fails=0.15, survives=0.5, restarts=0.9)
"""Syncs fail, and most processes that die of it leave the power on."""

BUSY = Swarm(fails=0.2, answers_lost=0.3, steps_max=300, lives=4)
FLOODED = Swarm(floods=True, steps_max=2_000, batch_max=2, lives=1)
TOLD = ("listeners are told of each entry, in order",)
LEFT_OPEN = ("every effect comes to an end",)
SEALED_LATE = (
    "I2: the gate was open over the whole chunk",
    "I4: nothing is sealed after a withdrawal",
)


def _consent() -> Any:
    """Loaded when it is asked for, like its tier: it brings all tables of the house."""
    return import_module("tests.simulation.consent_broken")


def _consent_run(seed: int, rig: Rig) -> Report:
    return cast("Report", _consent().run(seed, rig))


CONTROLS = {
    "nothing-is-broken-but-syncs-fail": Control((), Rig(mix=SYNCS_FAIL)),
    "no-sync-at-commit": Control(LOST, Rig(partial(Writer, synchronous="NORMAL"))),
    "acknowledged-before-commit": Control(LOST, Rig(AcknowledgesEarly)),
    "sync-lies": Control(LOST, Rig(mix=Mix(sync_lies=0.3))),
    "broken-writer-goes-on": Control(
        LOST, Rig(GoesOn, mix=Mix(sync_fails=0.15), stops_when_broken=False)
    ),
    "found-wal-trusted": Control(LOST, Rig(mix=SYNCS_FAIL), lambda: found_wal(_leave_it)),
    "found-wal-only-checkpointed": Control(
        LOST, Rig(OnlyCheckpoints, mix=SYNCS_FAIL), lambda: found_wal(_leave_it), first_seed=20
    ),
    "no-fence": Control(
        ("a replaced writer is fenced off", "the head is the log's"), Rig(Unfenced), tier=fence.run
    ),
    "replacement-logged-as-insert": Control(
        ("rows are rebuilt from deltas",),
        seam=lambda: smuggled("tests.paid", replaces_and_logs_an_insert),
    ),
    "reducer-reads-a-clock": Control(
        ("reducers run again agree",), seam=lambda: smuggled("tests.notified", reads_a_clock)
    ),
    "effect-checked-then-closed": Control(
        ("an effect is closed once", "what is closed was done"),
        Rig(performer=broken.ChecksThenActs, swarm=BUSY),
        tier=schedules.run,
    ),
    "nothing-is-recovered": Control(
        LEFT_OPEN, Rig(performer=broken.Forgets, swarm=BUSY), tier=schedules.run
    ),
    "timers-in-memory": Control(
        LEFT_OPEN, Rig(performer=broken.KeepsTimersInMemory, swarm=BUSY), tier=schedules.run
    ),
    "answered-before-commit": Control(
        ("acknowledged is on disk", "the store opens"),
        Rig(AcknowledgesEarly, swarm=BUSY),
        tier=schedules.run,
    ),
    "told-in-any-order": Control(
        TOLD, Rig(store=broken.TellsInAnyOrder, swarm=Swarm(serves_after_s=0.0)), tier=schedules.run
    ),
    "told-only-who-waits": Control(
        TOLD, Rig(store=broken.TellsWhoWaits, swarm=Swarm(patience_s=0.01)), tier=schedules.run
    ),
    "never-paused": Control(
        ("answers are the model's",),
        Rig(broken.NeverPauses, swarm=Swarm(pauses=True)),
        tier=schedules.run,
    ),
    "first-come-first-served": Control(
        ("a flood delays nobody else", "a flood takes nobody's place"),
        Rig(swarm=FLOODED),
        lambda: broken.swapped(store, "FairQueue", broken.FirstComeFirstServed),
        tier=schedules.run,
    ),
    "asked-before-it-is-queued": Control(
        ("answers are the model's",),
        Rig(swarm=Swarm(revokes=True)),
        lambda: broken.swapped(execution, "admit", broken.anybody),
        tier=schedules.run,
    ),
    "a-replaced-store-goes-on": Control(
        ("a replaced writer is fenced off",),
        Rig(Unfenced, swarm=Swarm(replaced=1.0)),
        tier=schedules.run,
    ),
    "withdrawal-stops-nothing": Control(
        SEALED_LATE, seam=lambda: _consent().withdrawal_ignored(), tier=_consent_run
    ),
    "every-chunk-is-let-in": Control(
        SEALED_LATE, seam=lambda: _consent().everything_let_in(), tier=_consent_run
    ),
    "nothing-is-broken-but-the-world": Control((), Rig(swarm=BUSY), tier=schedules.run),
    "nothing-is-broken-in-a-flood": Control((), Rig(swarm=FLOODED), tier=schedules.run),
}
