"""Which RTP ports are spare, which carry a leg, and which rest after one.

A port stands for a pair: the RTCP port above it is taken, rests and is given back with it.
"""

from dataclasses import dataclass

SPARE_PORTS = 2
QUARANTINE_US = 10_000_000
"""A port rests before it is given back, else the next call hears the last one."""

SURPLUS_US = 60_000_000
"""How long a node has, after a restart, to claim the ports of its calls."""


@dataclass(frozen=True, slots=True)
class PortTaken:
    """A leg listens on the port. `fresh`: what waits in its socket belongs to nobody."""

    port: int
    leg: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class PortLeft:
    """The leg is gone; nobody listens any more."""

    port: int


@dataclass(frozen=True, slots=True)
class PortReleased:
    """Nobody needs the port; the keeper may close both of the pair."""

    port: int


class Ports:
    def __init__(self) -> None:
        self._spare: dict[int, tuple[str, int]] = {}
        self._resting: dict[int, int] = {}
        self._taken: dict[int, str] = {}
        self._asked = 0
        self.shared: int | None = None

    def add(self, port: int, address: str, now: int) -> None:
        """The keeper hands over a port bound to `address`."""
        if port not in self._taken:
            self._resting.pop(port, None)
            self._spare[port] = (address, now)
        self._asked = max(0, self._asked - 1)

    def take(self, port: int | None) -> int | None:
        """That port, or any; None if it is not here."""
        if port is None:
            # The newest: after a restart the oldest are those of calls which go on.
            port = next(reversed(self._spare), None)
        if port is None or port not in self._spare:
            return None
        self._taken[port] = self._spare.pop(port)[0]
        return port

    def add_shared(self, port: int, address: str) -> None:
        """A port that many legs may have at once; it is never left, nor given back."""
        self.shared = port
        self._taken[port] = address

    def has(self, port: int) -> bool:
        return port in self._taken or port in self._spare or port in self._resting

    def address(self, port: int) -> str:
        return self._taken[port]

    def leave(self, port: int, now: int) -> None:
        del self._taken[port]
        self._resting[port] = now + QUARANTINE_US

    def released(self, now: int) -> list[int]:
        """The ports to give back: those that have rested, and spares nobody claimed."""
        rested = [port for port, until in self._resting.items() if until <= now]
        for port in rested:
            del self._resting[port]
        return rested + self._surplus(now)

    def _surplus(self, now: int) -> list[int]:
        unclaimed = [p for p, (_, since) in self._spare.items() if now - since >= SURPLUS_US]
        surplus = unclaimed[: max(0, len(self._spare) - SPARE_PORTS)]
        for port in surplus:
            del self._spare[port]
        return surplus

    def wanted(self, waiting: int) -> int:
        """How many more to ask the keeper for, if `waiting` legs have none yet."""
        wanted = max(0, SPARE_PORTS + waiting - len(self._spare) - self._asked)
        self._asked += wanted
        return wanted
