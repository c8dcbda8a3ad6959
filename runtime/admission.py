"""The queue before the writer: bounded, and fair between tenants and between scopes.

A flood from one tenant or one call is refused at its own share and waits in its own line;
whoever else comes is served next, not after it.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from runtime.errors import Busy

QUEUE_MAX = 4_096
SCOPE_MAX = 512
"""What may wait of one scope, which is one call."""

RETRY_MS_MIN, RETRY_MS_MAX = 20, 5_000

T = TypeVar("T")


@dataclass(slots=True)
class _Tenant(Generic[T]):
    """What waits of one tenant: a line for each scope, the scopes in the order of their turns."""

    waiting: int = 0
    lines: dict[str, deque[T]] = field(default_factory=dict[str, deque[T]])
    turns: deque[str] = field(default_factory=deque[str])


class FairQueue(Generic[T]):
    """Filled by any thread, emptied by one. Tenants take turns; so do the scopes of a tenant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tenants: dict[str, _Tenant[T]] = {}
        self._turns: deque[str] = deque()
        self._waiting = 0
        self._closed = False
        self._us_each = 100

    def __len__(self) -> int:
        return self._waiting

    def put(self, item: T, tenant: str, scope: str) -> None:
        """Add to the line of a tenant's scope. Raises Busy where its share is taken.

        A tenant may take as much as it leaves free, so there is room for the next one however
        many there are (a dynamic threshold, as shared packet buffers have it).
        """
        with self._changed:
            mine = self._tenants.get(tenant)
            if mine is None:
                mine = self._tenants[tenant] = _Tenant()
            line = mine.lines.get(scope)
            if mine.waiting >= QUEUE_MAX - self._waiting:
                raise self._busy("too many actions are waiting")
            if line is not None and len(line) >= SCOPE_MAX:
                raise self._busy(f"too many actions of {scope or tenant or 'one sender'} wait")
            if line is None:
                line = mine.lines[scope] = deque()
                mine.turns.append(scope)
            if not mine.waiting:
                self._turns.append(tenant)
            line.append(item)
            mine.waiting += 1
            self._waiting += 1
            if self._waiting == 1:
                self._changed.notify()

    def take(self, most: int) -> list[T]:
        """The next items, in turn; waits for one. None at all once the queue is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return self._take(most)

    def take_now(self, most: int) -> list[T]:
        """The next items, in turn, without waiting for any."""
        with self._changed:
            return self._take(most)

    def close(self) -> None:
        """What waits is still handed out; then `take` answers nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def took(self, count: int, took_us: int) -> None:
        """How long the last items took: who is refused is told when to come again."""
        self._us_each += (took_us // max(count, 1) - self._us_each) // 8

    def _take(self, most: int) -> list[T]:
        taken: list[T] = []
        while self._turns and len(taken) < most:
            name = self._turns.popleft()
            tenant = self._tenants[name]
            scope = tenant.turns.popleft()
            line = tenant.lines[scope]
            taken.append(line.popleft())
            if line:
                tenant.turns.append(scope)
            else:
                del tenant.lines[scope]
            tenant.waiting -= 1
            if tenant.waiting:
                self._turns.append(name)
            else:
                del self._tenants[name]
        self._waiting -= len(taken)
        return taken

    def _busy(self, why: str) -> Busy:
        wait_ms = self._waiting * self._us_each // 1_000
        return Busy(why, min(max(wait_ms, RETRY_MS_MIN), RETRY_MS_MAX))
