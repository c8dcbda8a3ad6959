"""Reducers: the only way a row changes."""

import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from runtime import determinism
from runtime.confinement import confined, without_addresses
from runtime.determinism import Reading
from runtime.values import Plain, plain, typed

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Reducer:
    """A registered reducer: its name in the log and its typed arguments."""

    name: str
    function: Callable[..., Any]
    hints: dict[str, Any]

    @cached_property
    def reading(self) -> Reading:
        """What the guard found. Raises Nondeterminism for code that a replay could not repeat."""
        return determinism.read(self.function)

    @cached_property
    def module(self) -> str:
        """The hash of its code and of all that the code is made of, in hex."""
        return self.reading.digest

    @cached_property
    def confined(self) -> Callable[..., Any]:
        """The function with nothing in reach but what was read."""
        return confined(self.function, self.reading)

    def run(self, ctx: Any, args: dict[str, Plain]) -> Plain:
        """Fold one action. `args` are plain values, as they stand in the log."""
        arguments = {name: typed(value, self.hints[name]) for name, value in args.items()}
        try:
            return plain(self.confined(ctx, **arguments))
        except Exception as error:
            raise without_addresses(error) from error.__cause__


_REGISTERED: dict[str, Reducer] = {}
_BY_FUNCTION: dict[Callable[..., Any], Reducer] = {}


def reducer(function: F) -> F:
    """Register a reducer as `folder.function`, once the guard has read what is there to read.

    Raises Nondeterminism for code that a replay could not repeat.
    """
    determinism.read(function, early=True)
    hints = typing.get_type_hints(function)
    name = f"{function.__module__.split('.')[0]}.{function.__name__}"
    assert name not in _REGISTERED, f"two reducers are called {name}"
    _REGISTERED[name] = _BY_FUNCTION[function] = Reducer(name, function, hints)
    return function


def find(which: str | Callable[..., Any]) -> Reducer:
    """The reducer of a name or function. Raises KeyError where there is none."""
    if isinstance(which, str):
        return _REGISTERED[which]
    return _BY_FUNCTION[getattr(which, "__wrapped__", which)]


def ready() -> dict[str, str]:
    """Read every reducer to its end, now that all modules are there: name -> hash of its code.

    Raises Nondeterminism: a helper may stand below the reducer which calls it, so that only now
    can it be read.
    """
    return {name: _REGISTERED[name].module for name in sorted(_REGISTERED)}
