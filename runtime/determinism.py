"""The guard: a reducer may do only what a replay repeats exactly.

An allow-list, read from the code that will run: its syntax (`syntax.py`), every name it takes
from outside, and so on through every function and class of ours. What was read is all that the
reducer can reach when it runs (`confinement.py`). It is a guard for our own code, not a sandbox
for strangers' code. docs/DETERMINISM.md says what it holds and what it does not.
"""

import builtins
import dataclasses
import enum
import hashlib
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from runtime.pure import (
    BUILTINS,
    ELSE,
    FOREIGN,
    INSTEAD_OF,
    LAZY,
    MACHINES,
    PURE_TYPES,
    TRUSTED,
    impure,
    is_ours,
    package_of,
)
from runtime.source import Source, Where, refuse, source_of

Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """The code's hash in hex, and for every function read what it takes from outside."""

    digest: str
    scopes: dict[Callable[..., Any], Scope]


def check(function: Callable[..., Any]) -> str:
    """Refuse what a replay could not repeat; answer the hash of the code, in hex.

    Raises Nondeterminism with the file, the line and what to do instead.
    """
    return read(function).digest


def read(function: Callable[..., Any], *, early: bool = False) -> Reading:
    """All that `function` is made of. `early`: while its module is still being imported, so
    names that are not there yet are left for the reading proper. Raises Nondeterminism.
    """
    reader = _Reader(early, package_of(function))
    reader.value(function, Where(function))
    if not early:
        _read_arguments(reader, function)
    reader.read_methods()
    return Reading(reader.digest.hexdigest(), reader.scopes)


def _read_arguments(reader: "_Reader", function: Callable[..., Any]) -> None:
    """What comes from the log is made into these classes before the function runs."""
    hints = typing.get_type_hints(function)
    hints.pop("return", None)
    for name, hint in hints.items():
        if Any in (hint, *_parts_of(hint)):
            refuse(Where(function), f"{name} is Any: say its type, so that it can be ordered")
        reader.classes_in(hint, Where(function))


