"""Requests waiting for an engine: in order, and bounded."""

import threading
from collections import deque
from dataclasses import dataclass

from conversation.speech.link import Link
from conversation.speech.messages import Hear, Say

QUEUED_MAX = 32


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request, and the link its answer goes to."""

    link: Link
    request: Say | Hear


class RequestQueue:
    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition()

    def offer(self, waiting: Waiting) -> bool:
        """False if there is too much to do already."""
        with self._changed:
            if len(self._waiting) >= QUEUED_MAX:
                return False
            self._waiting.append(waiting)
            self._changed.notify()
            return True

    def take(self) -> Waiting:
        """The oldest, as soon as there is one."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting))
            return self._waiting.popleft()

    def cancel(self, link: Link, req: int | None = None) -> None:
        """Forget one request of a link, or all of them."""
        with self._changed:
            kept = [
                one
                for one in self._waiting
                if one.link is not link or req not in (None, one.request.req)
            ]
            self._waiting = deque(kept)
