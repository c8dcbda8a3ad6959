"""The guard: a reducer may do only what a replay repeats exactly.

An allow-list, read from the code that will run: its syntax (`syntax.py`), every name it takes
from outside, and so on through every function and class of ours. What was read is all that the
reducer can reach when it runs (`confinement.py`). It is a guard for our own code, not a sandbox
for strangers' code. docs/DETERMINISM.md says what it holds and what it does not.
"""

import ast
import builtins
import dataclasses
import dis
import enum
import functools
import hashlib
import inspect
import reprlib
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from runtime import syntax
from runtime.errors import Nondeterminism

BUILTINS = frozenset(
    [
        *("abs", "all", "any", "bool", "bytes", "dict", "divmod", "enumerate", "filter", "int"),
        *("isinstance", "len", "list", "map", "max", "min", "range", "reversed", "round"),
        *("sorted", "str", "sum", "tuple", "zip", "ValueError", "KeyError", "StopIteration"),
    ]
)
"""What a reducer finds under `__builtins__`: no set, hash, id, repr, open, getattr, float."""

FOREIGN: tuple[Any, ...] = (dataclasses.replace, dataclasses.asdict, typing.cast)
"""Functions of other people that are pure and ordered."""

OURS = frozenset(
    [
        *("runtime", "media", "consent", "telephony", "conversation", "recordings"),
        *("transcripts", "sessions", "web", "parley", "tests", "bench", "__main__"),
    ]
)
"""Whose functions and classes are read, and so may be used."""

TRUSTED = ("runtime.context", "runtime.tables", "runtime.sealed", "runtime.values")
"""The floor a reducer stands on: its classes reach SQLite, and are checked by hand and by test."""

_PURE_TYPES = tuple(t for n in BUILTINS if isinstance(t := getattr(builtins, n), type))
_MACHINES = {"<string>", dataclasses.__file__, enum.__file__, reprlib.__file__}
"""Files of the methods that nobody wrote."""

_LAZY = (functools.cached_property, functools.partial)

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
    reader = _Reader(early)
    reader.value(function, _Where(function))
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
            _refuse(_Where(function), f"{name} is Any: say its type, so that it can be ordered")
        reader.classes_in(hint, _Where(function))


@dataclass(frozen=True, slots=True)
class _Where:
    """The function being read, and the line in it."""

    function: Any
    line: int | None = None


def _refuse(where: _Where, what: str) -> NoReturn:
    function = where.function
    code = getattr(function, "__code__", None)
    line = where.line or (code.co_firstlineno if code else "?")
    file = str(function.__module__).replace(".", "/")
    raise Nondeterminism(f"{file}.py, line {line}: {function.__qualname__}: {what}")


