"""A process we started and the control socket to it. Nothing here ever waits for the process."""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from parley.keeper.upkeep import Role

CONTROL_BYTES_MAX = 65_536
# A whole port range may be on its way to a media process which has just been started.
OUTBOX_MAX = 4_096
KILL_WAIT_S = 2.0

# The kernel holds only so many messages, and so many descriptors which nobody has fetched yet.
FULL = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS})

_LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Unreachable(Exception):
    """This process can be told nothing any more."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message and its own copies of the descriptors which go with it."""

    content: bytes
    fds: tuple[int, ...]

    def drop(self) -> None:
        for fd in self.fds:
            os.close(fd)


class Child:
    def __init__(self, role: Role, module: str) -> None:
        """Raises OSError when the machine has no process or descriptor left."""
        self.role = role
        self.index = 0
        """Which of its role it is, once it is promoted."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setblocking(False)
        self._outbox: deque[Parcel] = deque()
        self.is_full = False
        """Whether its socket took no more, and says when it does."""
        with theirs:
            try:
                self._process = _start(module, theirs.fileno())
            except OSError:
                self.control.close()
                raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; -9 when it was killed."""
        return self._process.poll()

    @property
    def has_backlog(self) -> bool:
        return bool(self._outbox)

    def send(self, message: Mapping[str, object], *sockets: socket.socket) -> None:
        """Send now or with a later flush. The sockets stay the caller's. Raises Unreachable."""
        content = json.dumps(message, separators=(",", ":")).encode()
        assert len(content) <= CONTROL_BYTES_MAX, "the configuration was measured at start"
        if len(self._outbox) >= OUTBOX_MAX:
            raise Unreachable("it does not read its control socket")
        try:
            fds = tuple(os.dup(item.fileno()) for item in sockets)
        except OSError as error:
            raise Unreachable(f"no descriptor left for it: {error}") from error
        self._outbox.append(Parcel(content, fds))
        self.flush()

    def flush(self) -> None:
        """Send what the kernel takes; the rest stays for the next time. Raises Unreachable."""
        self.is_full = False
        while self._outbox:
            parcel = self._outbox[0]
            try:
                socket.send_fds(self.control, [parcel.content], parcel.fds)
            except OSError as error:
                if error.errno in FULL:
                    self.is_full = error.errno == errno.EAGAIN
                    return
                raise Unreachable(str(error)) from error
            self._outbox.popleft().drop()

    def receive(self) -> Mapping[str, object] | None:
        """The next message, empty when it cannot be read; None when the process hung up."""
        try:
            content = self.control.recv(CONTROL_BYTES_MAX)
        except BlockingIOError:
            return {}
        except OSError:
            return None
        return _message(content) if content else None

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """End it if it still runs, and let go of everything that was meant for it."""
        self._process.kill()
        # A process stuck in the kernel ends when the kernel lets it; the server does not wait.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_WAIT_S)
        while self._outbox:
            self._outbox.popleft().drop()
        self.control.close()


def _start(module: str, control: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, "--control", str(control)],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),  # Standard output belongs to the command which the user gave.
        pass_fds=[control],
        # Our matrices are small: the threads of BLAS would only wait for each other, and a tick
        # for all of them.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        process_group=0,  # Ctrl-C is for the keeper, which then stops everyone in order.
        preexec_fn=_guarded,  # noqa: PLW1509 - the keeper has one thread.
    )


def _guarded() -> None:
    # The end of its control socket tells a child the same, but only a child which still listens.
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Keys and voices are in its memory: no core file, and where cores are piped to a program, which
    # heeds no limit, nothing of the memory in it (core(5)). Both outlive an exec.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/coredump_filter", "w", encoding="ascii") as file:
        file.write("0")


def _message(content: bytes) -> Mapping[str, object]:
    try:
        message: Any = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", message) if isinstance(message, dict) else {}
