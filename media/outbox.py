"""Events for the node. The kept ones wait until they are acknowledged."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

KEPT = frozenset({"dtmf", "heard", "played", "chunk", "gate_closed", "silent", "quality", "roc"})
KEPT_EVENTS_MAX = 65_536
"""The chunks of a full media process while they wait to be kept, or their node is away: 16 s."""

KEPT_BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """A header with the key "event", and a payload."""

    header: dict[str, object]
    payload: bytes = b""


class Outbox:
    """Kept events by rising id, bounded; when full, the oldest "heard" goes first."""

    def __init__(self) -> None:
        self._events: OrderedDict[int, Event] = OrderedDict()
        self._heard: dict[int, None] = {}
        self._next = 1
        self._bytes = 0
        self.dropped = 0

    def add(self, event: Event) -> int:
        """Keep an event under a new id, which is written into its header."""
        name = self._next
        self._next += 1
        self._events[name] = Event({**event.header, "id": name}, event.payload)
        if event.header["event"] == "heard":
            self._heard[name] = None
        self._bytes += len(event.payload)
        while len(self._events) > KEPT_EVENTS_MAX or self._bytes > KEPT_BYTES_MAX:
            self._forget(self._least_needed())
            self.dropped += 1
        return name

    def acknowledge(self, names: tuple[int, ...]) -> None:
        for name in names:
            if name in self._events:
                self._forget(name)

    def after(self, name: int) -> Iterator[tuple[int, Event]]:
        """The kept events with a higher id, in order."""
        # Looked for from the newest: a link that keeps up asks for the last few only.
        newer: list[int] = []
        for candidate in reversed(self._events):
            if candidate <= name:
                break
            newer.append(candidate)
        return ((candidate, self._events[candidate]) for candidate in reversed(newer))

    def __len__(self) -> int:
        return len(self._events)

    def _least_needed(self) -> int:
        return next(iter(self._heard or self._events))

    def _forget(self, name: int) -> None:
        self._heard.pop(name, None)
        self._bytes -= len(self._events.pop(name).payload)
