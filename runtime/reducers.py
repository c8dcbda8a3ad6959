"""Reducers: the only way a row changes."""

import builtins
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, overload

from runtime import determinism
from runtime.declared import HOUSE, current
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
        return plain(self._confined(ctx, **typed))

    @cached_property
    def module(self) -> str:
        """The hash of its code and of all that it calls, in hex.

        Worked out once the whole module is there: at its definition, what it calls may not be.
        Of a deployed module it is the hash of the version, tables and all.
        """
        digest = determinism.check(self.function)
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
        """The function with nothing but the pure builtins in reach."""
        function = self.function
        assert isinstance(function, types.FunctionType), "a reducer is a plain function"
        scope = {**function.__globals__, "__builtins__": _PURE_BUILTINS}
        copy = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        return copy


_BY_FUNCTION: dict[Callable[..., Any], Reducer] = {}


@overload
def reducer(function: F, /) -> F: ...
@overload
def reducer(*, by: tuple[str, ...] = (), signed: bool = False) -> Callable[[F], F]: ...
def reducer(function: Any = None, /, *, by: tuple[str, ...] = (), signed: bool = False) -> Any:
    """Register a reducer as `folder.function`, once the guard has read it.

    Raises Nondeterminism for code that a replay could not repeat.
    """
    if function is not None:
        return _register(function, by, signed)

    def register(function: F) -> F:
        return _register(function, by, signed)

    return register


def _register(function: F, by: tuple[str, ...], signed: bool) -> F:
    determinism.check(function)
    known = current()
    name = f"{known.prefix or function.__module__.split('.')[0]}.{function.__name__}"
    assert name not in known.reducers, f"two reducers are called {name}"
    known.reducers[name] = _BY_FUNCTION[function] = Reducer(
        name, function, by, signed, known.digest
    )
    return function


def find(which: str | Callable[..., Any]) -> Reducer:
    """The reducer of a name or function. Raises KeyError where there is none."""
    found: Reducer = HOUSE.reducers[which] if isinstance(which, str) else _BY_FUNCTION[which]
    return found


def settle() -> None:
    """Hash and guard every reducer now, so that no action has to wait for it."""
    for one in HOUSE.reducers.values():
        assert one.module and one.decoders is not None


_PURE_BUILTINS = {
    name: getattr(builtins, name) for name in determinism.BUILTINS if hasattr(builtins, name)
}
