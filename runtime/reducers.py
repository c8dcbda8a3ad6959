"""Reducers: the only way a row changes."""

import builtins
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from runtime import determinism
from runtime.values import Plain, plain, typed

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Reducer:
    """A registered reducer: its name in the log, its code's hash, its typed arguments."""

    name: str
    module: str
    function: Callable[..., Any]
    hints: dict[str, Any]
    by: tuple[str, ...] = ()
    signed: bool = False

    def run(self, ctx: Any, args: dict[str, Plain]) -> Plain:
        """Fold one action. `args` are plain values, as they stand in the log."""
        arguments = {name: typed(value, self.hints[name]) for name, value in args.items()}
        return plain(_confined(self.function)(ctx, **arguments))


_REGISTERED: dict[str, Reducer] = {}
_BY_FUNCTION: dict[Callable[..., Any], Reducer] = {}
_CONFINED: dict[Callable[..., Any], Callable[..., Any]] = {}


@overload
def reducer(function: F, /) -> F: ...
@overload
def reducer(*, by: tuple[str, ...], signed: bool = False) -> Callable[[F], F]: ...
def reducer(
    function: Callable[..., Any] | None = None, /, *, by: tuple[str, ...] = (), signed: bool = False
) -> Callable[..., Any]:
    """Register a reducer as `folder.function`, once the guard has read it.

    Raises Nondeterminism for code that a replay could not repeat.
    """
    if function is None:
        return lambda chosen: _register(chosen, by, signed)
    return _register(function, by, signed)


def _register(function: F, by: tuple[str, ...], signed: bool) -> F:
    digest = determinism.check(function)
    hints = typing.get_type_hints(function)
    name = f"{function.__module__.split('.')[0]}.{function.__name__}"
    assert name not in _REGISTERED, f"two reducers are called {name}"
    found = Reducer(name, digest, function, hints, by, signed)
    _REGISTERED[name] = _BY_FUNCTION[function] = found
    return function


def find(which: str | Callable[..., Any]) -> Reducer:
    """The reducer of a name or function. Raises KeyError where there is none."""
    return _REGISTERED[which] if isinstance(which, str) else _BY_FUNCTION[which]


_PURE_BUILTINS = {
    name: getattr(builtins, name) for name in determinism.BUILTINS if hasattr(builtins, name)
}


def _confined(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with nothing but the pure builtins in reach."""
    if function not in _CONFINED:
        assert isinstance(function, types.FunctionType), "a reducer is a plain function"
        scope = {**function.__globals__, "__builtins__": _PURE_BUILTINS}
        copy = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        _CONFINED[function] = copy
    return _CONFINED[function]
