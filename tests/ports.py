"""Ports for programs which bind them only later: nobody else is given them meanwhile.

The kernel hands out its ephemeral range to whoever asks for any port, so these lie outside of it.
Each process has a block of its own, claimed by a name that ends with the process, and goes round in
it: a port that was given is not given again before all others were.
"""

import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock

from tests.ipv6 import HAS_IPV6

FIRST, LAST = 10_000, 65_000
BLOCK = 1_000
DEFAULT = 20_000
"""Where the media of a server begin that is not told otherwise."""
CLAIM = "\0parley-tests-ports-{first}"
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
KINDS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
LOCK = Lock()
TABLES = tuple(Path("/proc/net") / name for name in ("udp", "udp6", "tcp", "tcp6"))


class Block:
    """A row of ports that is this process's own while it holds the claim."""

    def __init__(self, claim: int, ports: range) -> None:
        self._claim = claim
        self._ports = ports
        self._next = ports.start

    def release(self) -> None:
        os.close(self._claim)

    def take(self, count: int) -> range:
        """So many ports in a row, which nobody has bound; the first is even, as RTP wants it."""
        for _ in self._ports[count - 1 :]:
            first = self._next + self._next % 2
            if first + count > self._ports.stop:
                first = self._ports.start
            wanted = range(first, first + count)
            self._next = wanted.stop
            if all(map(is_free, wanted)):
                return wanted
        raise AssertionError(f"of {self._ports} no {count} ports in a row are free")


def free_port() -> int:
    """A port that is free for UDP and for TCP: telephones take both."""
    return free_ports(1).start


def free_ports(count: int) -> range:
    """As many in a row: a peer that is given one port may take its neighbours too."""
    with LOCK:
        return _own().take(count)


def is_free(port: int) -> bool:
    """Whether nobody on this machine has bound it, on any address, for UDP or for TCP."""
    family = socket.AF_INET6 if HAS_IPV6 else socket.AF_INET
    try:
        for kind in KINDS:
            with socket.socket(family, kind) as probe:
                if HAS_IPV6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                probe.bind(("", port))
    except OSError:
        return False
    return True


def bound_by(pid: int) -> set[int]:
    """The local ports of a process's sockets; none of a process that has ended."""
    links: set[str] = set()
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                links.add(os.readlink(path))
    lines = [line.split() for table in TABLES if table.exists() for line in _lines(table)]
    return {int(one[1].rpartition(":")[2], 16) for one in lines if f"socket:[{one[9]}]" in links}


def blocks(ephemeral: range) -> list[range]:
    """All there are beside the kernel's own range; inside of it, where it leaves none."""
    firsts = (first for first in range(FIRST, LAST, BLOCK) if first != DEFAULT)
    every = [range(first, first + BLOCK) for first in firsts]
    outside = [one for one in every if one.stop <= ephemeral.start or one.start >= ephemeral.stop]
    return outside or every


def claimed(candidates: list[range]) -> Block:
    """The first that no other process has."""
    for ports in candidates:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(CLAIM.format(first=ports.start))
        except OSError:
            claim.close()
            continue
        return Block(claim.detach(), ports)
    raise AssertionError(f"all {len(candidates)} blocks of ports are taken: end other tests")


@cache
def _own() -> Block:
    first, last = map(int, EPHEMERAL.read_text().split())
    return claimed(blocks(range(first, last + 1)))


def _lines(table: Path) -> list[str]:
    return table.read_text().splitlines()[1:]
