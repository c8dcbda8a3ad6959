"""What has been declared: tables and reducers, of the house and of each deployed module.

A module is read into declarations of its own; nothing of it can be found until they are adopted.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Declarations:
    """Tables (`Schema`) and reducers (`Reducer`) by name; `prefix` is the module's name."""

    prefix: str = ""
    schemas: dict[str, Any] = field(default_factory=dict[str, Any])
    reducers: dict[str, Any] = field(default_factory=dict[str, Any])


HOUSE = Declarations()
"""What the release itself brings."""

_current = [HOUSE]


def current() -> Declarations:
    """Where a table or reducer that is declared now belongs."""
    return _current[-1]


@contextmanager
def declaring(into: Declarations) -> Generator[None]:
    """What is declared meanwhile belongs to `into`. Modules are read one at a time."""
    _current.append(into)
    try:
        yield
    finally:
        _current.pop()
