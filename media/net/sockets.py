"""The UDP sockets of a media process, by local port."""

import select
import socket
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from media.net.batch import BATCH_MAX, Batch
from media.net.kernel import Kernel
from media.net.messages import CALLS, Calls
from media.net.plain import Plain

STALE_DATAGRAMS_MAX = 4_096
NOWHERE = -1
"""No descriptor: the kernel takes nothing for it."""


class Sockets:
    """Nothing here ever waits, and no datagram that goes wrong stops another."""

    def __init__(self, calls: Calls | None = CALLS) -> None:
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._io = Plain(self._sockets) if calls is None else Kernel(calls)
        self._ports: dict[int, int] = {}
        self._fds: dict[int, int] = {}
        self._shared: set[int] = set()
        self._ready: list[int] = []
        """Who has something, and has not had its turn."""
        self._ready_shared: list[int] = []

    def fileno(self) -> int:
        """Readable when any of the sockets is."""
        return self._epoll.fileno()

    def add(self, port: int, sock: socket.socket, *, shared: bool = False) -> None:
        """Take a bound socket. `shared`: it has many datagrams at once, of many calls."""
        assert port not in self._fds, "a port is added once"
        sock.setblocking(False)
        fd = sock.fileno()
        self._sockets[fd], self._ports[fd], self._fds[port] = sock, port, fd
        if shared:
            self._shared.add(fd)
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, port: int) -> socket.socket:
        """Give a socket back, open. KeyError for a port that is not here."""
        fd = self._fds.pop(port)
        del self._ports[fd]
        self._shared.discard(fd)
        self._epoll.unregister(fd)
        self._ready = [other for other in self._ready if other != fd]
        self._ready_shared = [other for other in self._ready_shared if other != fd]
        return self._sockets.pop(fd)

    def flush_stale(self, port: int) -> None:
        """Throw away what came for whoever had the port before. KeyError for an unknown port."""
        sock = self._sockets[self._fds[port]]
        for _ in range(STALE_DATAGRAMS_MAX):
            try:
                sock.recv(1)
            except BlockingIOError:
                return
            except OSError:
                continue

    def receive(self, batch: Batch) -> int:
        """Fill the batch with what has come in; ask again until nothing is left: 0.

        Whoever has something has its turn before anybody has a second: a socket of one call
        one datagram, a shared one as many as there is room for.
        """
        if not (self._ready or self._ready_shared):
            self._look()
        fds, self._ready = self._ready[: batch.size], self._ready[batch.size :]
        lengths = [self._io.receive_each(fds, batch)]
        ports = [self._ports[fd] for fd in fds]
        # With little room left a shared one, which has much, is the first in the next batch.
        while self._ready_shared and len(ports) <= batch.size // 2:
            fd = self._ready_shared.pop(0)
            lengths.append(self._io.receive_many(fd, batch, len(ports)))
            ports += [self._ports[fd]] * len(lengths[-1])
        batch.finish(np.array(ports, np.int32), np.concatenate(lengths))
        return batch.count

    def _look(self) -> None:
        self._ready = [fd for fd, _ in self._epoll.poll(0, BATCH_MAX)]
        if self._shared:
            self._ready_shared = [fd for fd in self._ready if fd in self._shared]
            self._ready = [fd for fd in self._ready if fd not in self._shared]

    def send(
        self,
        ports: NDArray[np.int32],
        data: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        destinations: NDArray[np.uint8],
    ) -> int:
        """Send each row from its port to its destination. Answers how many the kernel took.

        Rows of one port that follow each other go out together.
        """
        sent = 0
        for first in range(0, len(ports), BATCH_MAX):
            rows = slice(first, first + BATCH_MAX)
            sent += self._send(ports[rows], data[rows], lengths[rows], destinations[rows])
        return sent

    def _send(
        self,
        ports: NDArray[np.int32],
        data: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        destinations: NDArray[np.uint8],
    ) -> int:
        assert (lengths <= data.shape[1]).all() and (lengths >= 0).all(), "a row is that long"
        starts = np.concatenate(([0], np.flatnonzero(ports[1:] != ports[:-1]) + 1))
        fds = list(map(self._fds.get, ports[starts].tolist(), repeat(NOWHERE)))
        return self._io.send(fds, starts.tolist(), _rows(data), lengths, _rows(destinations))

    def close(self) -> None:
        """Close every socket that is still here."""
        for sock in self._sockets.values():
            sock.close()
        self._epoll.close()


def _rows(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same, with each row in one piece."""
    return array if array.strides[1] == 1 else np.ascontiguousarray(array)
