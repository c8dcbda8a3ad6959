"""One call of Python's own for each datagram: where the C library lacks the better ones."""

import socket
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from media.net.address import pack, unpack
from media.net.batch import Batch
from media.net.held import Held


class Plain:
    """Does what `Kernel` does, datagram by datagram."""

    def receive(self, ready: Sequence[Held], batch: Batch) -> int:
        """Fill a batch from sockets that are ready. Answers how many of them had their turn."""
        ports: list[int] = []
        lengths: list[int] = []
        whole: list[bool] = []
        turns = 0
        for held in ready:
            if len(ports) == batch.size:
                break
            turns += 1
            for row in range(len(ports), batch.size if held.shared else len(ports) + 1):
                try:
                    length, _, flags, source = held.socket.recvmsg_into([batch.data[row]])
                except OSError:
                    # Nothing more; or the error of a packet sent before (ICMP), which is over.
                    break
                batch.sources[row] = np.frombuffer(pack(source[:2]), np.uint8)
                ports.append(held.port)
                lengths.append(length)
                whole.append(not flags & socket.MSG_TRUNC)
        batch.finish(
            np.array(ports, np.int32), np.array(lengths, np.int32), np.array(whole, np.bool_)
        )
        return turns

    def send(
        self,
        sockets: Sequence[Held | None],
        starts: Sequence[int],
        data: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        destinations: NDArray[np.uint8],
    ) -> int:
        """Send runs of rows, each from one socket, which begin at `starts`."""
        sent = 0
        for held, start, end in zip(sockets, starts, [*starts[1:], len(data)], strict=True):
            if held is None:
                continue
            for row in range(start, end):
                content = data[row, : lengths[row]].tobytes()
                host, port = unpack(destinations[row].tobytes())
                if held.socket.family == socket.AF_INET6 and ":" not in host:
                    host = f"::ffff:{host}"  # To IPv4 from a socket of both.
                sent += _sent(held.socket, content, (host, port))
        return sent


def _sent(sock: socket.socket, content: bytes, destination: tuple[str, int]) -> bool:
    for _ in range(2):
        try:
            sock.sendto(content, destination)
        except OSError:
            # It may be the error of a packet sent before: this one was not tried then.
            continue
        return True
    return False
