"""Starting a program which binds ports that it is told: again on others, where they are taken."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
TRIES_MAX = 3
START_S_MAX = 60.0
TICK_S = 0.05
TAKEN = "Address already in use"
"""What strerror says of EADDRINUSE, and whoever repeats it."""
SAID_BYTES_MAX = 4_000


class PortsTaken(Exception):
    """Somebody else was quicker to bind a port that was free when it was chosen."""


def on_free_ports(start: Callable[[], T]) -> T:
    """What `start` makes. It takes other ports each time, and raises PortsTaken where they went."""
    said: list[str] = []
    for _ in range(TRIES_MAX):
        try:
            return start()
        except PortsTaken as error:
            said.append(str(error))
    raise AssertionError(f"{TRIES_MAX} times a port was taken meanwhile: {said}")


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the program is there; `log` is what it says.

    Raises PortsTaken where it could not bind one, whether it ended or goes on without.
    """
    ends, name = monotonic() + START_S_MAX, log.name
    has_ended = False
    while not ready():
        if TAKEN in (said := last_words(log)):
            raise PortsTaken(said)
        assert not has_ended, f"{name}: it ended: {said}"
        assert monotonic() < ends, f"{name}: it does not start: {said}"
        with suppress(subprocess.TimeoutExpired):
            process.wait(TICK_S)
        # It may have been ready, and done, since the last look: there is one more.
        has_ended = process.poll() is not None
    if TAKEN in (said := last_words(log)):
        raise PortsTaken(said)


@contextmanager
def ended_if_not(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Leave nothing running that did not start."""
    try:
        yield
    except BaseException:
        process.kill()
        process.communicate()
        raise


def last_words(log: Path) -> str:
    return log.read_bytes()[-SAID_BYTES_MAX:].decode(errors="replace") if log.exists() else ""
