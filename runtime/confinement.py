"""A reducer runs with nothing in reach but what the guard has read."""

import builtins
import re
import types
from collections.abc import Callable
from typing import Any, cast

from runtime.determinism import Reading
from runtime.pure import BUILTINS

_PURE_BUILTINS = {name: getattr(builtins, name) for name in sorted(BUILTINS)}
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def confined(function: Callable[..., Any], reading: Reading) -> Callable[..., Any]:
    """A copy of `function`, and of all that it calls, over the values that were read.

    What happens to a module later (another function put in the place of one, an entry added to
    a table of rules) does not reach the copy.
    """
    return _Copies(reading).of(function)


class _Copies:
    def __init__(self, reading: Reading) -> None:
        self._scopes = reading.scopes
        self._made: dict[Callable[..., Any], types.FunctionType] = {}

    def of(self, function: Callable[..., Any]) -> types.FunctionType:
        """One copy of each function: those that call each other call each other's copies."""
        if function in self._made:
            return self._made[function]
        original = cast("types.FunctionType", function)
        scope = {"__builtins__": _PURE_BUILTINS, "__name__": original.__module__}
        copy = types.FunctionType(
            original.__code__, scope, original.__name__, original.__defaults__
        )
        copy.__kwdefaults__ = original.__kwdefaults__
        copy.__qualname__ = original.__qualname__
        copy.__dict__["__wrapped__"] = original
        self._made[function] = copy
        for name, value in self._scopes[function].items():
            scope[name] = self._value(value)
        return copy

    def _value(self, value: Any) -> Any:
        if isinstance(value, types.FunctionType) and value in self._scopes:
            return self.of(value)
        if isinstance(value, types.SimpleNamespace):
            return types.SimpleNamespace(**{n: self._value(v) for n, v in vars(value).items()})
        if type(value) is tuple:
            return tuple(self._value(item) for item in cast("tuple[Any, ...]", value))
        if type(value) in (dict, types.MappingProxyType):
            rules = cast("dict[Any, Any]", value)
            return types.MappingProxyType({k: self._value(v) for k, v in rules.items()})
        return value


def without_addresses(error: Exception) -> Exception:
    """The same error; what it says no longer tells where in memory something lay."""
    error.args = tuple(_ADDRESS.sub("", a) if isinstance(a, str) else a for a in error.args)
    return error