@dataclass(slots=True)
class _Reader:
    """Goes from function to function, each once, always in the same order."""

    early: bool
    home: str
    digest: Any = field(default_factory=hashlib.sha256)
    scopes: dict[Callable[..., Any], Scope] = field(default_factory=dict[Callable[..., Any], Scope])
    seen: dict[type[Any], None] = field(default_factory=dict[type[Any], None])
    words: set[str] = field(default_factory=set[str])
    """All that is written after a dot: only a method with such a name can be called."""
    methods: dict[tuple[type, str], Any] = field(default_factory=dict[tuple[type, str], Any])
    """Of the classes that were seen; those not yet read."""

    def value(self, value: Any, where: Where) -> None:
        """Something that a name stands for."""
        if callable(value) and value in FOREIGN:
            self._note(value.__name__)
        elif isinstance(value, types.FunctionType):
            self._function(value, where)
        elif isinstance(value, type):
            self._class(value, where)
        elif isinstance(value, types.BuiltinFunctionType | types.BuiltinMethodType):
            refuse(where, impure(value.__name__))
        else:
            self._constant(value, where)

    def _function(self, function: types.FunctionType, where: Where) -> None:
        if function in self.scopes:
            return
        if not is_ours(function, self.home):
            refuse(where, f"{function.__module__}.{function.__name__} is not ours: take its"
                    " result as an argument, or commit an effect")  # fmt: skip
        if function.__closure__ or function.__name__ == "<lambda>":
            refuse(where, f"{function.__qualname__} carries values along, or has no name:"
                    " write a function with def at the top of a module")  # fmt: skip
        scope = self.scopes[function] = {}
        source = source_of(function)
        for line, wrong in source.faults:
            refuse(Where(function, line), wrong)
        self._note(source.text)
        self.words |= source.words
        for default in (function.__defaults__, *(function.__kwdefaults__ or {}).items()):
            self._constant(default, Where(function))
        for name, first in source.names:
            self._name(function, source, name, scope, Where(function, first))

    def _name(self, function: Any, source: Source, name: str, scope: Scope, where: Where) -> None:
        known = function.__globals__
        if name not in known and name not in BUILTINS:
            if hasattr(builtins, name):
                refuse(where, impure(name))
            if not self.early:
                refuse(where, f"{name} is not defined")
        elif name in known and not isinstance(known[name], types.ModuleType):
            self.value(known[name], where)
            scope[name] = known[name]
        elif name in known:
            scope[name] = self._module(known[name], source, name, where)

    def _module(self, module: Any, source: Source, name: str, where: Where) -> Any:
        """Of a module, only what is taken out of it by name."""
        found = types.SimpleNamespace()
        for path in source.taken(name, where):
            owner, place = module, found
            for step, attr in enumerate(path):
                if not hasattr(owner, attr):
                    break  # Not there yet, or never: then it is not there when it runs, either.
                owner = getattr(owner, attr)
                if not isinstance(owner, types.ModuleType):
                    self.value(owner, where)
                    setattr(place, attr, owner)
                    break
                if step == len(path) - 1:
                    refuse(where, f"the module {owner.__name__} is passed on whole")
                place = vars(place).setdefault(attr, types.SimpleNamespace())
        return found

    def _constant(self, value: Any, where: Where) -> None:
        """A table of rules is part of the code: it must be the same in every process."""
        kind = typing.cast("type[Any]", type(value))
        if value is None or kind in (str, int, bytes, bool):
            self._note(repr(value))
        elif issubclass(kind, enum.Enum):
            self._note(str(value.value))
            self._class(kind, where)
        elif kind in (tuple, dict, types.MappingProxyType):
            self._note(f"{kind.__name__} {len(value)}")
            for item in value if kind is tuple else _flat(value):
                self.value(item, where)
        elif _is_frozen(value):
            self._class(kind, where)
            for one in dataclasses.fields(value):
                self.value(getattr(value, one.name), where)
        else:
            refuse(where, f"a {kind.__name__} {INSTEAD_OF.get(kind, ELSE)}")

    def _class(self, cls: type[Any], where: Where) -> None:
        if cls in self.seen or cls in PURE_TYPES or cls.__module__ in TRUSTED:
            return
        self.seen[cls] = None
        if not is_ours(cls, self.home):
            refuse(where, f"{cls.__name__} is not in the list of pure types")
        if issubclass(cls, Exception):
            return  # It ends the action, and nothing of it stands in the log.
        if type(cls) not in (type, enum.EnumMeta):
            refuse(where, f"{cls.__name__} has a metaclass: write a plain dataclass")
        if not (issubclass(cls, enum.Enum | tuple) or dataclasses.is_dataclass(cls)):
            refuse(where, f"{cls.__name__} is neither a dataclass, an enumeration nor an error")
        self._note(cls.__qualname__)
        for owner in cls.__mro__:
            if is_ours(owner, self.home):
                self._members(owner, where)

    def _members(self, cls: type[Any], where: Where) -> None:
        if issubclass(cls, enum.Enum):
            for member in cls:
                self._note(f"{member.name}={member.value}")
        is_row = dataclasses.is_dataclass(cls)
        for one in dataclasses.fields(cls) if is_row else ():
            if one.default_factory is not dataclasses.MISSING:
                self.value(one.default_factory, where)
            elif one.default is not dataclasses.MISSING:
                self._constant(one.default, where)
        declared = {one.name for one in dataclasses.fields(cls)} if is_row else set[str]()
        for name, member in vars(cls).items():
            if name == "__del__":
                refuse(where, f"{cls.__name__} has a finalizer: nobody knows when it runs")
            if _functions_of(member):
                self.methods[cls, name] = member
            elif isinstance(member, LAZY):
                refuse(where, f"{cls.__name__}.{name} is shared between calls: keep it in a row")
            elif not (name.startswith("_") or name in declared or hasattr(member, "__get__")):
                self._constant(member, where)
        if is_row and not self.early:
            for hint in typing.get_type_hints(cls).values():
                self.classes_in(hint, where)

    def read_methods(self) -> None:
        """Those that somebody calls by name, and those that Python calls unasked."""
        while due := [k for k in self.methods if k[1] in self.words or k[1].startswith("__")]:
            for key in due:
                for function in _functions_of(self.methods.pop(key)):
                    if function.__code__.co_filename not in MACHINES:
                        self._function(function, Where(function))

    def classes_in(self, hint: Any, where: Where) -> None:
        for part in (hint, *_parts_of(hint)):
            if isinstance(part, type) and is_ours(part, self.home):
                self._class(typing.cast("type[Any]", part), where)

    def _note(self, text: str) -> None:
        self.digest.update(f"{text}\n".encode())


def _is_frozen(value: Any) -> bool:
    parameters: Any = getattr(value, "__dataclass_params__", None)
    return not isinstance(value, type) and parameters is not None and bool(parameters.frozen)


def _flat(table: Any) -> Iterator[Any]:
    for key, value in table.items():
        yield key
        yield value


def _functions_of(member: Any) -> list[types.FunctionType]:
    if isinstance(member, property):
        found = [member.fget, member.fset, member.fdel]
    else:
        found = [getattr(member, "__func__", member)]
    return [one for one in found if isinstance(one, types.FunctionType)]


def _parts_of(hint: Any) -> Iterator[Any]:
    for part in typing.get_args(hint):
        yield part
        yield from _parts_of(part)
