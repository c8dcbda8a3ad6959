"""How far a long command is, for somebody who watches it on a terminal."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

Told = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and all of it."""


@contextmanager
def shown() -> Generator[Told, None, None]:
    """A line on standard error that is written over, and gone at the end; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    last = ""

    def told(what: str, done: int, of: int) -> None:
        nonlocal last
        line = f"{what}: {100 * done // max(1, of)}%"
        if line != last:
            last = line
            print(f"\r{line:<20}", end="", file=sys.stderr, flush=True)

    try:
        yield told
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