@dataclass(slots=True)
class _Reader:
    """Goes from function to function, each once, always in the same order."""

    early: bool
    digest: Any = field(default_factory=hashlib.sha256)
    scopes: dict[Callable[..., Any], Scope] = field(default_factory=dict[Callable[..., Any], Scope])
    seen: dict[type, None] = field(default_factory=dict[type, None])
    words: set[str] = field(default_factory=set[str])
    """All that is written after a dot: only a method with such a name can be called."""
    methods: dict[tuple[type, str], Any] = field(default_factory=dict[tuple[type, str], Any])
    """Of the classes that were seen; those not yet read."""

    def value(self, value: Any, where: _Where) -> None:
        """Something that a name stands for."""
        if isinstance(value, types.FunctionType):
            self._function(value, where)
        elif isinstance(value, type):
            self._class(value, where)
        elif isinstance(value, types.BuiltinFunctionType | types.BuiltinMethodType):
            _refuse(where, _impure(value.__name__))
        else:
            self._constant(value, where)

    def _function(self, function: types.FunctionType, where: _Where) -> None:
        if function in FOREIGN or function in self.scopes:
            return
        if not _is_ours(function):
            _refuse(where, f"{function.__module__}.{function.__name__} is not ours: take its"
                    " result as an argument, or commit an effect")  # fmt: skip
        if function.__closure__ or function.__name__ == "<lambda>":
            _refuse(where, f"{function.__qualname__} carries values along, or has no name:"
                    " write a function with def at the top of a module")  # fmt: skip
        scope = self.scopes[function] = {}
        tree = _tree(function.__code__, _Where(function))
        for line, wrong in syntax.faults(tree):
            _refuse(_Where(function, line), wrong)
        self._note(_text(tree))
        self.words |= {one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute)}
        self.words |= {
            name
            for one in ast.walk(tree)
            if isinstance(one, ast.MatchClass)
            for name in one.kwd_attrs
        }
        for default in (function.__defaults__, *(function.__kwdefaults__ or {}).items()):
            self._constant(default, _Where(function))
        for name, line in _named(function.__code__, tree):
            self._name(function, tree, name, scope, _Where(function, line))

    def _name(self, function: Any, tree: ast.AST, name: str, scope: Scope, where: _Where) -> None:
        known = function.__globals__
        if name not in known and name not in BUILTINS:
            if hasattr(builtins, name):
                _refuse(where, _impure(name))
            if not self.early:
                _refuse(where, f"{name} is not defined")
        elif name in known and not isinstance(known[name], types.ModuleType):
            self.value(known[name], where)
            scope[name] = known[name]
        elif name in known:
            scope[name] = self._module(known[name], tree, name, where)

    def _module(self, module: Any, tree: ast.AST, name: str, where: _Where) -> Any:
        """Of a module, only what is taken out of it by name."""
        taken = types.SimpleNamespace()
        for path in _taken(tree, name, where):
            owner, place = module, taken
            for step, attr in enumerate(path):
                if not hasattr(owner, attr):
                    break  # Not there yet, or never: then it is not there when it runs, either.
                owner = getattr(owner, attr)
                if not isinstance(owner, types.ModuleType):
                    self.value(owner, where)
                    setattr(place, attr, owner)
                    break
                if step == len(path) - 1:
                    _refuse(where, f"the module {owner.__name__} is passed on whole")
                place = vars(place).setdefault(attr, types.SimpleNamespace())
        return taken

    def _constant(self, value: Any, where: _Where) -> None:
        """A table of rules is part of the code: it must be the same in every process."""
        if value is None or type(value) in (str, int, bytes, bool):
            self._note(repr(value))
        elif isinstance(value, enum.Enum):
            self._note(str(value.value))
            self._class(type(value), where)
        elif type(value) in (tuple, dict, types.MappingProxyType):
            items = cast("Any", value)
            self._note(f"{type(value).__name__} {len(items)}")
            for item in items.items() if hasattr(items, "items") else items:
                if type(value) is tuple:
                    self.value(item, where)
                else:
                    self.value(item[0], where)
                    self.value(item[1], where)
        elif dataclasses.is_dataclass(value) and cast("Any", value).__dataclass_params__.frozen:
            self._class(type(value), where)
            for one in dataclasses.fields(cast("Any", value)):
                self.value(getattr(value, one.name), where)
        else:
            _refuse(where, f"a {type(value).__name__} {_INSTEAD_OF.get(type(value), _ELSE)}")

    def _class(self, cls: type, where: _Where) -> None:
        if cls in self.seen or cls in _PURE_TYPES or cls.__module__ in TRUSTED:
            return
        self.seen[cls] = None
        if not _is_ours(cls):
            _refuse(where, f"{cls.__name__} is not in the list of pure types")
        if issubclass(cls, Exception):
            return  # It ends the action, and nothing of it stands in the log.
        if type(cls) not in (type, enum.EnumMeta):
            _refuse(where, f"{cls.__name__} has a metaclass: write a plain dataclass")
        if not (issubclass(cls, enum.Enum | tuple) or dataclasses.is_dataclass(cls)):
            _refuse(where, f"{cls.__name__} is neither a dataclass, an enumeration nor an error")
        self._note(cls.__qualname__)
        for owner in cls.__mro__:
            if _is_ours(owner):
                self._members(owner, where)

    def _members(self, cls: type, where: _Where) -> None:
        if issubclass(cls, enum.Enum):
            for member in cls:
                self._note(f"{member.name}={member.value}")
        for one in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
            if one.default_factory is not dataclasses.MISSING:
                self.value(one.default_factory, where)
            elif one.default is not dataclasses.MISSING:
                self._constant(one.default, where)
        for name, member in vars(cls).items():
            if name == "__del__":
                _refuse(where, f"{cls.__name__} has a finalizer: nobody knows when it runs")
            if _functions_of(member):
                self.methods[cls, name] = member
            if not name.startswith("_") and (_is_shared(member) or isinstance(member, _LAZY)):
                _refuse(where, f"{cls.__name__}.{name} is shared between calls: keep it in a row")
        if dataclasses.is_dataclass(cls) and not self.early:
            for hint in typing.get_type_hints(cls).values():
                self.classes_in(hint, where)

    def read_methods(self) -> None:
        """Those that somebody calls by name, and those that Python calls unasked."""
        while due := [k for k in self.methods if k[1] in self.words or k[1].startswith("__")]:
            for key in due:
                for function in _functions_of(self.methods.pop(key)):
                    if function.__code__.co_filename not in _MACHINES:
                        self._function(function, _Where(function))

    def classes_in(self, hint: Any, where: _Where) -> None:
        for part in (hint, *_parts_of(hint)):
            if isinstance(part, type) and _is_ours(part) and not issubclass(part, type(None)):
                self._class(part, where)

    def _note(self, text: str) -> None:
        self.digest.update(f"{text}\n".encode())


