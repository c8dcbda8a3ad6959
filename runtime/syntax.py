"""What a reducer may be written with: an allow-list of syntax, and a few words after a dot.

Each rule answers with what is wrong and what to write instead.
"""

import ast
import re
from collections.abc import Iterator

ALLOWED = (
    *(ast.FunctionDef, ast.Lambda, ast.arguments, ast.arg, ast.keyword, ast.Return),
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.Delete, ast.Expr, ast.Pass),
    *(ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.IfExp),
    *(ast.Match, ast.match_case, ast.pattern),
    *(ast.Raise, ast.Try, ast.ExceptHandler, ast.Assert),
    *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call),
    *(ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context),
    *(ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
    *(ast.Dict, ast.List, ast.Tuple, ast.Subscript, ast.Slice, ast.Starred),
    *(ast.Constant, ast.Name, ast.Attribute, ast.JoinedStr, ast.FormattedValue),
)

_SET = "a set: its order depends on the process; keep a list, a tuple or the keys of a dict"
_SHARED = "a variable shared between calls: return the value, or keep it in a row"
_GENERATOR = "a generator function: return a list"
_ASYNC = "async code: commit an effect, and let its performer wait"
_INSTEAD: dict[type[ast.AST], str] = {
    ast.Import: "an import in a function: import at the top of the module",
    ast.ImportFrom: "an import in a function: import at the top of the module",
    ast.AsyncFunctionDef: _ASYNC,
    ast.Await: _ASYNC,
    ast.Yield: _GENERATOR,
    ast.YieldFrom: _GENERATOR,
    ast.ClassDef: "a class in a function: declare it at the top of the module",
    ast.Global: _SHARED,
    ast.Nonlocal: _SHARED,
    ast.Set: _SET,
    ast.SetComp: _SET,
    ast.Div: "a float (true division): use // or divmod",
    ast.MatMult: "a matrix product: there are only whole numbers here",
}

HIDDEN = ("_", "gi_", "f_", "tb_", "co_", "cr_", "ag_")
"""How the names of the machinery behind an object begin."""

_FLOATS = "a draw that is a float: use ctx.rng.randrange"
_FORMAT = "str.format reaches into objects: use an f-string"
_AFTER_A_DOT = {
    "format": _FORMAT,
    "format_map": _FORMAT,
    "deltas": "the deltas are written by the tables alone",
    **dict.fromkeys(("seed", "getstate", "setstate"), "the seed comes from the entry"),
    "as_integer_ratio": "there are no floats here",
    "is_integer": "there are no floats here",
    **dict.fromkeys(("random", "uniform", "triangular", "gauss", "choices"), _FLOATS),
    **dict.fromkeys(("betavariate", "expovariate", "gammavariate", "lognormvariate"), _FLOATS),
    **dict.fromkeys(("normalvariate", "vonmisesvariate", "weibullvariate"), _FLOATS),
    **dict.fromkeys(("paretovariate", "binomialvariate"), _FLOATS),
}
_VIEWS = ("keys", "items")
# Of whole numbers and text only: n, e, f, g and % make floats, n asks for the locale as well.
_PLAIN_FORMAT = re.compile(r"(.?[<>=^])?[-+ ]?#?0?\d*[,_]?(\.\d+s|[bcdoxXs])?")

Parents = dict[ast.AST, ast.AST]


def faults(tree: ast.AST, parents: Parents) -> Iterator[tuple[int, str]]:
    """Line, and what is wrong there."""
    for node in (tree, *parents):
        wrong = _INSTEAD.get(type(node)) or _fault(node, parents)
        if wrong is None and not isinstance(node, ALLOWED):
            wrong = f"{type(node).__name__} is not among what a reducer is written with"
        if wrong is not None:
            yield _line(node, parents), wrong


def parents_of(tree: ast.AST) -> Parents:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _line(node: ast.AST, parents: Parents) -> int:
    line: int | None = getattr(node, "lineno", None)
    return line if line is not None else _line(parents[node], parents)


def _fault(node: ast.AST, parents: Parents) -> str | None:
    match node:
        case ast.Constant(value=float() | complex()):
            return "a float: count in whole microseconds, cents, permille"
        case ast.Name(id=name) if name.startswith("__"):
            return f"{name}: the machinery of Python differs between processes"
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return _after_a_dot(name)
        case ast.Attribute():
            return "an attribute is set: rows are frozen, write dataclasses.replace(row, ...)"
        case ast.MatchClass(kwd_attrs=names):
            return next((wrong for name in names if (wrong := _after_a_dot(name))), None)
        case ast.ExceptHandler():
            return _handler(node)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            return _power(base, exponent)
        case ast.AugAssign(op=ast.Pow(), value=exponent):
            return _power(None, exponent)
        case ast.BinOp(left=ast.Constant(value=str() | bytes()) | ast.JoinedStr(), op=ast.Mod()):
            return "% makes text of floats and addresses: use an f-string"
        case ast.FormattedValue():
            return _formatted(node, parents)
        case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]) if name in _VIEWS:
            return _view(node, parents[node])
        case _:
            return None


def _after_a_dot(name: str) -> str | None:
    if name.startswith(HIDDEN):
        return f"a private attribute ({name}): use what the object offers"
    return _AFTER_A_DOT.get(name)


def _handler(handler: ast.ExceptHandler) -> str | None:
    broad = ("Exception", "BaseException")
    if not isinstance(handler.type, ast.Name) or handler.type.id in broad:
        return "a broad except would swallow a refusal: name one exception"
    if handler.name is not None:
        return "the text of an exception differs between versions: decide by its type"
    return None


def _power(base: ast.expr | None, exponent: ast.expr) -> str | None:
    """Whole, or (2 to anything) exact on every machine."""
    whole = isinstance(exponent, ast.Constant) and isinstance(exponent.value, int)
    two = isinstance(base, ast.Constant) and base.value == 2
    return None if whole or two else "a power with a negative exponent is a float: write 1 << n"


def _formatted(node: ast.FormattedValue, parents: Parents) -> str | None:
    if isinstance(node.value, ast.Lambda | ast.GeneratorExp):
        return "the text of this object holds its address"
    # What is raised is told to the sender, and does not stand in the log.
    if node.conversion not in (-1, ord("s")) and not _is_raised(node, parents):
        return "!r may tell an address or a version of Python: write the value itself"
    match node.format_spec:
        case None | ast.JoinedStr(values=[]):
            return None
        case ast.JoinedStr(values=[ast.Constant(value=str(spec))]) if _PLAIN_FORMAT.fullmatch(spec):
            return None
        case _:
            return "a format that may make a float or ask for the locale: use one like 04d"


def _is_raised(node: ast.AST, parents: Parents) -> bool:
    while node in parents:
        node = parents[node]
        if isinstance(node, ast.Raise | ast.Assert):
            return True
    return False


def _view(node: ast.AST, user: ast.AST) -> str | None:
    """The operators of keys() and items() make sets; a loop, a call and `in` do not."""
    if isinstance(user, ast.Call | ast.For | ast.comprehension | ast.Starred):
        return None
    if isinstance(user, ast.Compare) and node in user.comparators:
        return None
    return "keys() and items() make sets when combined: loop over them, or sort them"
