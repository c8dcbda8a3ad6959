"""What a reducer may name: builtins, functions of others, and whose code is read."""

import builtins
import dataclasses
import enum
import functools
import hashlib
import reprlib
import typing
from typing import Any

BUILTINS = frozenset(
    [
        *("abs", "all", "any", "bool", "bytes", "dict", "divmod", "enumerate", "filter", "int"),
        *("isinstance", "len", "list", "map", "max", "min", "range", "reversed", "round"),
        *("sorted", "str", "sum", "tuple", "zip", "ValueError", "KeyError", "StopIteration"),
    ]
)
"""What a reducer finds under `__builtins__`: no set, hash, id, repr, open, getattr, float."""

FOREIGN: tuple[Any, ...] = (dataclasses.replace, dataclasses.asdict, hashlib.sha256, typing.cast)
"""Functions of other people that are pure and ordered."""

OURS = frozenset(
    [
        *("runtime", "media", "consent", "telephony", "conversation", "recordings"),
        *(
            "transcripts",
            "sessions",
            "web",
            "parley",
            "tests",
            "bench",
            "__main__",
            "parley_modules",
        ),
    ]
)
"""Whose functions and classes are read, and so may be used."""

TRUSTED = (
    "runtime.context",
    "runtime.tables",
    "runtime.sealed",
    "runtime.schema",
    "runtime.values",
)
"""The floor a reducer stands on: its classes reach SQLite, and are checked by hand and by test."""

PURE_TYPES = tuple(t for n in BUILTINS if isinstance(t := getattr(builtins, n), type))
MACHINES = {"<string>", dataclasses.__file__, enum.__file__, reprlib.__file__}
"""Files of the methods that nobody wrote."""

LAZY = (functools.cached_property, functools.partial)

Scope = dict[str, Any]


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


def impure(name: str) -> str:
    instead = _INSTEAD.get(name, "do it outside, and take its result as an argument")
    return f"{name} is not in the list of pure builtins: {instead}"


ELSE = "from outside: keep it in a row, or take it as an argument"
INSTEAD_OF: dict[type, str] = {
    list: "that any call may change: write a tuple",
    set: "whose order depends on the process: write a tuple",
    frozenset: "whose order depends on the process: write a tuple",
    float: "that may be rounded: count in whole microseconds, cents, permille",
}


def is_ours(thing: Any, home: str) -> bool:
    """Of this house, or of the same package as the reducer that is read."""
    return package_of(thing) in (home, *OURS)


def package_of(thing: Any) -> str:
    return str(thing.__module__).split(".", maxsplit=1)[0]