_INSTEAD: dict[str, str] = {
    **dict.fromkeys(("time", "time_ns", "monotonic", "perf_counter"), "read ctx.now"),
    **dict.fromkeys(("random", "urandom", "getrandbits", "token_hex"), "draw from ctx.rng"),
    **dict.fromkeys(("set", "frozenset"), "keep a list, a tuple or the keys of a dict"),
    **dict.fromkeys(("hash", "id"), "it differs between processes; use a key of the row"),
    **dict.fromkeys(("repr", "ascii", "format"), "use str or an f-string"),
    **dict.fromkeys(("float", "complex", "pow"), "count in whole microseconds, cents, permille"),
    **dict.fromkeys(("getattr", "vars", "dir"), "name the attribute"),
    **dict.fromkeys(("open", "print", "input"), "commit an effect, and let its performer do it"),
}


def _impure(name: str) -> str:
    instead = _INSTEAD.get(name, "do it outside, and take its result as an argument")
    return f"{name} is not in the list of pure builtins: {instead}"


_ELSE = "from outside: keep it in a row, or take it as an argument"
_INSTEAD_OF: dict[type, str] = {
    list: "that any call may change: write a tuple",
    set: "whose order depends on the process: write a tuple",
    frozenset: "whose order depends on the process: write a tuple",
    float: ": count in whole microseconds, cents, permille",
}


def _is_ours(thing: Any) -> bool:
    return str(thing.__module__).split(".", maxsplit=1)[0] in OURS


def _is_shared(member: Any) -> bool:
    return isinstance(member, list | dict | set | bytearray)


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


@functools.cache
def _tree_of(code: types.CodeType) -> ast.AST:
    source = inspect.getsource(code)
    lines = code.co_firstlineno - 1
    if source[:1].isspace():  # A method: an `if` around it takes its indentation away.
        source, lines = f"if 1:\n{source}", lines - 1
    (tree,) = ast.parse(source).body
    (tree,) = tree.body if isinstance(tree, ast.If) else (tree,)
    return ast.increment_lineno(tree, lines)


def _tree(code: types.CodeType, where: _Where) -> ast.AST:
    """The code's own source, whatever it was wrapped in; annotations stand aside."""
    try:
        tree = _tree_of(code)
    except (OSError, SyntaxError, ValueError):
        _refuse(where, "its source cannot be read: write it in a file")
    if not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        _refuse(where, "this is not a function with a name: write it with def")
    _refuse_computed_defaults(tree, where)
    tree.decorator_list, tree.returns = [], None
    tree.args.defaults, tree.args.kw_defaults = [], []
    for node in ast.walk(tree.args):
        if isinstance(node, ast.arg):
            node.annotation = None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None, lineno=node.lineno)
    return tree


def _refuse_computed_defaults(tree: ast.FunctionDef | ast.AsyncFunctionDef, where: _Where) -> None:
    for default in (*tree.args.defaults, *tree.args.kw_defaults):
        if default is not None and any(isinstance(one, ast.Call) for one in ast.walk(default)):
            _refuse(
                _Where(where.function, default.lineno),
                "a default that is computed is computed once per process: pass it as an argument",
            )


def _text(node: Any) -> str:
    """A tree as text that no version of Python writes otherwise."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        inside = " ".join(f"{name}={_text(value)}" for name, value in fields)
        return f"({type(node).__name__} {inside})"
    if isinstance(node, list):
        return f"[{' '.join(_text(one) for one in cast('list[Any]', node))}]"
    return repr(node)


def _named(code: types.CodeType, tree: ast.AST) -> Iterator[tuple[str, int | None]]:
    """The globals that the code itself reads, each once, and the line of the first use."""
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            lines.setdefault(node.id, node.lineno)
    yield from ((name, lines.get(name)) for name in dict.fromkeys(_globals(code)))


def _globals(code: types.CodeType) -> Iterator[str]:
    for one in dis.get_instructions(code):
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(one.argval)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _globals(const)


def _taken(tree: ast.AST, name: str, where: _Where) -> Iterator[tuple[str, ...]]:
    """What is written after a module's name: ("a", "b") for `name.a.b`."""
    parents = syntax.parents_of(tree)
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    for node in uses:
        path: list[str] = []
        above = parents.get(node)
        while isinstance(above, ast.Attribute):
            path.append(above.attr)
            above = parents.get(above)
        if not path:
            _refuse(_Where(where.function, node.lineno), f"the module {name} is passed on whole")
        yield tuple(path)
    if not uses:
        _refuse(where, f"the module {name} is used in an annotation")
