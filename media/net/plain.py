"""One call of Python's own for each datagram: where the C library lacks the better ones."""

import socket
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from media.net.address import pack, unpack
from media.net.batch import Batch


class Plain:
    """Does what `Kernel` does, datagram by datagram."""

    def __init__(self, sockets: Mapping[int, socket.socket]) -> None:
        """`sockets`: by descriptor, as they come and go."""
        self._sockets = sockets

    def receive_each(self, fds: Sequence[int], batch: Batch) -> NDArray[np.int32]:
        """One datagram from each, into the first rows: their lengths, -1 where there is none."""
        lengths = [_received(self._sockets[fd], batch, row) for row, fd in enumerate(fds)]
        return np.array([-1 if length is None else length for length in lengths], np.int32)

    def receive_many(self, fd: int, batch: Batch, first: int) -> NDArray[np.int32]:
        """What one has, into the rows from `first` on: their lengths, -1 for what is cut short."""
        lengths: list[int] = []
        for row in range(first, batch.size):
            length = _received(self._sockets[fd], batch, row)
            if length is None:
                break
            lengths.append(length)
        return np.array(lengths, np.int32)

    def send(
        self,
        fds: Sequence[int],
        starts: Sequence[int],
        data: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        destinations: NDArray[np.uint8],
    ) -> int:
        """Send runs of rows, each from one socket, which begin at `starts`: how many went."""
        sent = 0
        for fd, start, end in zip(fds, starts, [*starts[1:], len(data)], strict=True):
            for row in range(start, end) if fd in self._sockets else ():
                content = data[row, : lengths[row]].tobytes()
                to = unpack(destinations[row].tobytes())
                sent += _sent(self._sockets[fd], content, to)
        return sent


def _received(sock: socket.socket, batch: Batch, row: int) -> int | None:
    """The length of one datagram, -1 where it was cut short; None where there is none."""
    try:
        length, _, flags, source = sock.recvmsg_into([batch.data[row]])
    except OSError:
        # Nothing more; or the error of a packet sent before (ICMP), which is over.
        return None
    batch.sources[row] = np.frombuffer(pack(source[:2]), np.uint8)
    return -1 if flags & socket.MSG_TRUNC else length


def _sent(sock: socket.socket, content: bytes, to: tuple[str, int]) -> bool:
    host, port = to
    if sock.family == socket.AF_INET6 and ":" not in host:
        host = f"::ffff:{host}"  # To IPv4, from a socket of both.
    for _ in range(2):
        try:
            sock.sendto(content, (host, port))
        except OSError:
            # It may be the error of a packet sent before: this one was not tried then.
            continue
        return True
    return False
