"""What has been declared: tables and reducers, of the house and of each deployed module.

A module is read into declarations of its own; nothing of it can be found until they are adopted.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Declarations:
    """Tables (`Schema`) and reducers (`Reducer`) by name; `prefix` is the module's name.

    `digest` is the hash of all the module's code: it stands in each entry for the code.
    """

    prefix: str = ""
    digest: str = ""
    schemas: dict[str, Any] = field(default_factory=dict[str, Any])
    reducers: dict[str, Any] = field(default_factory=dict[str, Any])


HOUSE = Declarations()
"""What the release itself brings."""

_current: ContextVar[Declarations] = ContextVar("declaring")


def current() -> Declarations:
    """Where a table or reducer that is declared now belongs."""
    return _current.get(HOUSE)


@contextmanager
def declaring(into: Declarations) -> Generator[None]:
    """What is declared meanwhile, by this thread, belongs to `into`."""
    token = _current.set(into)
    try:
        yield
    finally:
        _current.reset(token)
