"""The source of code that will run: its tree, its text, and the names it takes from outside."""

import ast
import dis
import inspect
import linecache
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, cast
from weakref import WeakKeyDictionary

from runtime import syntax
from runtime.errors import Nondeterminism


@dataclass(frozen=True, slots=True)
class Where:
    """The function being read, and the line in it."""

    function: Any
    line: int | None = None


def refuse(where: Where, what: str) -> NoReturn:
    function = where.function
    code = getattr(function, "__code__", None)
    line = where.line or (code.co_firstlineno if code else "?")
    file = str(function.__module__).replace(".", "/")
    raise Nondeterminism(f"{file}.py, line {line}: {function.__qualname__}: {what}")


def _parsed(code: types.CodeType) -> ast.AST:
    source = inspect.getsource(code)
    lines = code.co_firstlineno - 1
    if source[:1].isspace():  # A method: an `if` around it takes its indentation away.
        source, lines = f"if 1:\n{source}", lines - 1
    (tree,) = ast.parse(source).body
    (tree,) = tree.body if isinstance(tree, ast.If) else (tree,)
    return ast.increment_lineno(tree, lines)


@dataclass(frozen=True, slots=True)
class Source:
    """What is written in a function: read once, however many reducers reach it."""

    text: str
    """The tree as text that no version of Python writes otherwise."""
    words: frozenset[str]
    """All that is written after a dot, or before = in a pattern."""
    names: tuple[tuple[str, int | None], ...]
    """The globals that the code itself reads, each once, and the line of the first use."""
    faults: tuple[tuple[int, str], ...]
    """Line, and what no reducer may be written with."""
    parents: syntax.Parents

    def taken(self, name: str, where: Where) -> Iterator[tuple[str, ...]]:
        """What is written after a module's name: ("a", "b") for `name.a.b`."""
        uses = [node for node in self.parents if isinstance(node, ast.Name) and node.id == name]
        for node in uses:
            path: list[str] = []
            above = self.parents.get(node)
            while isinstance(above, ast.Attribute):
                path.append(above.attr)
                above = self.parents.get(above)
            if not path:
                refuse(Where(where.function, node.lineno), f"the module {name} is passed on whole")
            yield tuple(path)
        if not uses:
            refuse(where, f"the module {name} is used in an annotation")


# By function, not by code: two functions of the same code may have other defaults.
_SOURCES: WeakKeyDictionary[types.FunctionType, Source] = WeakKeyDictionary()


def source_of(function: types.FunctionType) -> Source:
    """The function's own source, whatever it was wrapped in. Raises Nondeterminism."""
    if function not in _SOURCES:
        code = function.__code__
        tree = _tree_of(code, Where(function))
        parents = syntax.parents_of(tree)
        _SOURCES[function] = Source(
            text=_text_of(tree),
            words=frozenset(_words_of(tree)),
            names=tuple(_named(code, tree)),
            faults=tuple(syntax.faults(tree, parents)),
            parents=parents,
        )
    return _SOURCES[function]


def _tree_of(code: types.CodeType, where: Where) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The code's own source; annotations stand aside."""
    # A module that was deployed has no file: its loader has the text.
    linecache.lazycache(code.co_filename, where.function.__globals__)
    try:
        tree = _parsed(code)
    except (OSError, SyntaxError, ValueError):
        refuse(where, "its source cannot be read: write it in a file")
    if not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        refuse(where, "this is not a function with a name: write it with def")
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


def _refuse_computed_defaults(tree: ast.FunctionDef | ast.AsyncFunctionDef, where: Where) -> None:
    for default in (*tree.args.defaults, *tree.args.kw_defaults):
        if default is not None and any(isinstance(one, ast.Call) for one in ast.walk(default)):
            refuse(
                Where(where.function, default.lineno),
                "a default that is computed is computed once per process: pass it as an argument",
            )


def _text_of(node: Any) -> str:
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        inside = " ".join(f"{name}={_text_of(value)}" for name, value in fields)
        return f"({type(node).__name__} {inside})"
    if isinstance(node, list):
        return f"[{' '.join(_text_of(one) for one in cast('list[Any]', node))}]"
    return repr(node)


def _words_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.MatchClass):
            yield from node.kwd_attrs


def _named(code: types.CodeType, tree: ast.AST) -> Iterator[tuple[str, int | None]]:
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
