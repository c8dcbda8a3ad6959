"""Reducers: the only way a row changes."""

import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, overload

from runtime import determinism
from runtime.confinement import confined, without_addresses
from runtime.declared import HOUSE, current
from runtime.determinism import Reading
from runtime.values import Plain, codec_of, plain

F = TypeVar("F", bound=Callable[..., Any])

ANYONE = "*"
"""In `by`: every active identity."""


@dataclass(frozen=True)
class Reducer:
    """A registered reducer: its name in the log, its typed arguments, who may call it.

    `by` names the roles whose identities may act; without any, only the house itself may.
    `signed` asks an identity for a signature of the action, which the log then keeps.
    """

    name: str
    function: Callable[..., Any]
    by: tuple[str, ...]
    signed: bool
    version: str = ""

    def run(self, ctx: Any, args: dict[str, Plain]) -> Plain:
        """Fold one action. `args` are plain values, as they stand in the log."""
        decoders = self.decoders
        try:
            typed = {name: decoders[name](value) for name, value in args.items()}
        except KeyError as error:
            raise TypeError(f"{self.name} takes no argument {error}") from error
        try:
            return plain(self._confined(ctx, **typed))
        except Exception as error:
            raise without_addresses(error) from error.__cause__

    @cached_property
    def reading(self) -> Reading:
        """All that it is made of. Raises Nondeterminism for what a replay could not repeat.

        Worked out once the whole module is there: at its definition, what it calls may not be.
        """
        return determinism.read(self.function)

    @cached_property
    def module(self) -> str:
        """The hash of its code and of all that the code is made of, in hex.

        Of a deployed module it is the hash of the version, tables and all.
        """
        digest = self.reading.digest
        return self.version or digest

    @cached_property
    def hints(self) -> dict[str, Any]:
        """Its annotations, resolved."""
        return typing.get_type_hints(self.function)

    @cached_property
    def decoders(self) -> dict[str, Callable[[Plain], Any]]:
        """For each argument, from the log's value to the one the reducer wants."""
        return {
            name: codec_of(hint).typed
            for name, hint in self.hints.items()
            if name not in ("ctx", "return")
        }

    @cached_property
    def _confined(self) -> Callable[..., Any]:
        """The function with nothing in reach but what was read."""
        return confined(self.function, self.reading)


_BY_FUNCTION: dict[Callable[..., Any], Reducer] = {}


@overload
def reducer(function: F, /) -> F: ...
@overload
def reducer(*, by: tuple[str, ...] = (), signed: bool = False) -> Callable[[F], F]: ...
def reducer(function: Any = None, /, *, by: tuple[str, ...] = (), signed: bool = False) -> Any:
    """Register a reducer as `folder.function`, once the guard has read what is there to read.

    Raises Nondeterminism for code that a replay could not repeat.
    """
    if function is not None:
        return _register(function, by, signed)

    def register(function: F) -> F:
        return _register(function, by, signed)

    return register


def _register(function: F, by: tuple[str, ...], signed: bool) -> F:
    determinism.read(function, early=True)
    known = current()
    name = f"{known.prefix or function.__module__.split('.')[0]}.{function.__name__}"
    assert name not in known.reducers, f"two reducers are called {name}"
    known.reducers[name] = _BY_FUNCTION[function] = Reducer(
        name, function, by, signed, known.digest
    )
    return function


def find(which: str | Callable[..., Any]) -> Reducer:
    """The reducer of a name or function. Raises KeyError where there is none."""
    if isinstance(which, str):
        named: Reducer = HOUSE.reducers[which]
        return named
    # What a reducer passes on is its own copy of a function.
    return _BY_FUNCTION[getattr(which, "__wrapped__", which)]


def settle() -> dict[str, str]:
    """Read every reducer to its end, so that no action has to wait: name -> hash of its code.

    Raises Nondeterminism: a helper that stands below its reducer can be read only now.
    """
    assert all(one.decoders is not None for one in HOUSE.reducers.values())
    return {name: HOUSE.reducers[name].module for name in sorted(HOUSE.reducers)}
