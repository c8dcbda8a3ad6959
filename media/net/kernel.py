"""Many datagrams by one call where one socket has them, one call for each socket elsewhere."""

import socket
from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from media.net.address import SOCKADDR_BYTES, name_lengths
from media.net.batch import BATCH_MAX, Batch
from media.net.messages import Calls, Messages

DONT_WAIT = int(socket.MSG_DONTWAIT)
TRUNCATED = int(socket.MSG_TRUNC)


class Kernel:
    """Reads and writes rows in place: nothing is made for a datagram."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._outgoing = Messages(BATCH_MAX)

    def receive_each(self, fds: Sequence[int], batch: Batch) -> NDArray[np.int32]:
        """One datagram from each, into the first rows: their lengths, -1 where there is none."""
        took = map(self._calls.recvmsg, fds, batch.messages.pointers, repeat(DONT_WAIT))
        return _whole(batch.messages, 0, np.fromiter(took, np.int32, len(fds)))

    def receive_many(self, fd: int, batch: Batch, first: int) -> NDArray[np.int32]:
        """What one has, into the rows from `first` on: their lengths, -1 for what is cut short."""
        messages = batch.messages
        room = batch.size - first
        took = self._calls.recvmmsg(fd, messages.pointers[first], room, DONT_WAIT, None)
        # An error is that of a packet sent before (ICMP): the socket is still good.
        end = first + max(0, took)
        return _whole(messages, first, messages.lengths[first:end].astype(np.int32))

    def send(
        self,
        fds: Sequence[int],
        starts: Sequence[int],
        data: NDArray[np.uint8],
        lengths: NDArray[np.int32],
        destinations: NDArray[np.uint8],
    ) -> int:
        """Send runs of rows, each from one socket, which begin at `starts`: how many went."""
        messages, count = self._outgoing, len(data)
        messages.point(data, destinations)
        messages.room[:count] = lengths
        messages.name_lengths[:count] = name_lengths(destinations)
        if len(fds) == count:
            return self._send_each(fds)
        ends = [*starts[1:], count]
        return sum(self._send_run(*run) for run in zip(fds, starts, ends, strict=True))

    def _send_each(self, fds: Sequence[int]) -> int:
        pointers = self._outgoing.pointers
        took = list(map(self._calls.sendmsg, fds, pointers, repeat(DONT_WAIT)))
        failed = [row for row, sent in enumerate(took) if sent < 0] if min(took) < 0 else []
        # The error may be that of a packet sent before: then this one was not tried.
        again = sum(self._calls.sendmsg(fds[row], pointers[row], DONT_WAIT) >= 0 for row in failed)
        return len(took) - len(failed) + again

    def _send_run(self, fd: int, start: int, end: int) -> int:
        sent, row, again = 0, start, False
        while row < end:
            done = self._calls.sendmmsg(fd, self._outgoing.pointers[row], end - row, DONT_WAIT)
            if done > 0:
                sent, row, again = sent + done, row + done, False
            elif not again:
                again = True
            else:
                row, again = row + 1, False
        return sent


def _whole(messages: Messages, first: int, lengths: NDArray[np.int32]) -> NDArray[np.int32]:
    """Lengths of what came in whole; and room for a name, of which the call took what it used."""
    rows = slice(first, first + len(lengths))
    messages.name_lengths[rows] = SOCKADDR_BYTES
    lengths[messages.flags[rows] & TRUNCATED != 0] = -1
    return lengths
