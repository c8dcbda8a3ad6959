"""The UDP sockets of a media process, by local port."""

import select
import socket

import numpy as np
from numpy.typing import NDArray

from media.net.batch import BATCH_MAX, Batch
from media.net.held import Held
from media.net.kernel import Kernel
from media.net.messages import CALLS, Calls
from media.net.plain import Plain

STALE_DATAGRAMS_MAX = 4_096


class Sockets:
    """Nothing here ever waits, and no datagram that goes wrong stops another."""

    def __init__(self, calls: Calls | None = CALLS) -> None:
        self._io = Plain() if calls is None else Kernel(calls)
        self._epoll = select.epoll()
        self._by_port: dict[int, Held] = {}
        self._by_fd: dict[int, Held] = {}
        self._ready: list[Held] = []

    def fileno(self) -> int:
        """Readable when any of the sockets is."""
        return self._epoll.fileno()

    def add(self, port: int, sock: socket.socket, *, shared: bool = False) -> None:
        """Take a bound socket. `shared`: it has many datagrams at once, of many calls."""
        assert port not in self._by_port, "a port is added once"
        sock.setblocking(False)
        held = Held(sock.fileno(), port, shared, sock)
        self._by_port[port] = self._by_fd[held.fd] = held
        self._epoll.register(held.fd, select.EPOLLIN)

    def remove(self, port: int) -> socket.socket:
        """Give a socket back, open. KeyError for a port that is not here."""
        held = self._by_port.pop(port)
        del self._by_fd[held.fd]
        self._epoll.unregister(held.fd)
        self._ready = [other for other in self._ready if other is not held]
        return held.socket

    def flush_stale(self, port: int) -> None:
        """Throw away what came for whoever had the port before. KeyError for an unknown port."""
        sock = self._by_port[port].socket
        for _ in range(STALE_DATAGRAMS_MAX):
            try:
                sock.recv(1)
            except BlockingIOError:
                return
            except OSError:
                continue

    def receive(self, batch: Batch) -> int:
        """Fill the batch with what has come in; ask again until nothing is left: 0.

        Each port has its turn: who could not have it for want of room is first the next time.
        """
        batch.count = 0
        if self._ready:
            self._receive(batch)
        if batch.count == 0:
            self._ready = [self._by_fd[fd] for fd, _ in self._epoll.poll(0, BATCH_MAX)]
            self._receive(batch)
        return batch.count

    def _receive(self, batch: Batch) -> None:
        turns = self._io.receive(self._ready, batch)
        self._ready = self._ready[turns:]

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
        sockets = [self._by_port.get(port) for port in ports[starts].tolist()]
        return self._io.send(sockets, starts.tolist(), _rows(data), lengths, _rows(destinations))

    def close(self) -> None:
        """Close every socket that is still here."""
        for held in self._by_port.values():
            held.socket.close()
        self._epoll.close()


def _rows(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same, with each row in one piece."""
    return array if array.strides[1] == 1 else np.ascontiguousarray(array)
