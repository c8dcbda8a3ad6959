"""Tier 2: the whole runtime on a loop whose every turn is drawn, through deaths at any await.

First safety: clients, operators and the outside world do their worst, processes are killed and
replaced at drawn steps, and every commit is held to the model. Then liveness: nothing fails any
more, and within `HEALS_S` of virtual time everything that is owed has been done.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import apsw

from runtime.engines import sqlite
from runtime.errors import StoreBroken
from runtime.execution import Action
from runtime.modules import registry
from runtime.modules.reducers import resumed
from runtime.writer import action_of
from tests.simulation import audit, swarm
from tests.simulation.checks import Violation
from tests.simulation.clients import Client
from tests.simulation.loop import Deadlock, simulated
from tests.simulation.node import Machine, Node
from tests.simulation.operators import Operator
from tests.simulation.outside import Outside
from tests.simulation.report import Report
from tests.simulation.rig import HONEST, Rig
from tests.simulation.trace import Trace
from tests.simulation.witness import CALM, FLOOD, Witness
from tests.simulation.workload import Workload

START_US = 1_700_000_000_000_000
DOWN_S = 0.3
"""How long it may take until the next process starts."""
LIFE_S = 60.0
"""A life that takes fewer steps than were drawn for it ends after so long."""
HEALS_S = 300.0
LOOKS_S = 1.0


def run(seed: int, rig: Rig = HONEST) -> Report:
    """One seed, from an empty file to a drained store."""
    drawn = rig.swarm or swarm.draw(Random(f"{seed}/swarm"))
    registry.forget()
    with tempfile.TemporaryDirectory() as folder, swarm.limits(drawn):
        return House(seed, rig, drawn, Path(folder) / "parley.db").run()


class House:
    """One machine with one store, the processes on it, and everybody who knocks."""

    def __init__(self, seed: int, rig: Rig, drawn: swarm.Swarm, path: Path) -> None:
        self._swarm, self._path = drawn, path
        self._rng = Random(f"{seed}/run")
        self._trace = Trace()
        self._loop = simulated(Random(f"{seed}/loop"), self._step)
        self._witness = Witness(self._trace)
        self._outside = Outside(Random(f"{seed}/outside"), drawn)
        self._workload = Workload(Random(f"{seed}/work"), closes=False)
        self._machine = Machine(
            path,
            self._loop,
            self._rng,
            drawn,
            rig,
            self._witness,
            self._outside,
            self._trace,
            self._clock,
            Random(f"{seed}/entropy").randbytes,
        )
        self._skew_us = 0
        self._nodes: list[Node] = []
        self._dies_at: int | None = None
        self._died = asyncio.Event()
        self._clients: list[Client] = []
        self._healed = False
        self.report = Report("schedules", seed, str(drawn))
        self._counts = dict.fromkeys(("deaths", "takeovers"), 0)

    def run(self) -> Report:
        """Everything, to the report."""
        try:
            self._loop.run_until_complete(self._all())
        except Violation as violation:
            self._witness.blame(violation)
        except apsw.Error as error:
            self._witness.blame(Violation("the store copes", f"{type(error).__name__}: {error}"))
        except Deadlock as deadlock:
            self._witness.blame(Violation("somebody can run", str(deadlock)))
        finally:
            for node in self._nodes:
                node.kill()
            self._loop.close()
        self.report.violation = self._witness.violation
        self.report.trace = self._trace.hash.hexdigest()
        self.report.steps = list(self._trace.steps)
        refusals = sum(len(client.refusals) for client in self._clients)
        self.report.counts = {
            **self._counts,
            "steps": self._loop.steps,
            "asked": sum(client.asked for client in self._clients),
            "refused": refusals,
            "entries": len(self._witness.log),
            "done outside": self._outside.done.total(),
        }
        return self.report

    async def _all(self) -> None:
        self._start()
        workers = [self._loop.create_task(work) for work in self._work()]
        for _ in range(self._swarm.lives):
            await self._life()
        self._heal()
        await self._drained(workers)
        node = self._serving()
        self._look_back()
        await asyncio.wait_for(node.begin(node.end()), HEALS_S)
        self._check()

    # -- processes --

    def _serving(self) -> Node:
        return self._nodes[-1]

    def _start(self) -> None:
        before = [*self._nodes]

        def took_over() -> None:
            for node in before:
                node.replaced()

        node = Node(f"node {len(before)}", self._machine, took_over)
        self._nodes.append(node)
        node.start()

    async def _life(self) -> None:
        """Until the newest process is killed, or another takes over while it goes on."""
        self._died.clear()
        self._dies_at = self._loop.steps + self._rng.randint(1, self._swarm.steps_max)
        try:
            await asyncio.wait_for(self._died.wait(), LIFE_S)
        except TimeoutError:
            self._die()
        old = self._serving()
        if old.process.killed:
            self._counts["deaths"] += 1
            await asyncio.sleep(self._rng.random() * DOWN_S)
        else:
            self._counts["takeovers"] += 1
        self._start()

    def _step(self, step: str) -> None:
        """Between any two steps of anybody it may be over."""
        self._trace.step(step)
        if self._dies_at is not None and self._loop.steps >= self._dies_at:
            self._die()

    def _die(self) -> None:
        self._dies_at = None
        if self._rng.random() >= self._swarm.replaced:
            self._serving().kill()
        self._died.set()

    def _clock(self) -> int:
        return START_US + self._loop.now_us + self._skew_us

    def _set_clock(self, skew_us: int) -> None:
        self._skew_us = skew_us

    # -- everybody else --

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        """What goes on until the faults are over."""
        drawn = self._swarm
        work = [self._client("").live(self._draw, self._goes_on) for _ in range(drawn.clients)]
        if drawn.floods:
            work.append(self._client(FLOOD).live(self._draw, self._goes_on))
            work.append(self._client(CALM).live(self._draw_named, self._goes_on))
        operator = Operator(
            self._client(""), self._serving, self._rng, self._goes_on, self._set_clock
        )
        if drawn.pauses:
            work.append(operator.pause())
        if drawn.revokes:
            work.append(operator.revoke())
        if drawn.deploys:
            work += [operator.release(), operator.ring(), operator.ring()]
        if drawn.fills:
            work.append(operator.fill())
        if drawn.skews:
            work.append(operator.skew())
        return work

    def _client(self, tenant: str) -> Client:
        client = Client(tenant, self._serving, self._witness, self._rng, self._swarm)
        self._clients.append(client)
        return client

    def _draw(self) -> Action:
        return self._workload.action(self._witness.model)

    def _draw_named(self) -> Action:
        """Only what has a request id of its own can be told from all else."""
        while (action := self._draw()).request is None or action.request in self._witness.asked:
            continue
        self._witness.asked.add(action.request)
        return action

    def _goes_on(self) -> bool:
        return not self._healed

    # -- liveness --

    def _heal(self) -> None:
        """No faults any more: one process, a world that works, and nothing paused."""
        self._trace.note("-- nothing fails any more --")
        self._dies_at = None
        self._healed = True
        self._outside.heal()
        for node in self._nodes[:-1]:
            node.kill()

    async def _drained(self, workers: "list[asyncio.Task[None]]") -> None:
        until_us = self._loop.now_us + round(HEALS_S * 1e6)
        while self._loop.now_us < until_us:
            self._serving().fill(None)
            for what in sorted(self._witness.model.pauses):
                request = f"resume-{what}-{self._loop.now_us}"
                action = action_of(resumed, {"what": what}, sender="ops", request=request)
                asking = self._loop.create_task(self._client("").ask(action))
                await asyncio.wait([asking], timeout=LOOKS_S)
            await asyncio.sleep(LOOKS_S)
            if all(worker.done() for worker in workers) and self._is_quiet():
                break
        for worker in workers:
            if worker.done():
                worker.result()
        self._look_at_the_lost()
        waiting = [worker.get_name() for worker in workers if not worker.done()]
        self._witness.demand("every client is answered", not waiting, f"not {waiting}")
        effects = self._witness.model.open_effects()
        self._witness.demand("every effect comes to an end", not effects, f"not {effects}")
        node = self._serving()
        quiet = node.store is not None and not len(node.store._queue)
        self._witness.demand("the queue is drained", quiet, f"not that of {node.process.name}")
        if self._witness.violation is not None:
            raise self._witness.violation

    def _is_quiet(self) -> bool:
        store = self._serving().store
        return (
            store is not None and not len(store._queue) and not self._witness.model.open_effects()
        )

    # -- what is left --

    def _look_back(self) -> None:
        node = self._serving()
        told = node.told is not None and node.told.next == len(self._witness.log)
        self._witness.demand("listeners are told of each entry, in order", told, "not of the last")
        self._look_at_the_lost()
        if self._outside.violation is not None:
            self._witness.blame(self._outside.violation)

    def _look_at_the_lost(self) -> None:
        for _, error in self._loop.lost:
            if isinstance(error, Violation):
                self._witness.blame(error)
        lost = [one for one in self._loop.lost if not isinstance(one[1], StoreBroken)]
        self._witness.demand("no task dies of an exception", not lost, f"{lost[:1]}")

    def _check(self) -> None:
        try:
            with closing(sqlite.open_reader(self._path)) as connection:
                audit.whole(connection, self._witness, self._outside)
        except apsw.Error as error:
            raise Violation("the file is whole", f"{error}") from error
