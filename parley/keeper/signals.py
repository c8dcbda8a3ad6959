"""Signals as something to select on."""

import signal
import socket
from types import FrameType
from typing import Self

STOP = (signal.SIGTERM, signal.SIGINT)
DRAIN_BYTES = 4_096


class Signals:
    """While entered: SIGTERM and SIGINT are counted, and they and SIGCHLD wake the selector."""

    def __init__(self) -> None:
        self.stops = 0
        self.waker, self._write = socket.socketpair()
        self.waker.setblocking(False)
        self._write.setblocking(False)

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in (*STOP, signal.SIGCHLD)}
        self._fd_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.waker.close()
        self._write.close()

    def drain(self) -> None:
        self.waker.recv(DRAIN_BYTES)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.stops += number in STOP
