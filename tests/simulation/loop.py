"""An event loop without a world: time jumps to the next timer, tasks take turns by chance.

The real `asyncio` runs on it, unmodified. Callbacks keep their order, as asyncio promises; the
steps of tasks, of which it promises nothing, are drawn. Whatever is made by code that runs for a
process belongs to this process, and ends with it between any two steps.
"""

import asyncio
import contextvars
import heapq
import threading
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from random import Random
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Watch = Callable[[str], None]

STEP_US_MAX = 20_000
SLOW_STEPS = 0.1
"""Some steps seem to take a while: a timer rings before others that were ready have had theirs."""

THREAD_US_MAX = 50_000
"""How long a function in another thread may seem to take."""

PROCESS: "contextvars.ContextVar[Process | None]" = contextvars.ContextVar("PROCESS", default=None)


class Deadlock(AssertionError):
    """Somebody waits, nothing can run, and no timer is set."""


class Process:
    """To be killed: what it has begun is not gone on with, nor is it told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.killed = False

    def context(self) -> contextvars.Context:
        """Whatever runs in it belongs to the process."""
        context = contextvars.copy_context()
        context.run(PROCESS.set, self)
        return context


class Loop(asyncio.AbstractEventLoop):
    """`now_us` is the time. `watch` is told of each step before it is taken."""

    def __init__(self, rng: Random, watch: Watch) -> None:
        self.now_us = 0
        self.steps = 0
        self.lost: list[tuple[str, BaseException]] = []
        """Tasks of processes that ended in an exception, and callbacks that did."""
        self._rng = rng
        self._watch = watch
        self._thread = threading.get_ident()
        self._calls: deque[events.Handle] = deque()
        self._turns: list[events.Handle] = []
        self._timers: list[tuple[int, float, int, events.TimerHandle]] = []
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._made = 0
        self._running = False
        self._closed = False

    # -- to run --

    def run_until_complete(self, future: Any) -> Any:
        """Run until it is done; answers its result. Raises Deadlock."""
        done = asyncio.ensure_future(future, loop=self)
        events._set_running_loop(self)
        self._running = True
        try:
            while not done.done():
                self._once()
        finally:
            self._running = False
            events._set_running_loop(None)
        return done.result()

    def _once(self) -> None:
        self._forget_timers()
        idle = not self._calls and not self._turns
        soon = self._timers and self._timers[0][0] <= self.now_us + STEP_US_MAX
        if idle or (soon and self._rng.random() < SLOW_STEPS):
            self._jump()
        at = self._rng.randrange(len(self._turns) + bool(self._calls))
        if at < len(self._turns):
            self._turns[at], self._turns[-1] = self._turns[-1], self._turns[at]
            handle = self._turns.pop()
        else:
            handle = self._calls.popleft()
        if not handle.cancelled():
            self._run(handle)

    def _jump(self) -> None:
        """It is the time of the next timer, and of those at the same time."""
        if not self._timers:
            waiting = [f"{name} in {_place(task)}" for name, task in self._waiting()]
            raise Deadlock(f"nothing can run and no timer is set: {'; '.join(waiting)}")
        self.now_us = max(self.now_us, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self.now_us:
            self._calls.append(heapq.heappop(self._timers)[3])

    def _forget_timers(self) -> None:
        """Nobody waits for the first ones any more."""
        while self._timers and (
            self._timers[0][3].cancelled() or self._is_dead(self._timers[0][3])
        ):
            heapq.heappop(self._timers)

    def _run(self, handle: events.Handle) -> None:
        task = _task_of(handle)
        callback: Any = getattr(handle, "_callback")  # noqa: B009
        name = task.get_name() if task is not None else getattr(callback, "__qualname__", "?")
        self.steps += 1
        self._watch(f"{self.now_us} {name}")
        if self._is_dead(handle):
            return
        handle._run()
        if task is not None and task.done():
            owner = self._owner(handle)
            self._tasks.pop(task.get_name(), None)
            if owner is not None and not task.cancelled() and task.exception() is not None:
                self.lost.append(
                    (f"{owner.name}/{task.get_name()}", task.exception() or KeyError())
                )

    # -- to be scheduled --

    def time(self) -> float:
        return self.now_us / 1e6

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> events.Handle:
        self._check_thread()
        handle = events.Handle(callback, args, self, context)
        if not self._closed:
            (self._calls if _task_of(handle) is None else self._turns).append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> events.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        self._check_thread()
        timer = events.TimerHandle(when, callback, args, self, context)
        self._made += 1
        # Timers of the same time ring in any order.
        entry = (round(when * 1e6), self._rng.random(), self._made, timer)
        if not self._closed:
            heapq.heappush(self._timers, entry)
        return timer

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[Any]":
        self._made += 1
        # The counter in asyncio's own names goes on from run to run.
        name = f"{name or getattr(coro, '__qualname__', 'task')}#{self._made}"
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks[name] = task
        return task

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run it here, whole, after a while. Raises RuntimeError for an executor of one's own."""
        if executor is not None:
            raise RuntimeError("no executors in a simulation: its order of events is the seed's")
        answer: asyncio.Future[T] = self.create_future()

        def run() -> None:
            if answer.cancelled():
                return
            try:
                answer.set_result(func(*args))
            except Exception as error:  # It belongs to whoever waits.
                answer.set_exception(error)

        self.call_later(self._rng.randrange(THREAD_US_MAX) / 1e6, run)
        return answer

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError(
                "no threads in a simulation: their order of events is not the seed's"
            )

    # -- what asyncio asks of a loop --

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What a callback raised. What the collector finds has been seen, or is dead."""
        if "handle" in context:
            self.lost.append((str(context.get("message")), context["exception"]))

    def close(self) -> None:
        """End every coroutine where it stands; nothing runs any more."""
        self._closed = True
        for _, task in self._waiting():
            coroutine = task.get_coro()
            assert isinstance(coroutine, Coroutine)
            with suppress(RuntimeError):  # It would wait for something while it ends.
                coroutine.close()

    def _waiting(self) -> list[tuple[str, "asyncio.Task[Any]"]]:
        return [(name, task) for name, task in self._tasks.items() if not task.done()]

    def _owner(self, handle: events.Handle) -> Process | None:
        context: contextvars.Context = getattr(handle, "_context")  # noqa: B009
        return context.get(PROCESS)

    def _is_dead(self, handle: events.Handle) -> bool:
        owner = self._owner(handle)
        return owner is not None and owner.killed


def simulated(rng: Random, watch: Watch = lambda step: None) -> Loop:
    """A loop that has all that the runtime asks of one; of sockets and signals it knows nothing."""
    return Loop(rng, watch)  # type: ignore[abstract]


def _task_of(handle: events.Handle) -> "asyncio.Task[Any] | None":
    """The task of which this is a step."""
    owner: Any = getattr(getattr(handle, "_callback", None), "__self__", None)
    return owner if isinstance(owner, asyncio.Task) else None


def _place(task: "asyncio.Task[Any]") -> str:
    stack = task.get_stack(limit=1)
    if not stack:
        return "nobody knows where"
    frame = stack[-1]
    return f"{frame.f_code.co_qualname}:{frame.f_lineno}"
