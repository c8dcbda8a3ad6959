"""Many datagrams by one call where one socket has them, one call for each socket elsewhere."""

import socket
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from media.net.address import SOCKADDR_BYTES, name_lengths
from media.net.batch import BATCH_MAX, Batch
from media.net.held import Held
from media.net.messages import Calls, Messages

DONT_WAIT = int(socket.MSG_DONTWAIT)
TRUNCATED = int(socket.MSG_TRUNC)


class Kernel:
    """Reads and writes rows in place: nothing is made for a datagram."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._outgoing = Messages(BATCH_MAX)

    def receive(self, ready: Sequence[Held], batch: Batch) -> int:
        """Fill a batch from sockets that are ready. Answers how many of them had their turn."""
        messages, recvmsg = batch.messages, self._calls.recvmsg
        pointers = messages.pointers
        ports: list[int] = []
        lengths: list[int] = []
        turns = 0
        for held in ready:
            if len(ports) == batch.size:
                break
            turns += 1
            if held.shared:
                first, room = len(ports), batch.size - len(ports)
                many = self._calls.recvmmsg(held.fd, pointers[first], room, DONT_WAIT, None)
                if many > 0:
                    ports += [held.port] * many
                    lengths += messages.lengths[first : first + many].tolist()
                continue
            # One each: a port that is flooded has its turn like all the others.
            length = recvmsg(held.fd, pointers[len(ports)], DONT_WAIT)
            # An error is that of a packet sent before (ICMP): the socket is still good.
            if length >= 0:
                ports.append(held.port)
                lengths.append(length)
        count = len(ports)
        messages.name_lengths[:count] = SOCKADDR_BYTES
        whole = messages.flags[:count] & TRUNCATED == 0
        batch.finish(np.array(ports, np.int32), np.array(lengths, np.int32), whole)
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
        messages, sendmsg, count = self._outgoing, self._calls.sendmsg, len(data)
        messages.point(data, destinations)
        messages.room[:count] = lengths
        messages.name_lengths[:count] = name_lengths(destinations)
        pointers, sent = messages.pointers, 0
        for held, start, end in zip(sockets, starts, [*starts[1:], count], strict=True):
            if held is None:
                continue
            if end - start > 1:
                sent += self._send_run(held.fd, start, end)
            elif (
                sendmsg(held.fd, pointers[start], DONT_WAIT) >= 0
                or sendmsg(held.fd, pointers[start], DONT_WAIT) >= 0
            ):
                sent += 1
        return sent

    def _send_run(self, fd: int, start: int, end: int) -> int:
        sent, row, again = 0, start, False
        while row < end:
            done = self._calls.sendmmsg(fd, self._outgoing.pointers[row], end - row, DONT_WAIT)
            if done > 0:
                sent, row, again = sent + done, row + done, False
            elif not again:
                # The error may be that of a packet sent before: this one was not tried then.
                again = True
            else:
                row, again = row + 1, False
        return sent
