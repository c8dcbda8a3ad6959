"""How many connections others have to us, and who may have one more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Network

# All of such a network is one customer's (RFC 6177).
PARTY_BITS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the connections to one user agent. Seconds end in `_s`."""

    # Of theirs; as many again we may make.
    total: int = 4_096
    # Of the total, for those who are no peer of ours: the rest is kept for peers.
    strangers: int = 1_024
    per_address: int = 256
    # From the connection to the first whole message.
    first_s: float = 32.0
    # From the first byte of a message to its last.
    message_s: float = 32.0
    # Neither a message nor a keep-alive, in either direction.
    idle_s: float = 3_600.0
    # To connect, with the TLS handshake.
    connect_s: float = 5.0


LIMITS = Limits()


class Occupancy:
    """Counts those who `enter` until they `leave`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parties: Counter[str] = Counter()
        self._strangers = 0
        self.total = 0

    def has_room(self, host: str, *, is_known: bool) -> bool:
        """Whether somebody at this address, a peer of ours or not, may have a connection."""
        limits = self._limits
        if self.total >= limits.total or self._parties[_party(host)] >= limits.per_address:
            return False
        return is_known or self._strangers < limits.strangers

    def enter(self, host: str, *, is_known: bool) -> None:
        self._parties[_party(host)] += 1
        self._strangers += not is_known
        self.total += 1

    def leave(self, host: str, *, is_known: bool) -> None:
        party = _party(host)
        self._parties[party] -= 1
        if not self._parties[party]:
            del self._parties[party]
        self._strangers -= not is_known
        self.total -= 1


def _party(host: str) -> str:
    """Who is counted as one: an IPv4 address, or the network of an IPv6 one."""
    if ":" not in host:
        return host
    return str(IPv6Network((host.partition("%")[0], PARTY_BITS), strict=False))
