"""CPU per datagram of 172 bytes: batched, and one call of Python's for each. Over loopback.

Run: python -m bench.datagrams [PORTS]
"""

import platform
import select
import socket
import sys
import time
from collections.abc import Callable

import numpy as np

from media.net import BATCH_MAX, SOCKADDR_BYTES, Batch, Sockets, pack

CONTENT = bytes(172)
ROUNDS = 30
BUFFER_BYTES = 4 * 1024 * 1024
HOST = "127.0.0.1"


class Line:
    """So many ports of ours, or one which all calls share, and the far end of all."""

    def __init__(self, calls: int, shared: bool) -> None:
        self.far = bound()
        held = [bound() for _ in range(1 if shared else calls)]
        self.near = {sock.fileno(): sock for sock in held}
        self.sockets, self.epoll = Sockets(), select.epoll()
        for sock in held:
            self.sockets.add(sock.getsockname()[1], sock, shared=shared)
            self.epoll.register(sock.fileno(), select.EPOLLIN)
        self.senders = held * (calls // len(held))
        self.ports = np.array([sock.getsockname()[1] for sock in self.senders], np.int32)
        self.data = np.zeros((calls, len(CONTENT)), np.uint8)
        self.lengths = np.full(calls, len(CONTENT), np.int32)
        packed = pack(self.far.getsockname()) * calls
        self.destinations = np.frombuffer(packed, np.uint8).reshape(calls, SOCKADDR_BYTES)
        self.batch = Batch()

    def come_in(self) -> None:
        for port in self.ports.tolist():
            self.far.sendto(CONTENT, (HOST, port))

    def receive_batched(self) -> None:
        while self.sockets.receive(self.batch):
            continue

    def receive_each(self) -> None:
        for fd, _ in self.epoll.poll(0, BATCH_MAX):
            read_all(self.near[fd])

    def send_batched(self) -> None:
        self.sockets.send(self.ports, self.data, self.lengths, self.destinations)

    def send_each(self) -> None:
        to = self.far.getsockname()
        for sock in self.senders:
            sock.sendto(CONTENT, to)

    def went_out(self) -> None:
        read_all(self.far)

    def close(self) -> None:
        self.sockets.close()
        self.epoll.close()
        self.far.close()


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    sock.bind((HOST, 0))
    sock.setblocking(False)
    return sock


def read_all(sock: socket.socket) -> None:
    while True:
        try:
            sock.recvfrom(2_048)
        except BlockingIOError:
            return


def measured(
    work: Callable[[], None], before: Callable[[], None], after: Callable[[], None]
) -> float:
    """The least CPU seconds of a few rounds."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        before()
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
        after()
    return min(taken)


def nothing() -> None:
    """No preparation."""


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"{platform.machine()}, Python {platform.python_version()}, {calls} calls, us each")
    print(f"{'':<35}{'receive':>7}{'send':>10}")
    for name, shared in (("a port for each call", False), ("one shared port", True)):
        line = Line(calls, shared)
        for how, receive, send in (
            ("batched", line.receive_batched, line.send_batched),
            ("one by one", line.receive_each, line.send_each),
        ):
            receiving = measured(receive, line.come_in, nothing)
            sending = measured(send, nothing, line.went_out)
            us = [1e6 * seconds / calls for seconds in (receiving, sending)]
            print(f"{f'{name}, {how}':<35}{us[0]:>7.2f}{us[1]:>10.2f}")
        line.close()


if __name__ == "__main__":
    main()
