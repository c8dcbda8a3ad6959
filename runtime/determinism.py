"""The guard: a reducer may do only what a replay repeats exactly.

An allow-list over the function's syntax tree, followed into every function of ours that it
calls. It is a guard for our own code, not a sandbox for strangers' code: SQLite's authorizer
(`engines/sqlite.py`) and the restricted builtins (`reducers.py`) stand behind it.
"""

import ast
import builtins
import dataclasses
import enum
import hashlib
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any, cast

from runtime.errors import Nondeterminism

BUILTINS = frozenset(
    [
        "abs",
        "all",
        "any",
        "bool",
        "bytes",
        "dict",
        "divmod",
        "enumerate",
        "False",
        "filter",
        "int",
        "isinstance",
        "len",
        "list",
        "map",
        "max",
        "min",
        "None",
        "pow",
        "range",
        "repr",
        "reversed",
        "round",
        "sorted",
        "str",
        "sum",
        "True",
        "tuple",
        "zip",
        "ValueError",
        "KeyError",
        "AssertionError",
        "StopIteration",
    ]
)
"""What a reducer finds under `__builtins__`: no set, hash, id, open, print, getattr, float."""

FOREIGN: tuple[Any, ...] = (dataclasses.replace, dataclasses.asdict, hashlib.sha256)
"""Functions of other people that are pure and ordered."""

_REFUSED: dict[type[ast.AST], str] = {
    ast.Import: "an import",
    ast.ImportFrom: "an import",
    ast.AsyncFunctionDef: "async code",
    ast.Await: "async code",
    ast.Yield: "a generator",
    ast.YieldFrom: "a generator",
    ast.ClassDef: "a class",
    ast.Global: "a global variable",
    ast.Nonlocal: "a shared variable",
    ast.Set: "a set (its order depends on the process)",
    ast.SetComp: "a set (its order depends on the process)",
    ast.Div: "a float (true division)",
}


def check(function: Callable[..., Any]) -> str:
    """Refuse what a replay could not repeat; answer the hash of the code, in hex.

    Raises Nondeterminism with the file, the line and what to do instead.
    """
    digest = hashlib.sha256()
    seen: dict[Any, None] = {}
    _check(function, seen, digest)
    return digest.hexdigest()


def _check(function: Any, seen: dict[Any, None], digest: Any) -> None:
    if function in seen:
        return
    seen[function] = None
    tree = _tree(function)
    digest.update(ast.dump(tree).encode())
    where = f"{function.__module__}.{function.__qualname__}"
    for node in ast.walk(tree):
        _check_node(node, where)
    for used in _used(tree, function.__globals__):
        _check_used(used, where, seen, digest)


def _tree(function: Any) -> ast.AST:
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    if isinstance(definition, ast.FunctionDef):
        definition.decorator_list = []
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return definition


def _check_node(node: ast.AST, where: str) -> None:
    wrong = _REFUSED.get(type(node))
    if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
        wrong = f"a private attribute ({node.attr})"
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        wrong = "a float: count in whole microseconds, cents, permille"
    if isinstance(node, ast.ExceptHandler) and not _is_narrow(node):
        wrong = "a broad except: it would swallow a refusal"
    if wrong:
        raise Nondeterminism(f"{where}, line {getattr(node, 'lineno', '?')}: {wrong}")


def _is_narrow(handler: ast.ExceptHandler) -> bool:
    broad = ("Exception", "BaseException")
    return isinstance(handler.type, ast.Name) and handler.type.id not in broad


def _used(tree: ast.AST, scope: dict[str, Any]) -> Iterator[Any]:
    """Every global that the code names, with what it takes out of modules."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    local = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    local |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = scope.get(node.value.id)
            if isinstance(owner, types.ModuleType):
                yield getattr(owner, node.attr)
        elif isinstance(node, ast.Name) and node.id not in local:
            value = scope.get(node.id, _builtin(node.id))
            if not isinstance(value, types.ModuleType):
                yield value


def _builtin(name: str) -> Any:
    return name if name in BUILTINS else getattr(builtins, name, name)


def _check_used(used: Any, where: str, seen: dict[Any, None], digest: Any) -> None:
    if callable(used) and used in FOREIGN:
        return
    if isinstance(used, types.FunctionType):
        if not _is_ours(used.__module__):
            raise Nondeterminism(f"{where}: {used.__module__}.{used.__name__} is not ours")
        _check(used, seen, digest)
    elif isinstance(used, types.BuiltinFunctionType | types.BuiltinMethodType):
        raise Nondeterminism(f"{where}: {used.__name__}() is not in the list of pure builtins")
    elif isinstance(used, type):
        _check_class(used, where)
    elif isinstance(used, str | int | bytes | tuple | dict | None) or _is_row(used):
        _note_constant(cast("object", used), digest)
    else:
        raise Nondeterminism(f"{where}: a {type(used).__name__}")


def _is_row(used: object) -> bool:
    return dataclasses.is_dataclass(used) and _is_ours(type(used).__module__)


def _note_constant(used: object, digest: Any) -> None:
    """A table of rules is part of the code; one that names an address has no stable text."""
    text = repr(used)
    if " at 0x" not in text:
        digest.update(text.encode())


def _check_class(used: type, where: str) -> None:
    if issubclass(used, enum.Enum) or dataclasses.is_dataclass(cast("Any", used)):
        return
    if issubclass(used, Exception) or _is_ours(used.__module__):
        return
    raise Nondeterminism(f"{where}: {used.__name__} is not in the list of pure types")


_FLOORS = [
    "runtime",
    "media",
    "consent",
    "telephony",
    "conversation",
    "recordings",
    "transcripts",
    "sessions",
    "tests",
    "parley",
    "parley_modules",
]


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in _FLOORS
