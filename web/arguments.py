"""The arguments of an action against the type hints of its reducer."""

import inspect
from functools import lru_cache
from typing import Any

from runtime.reducers import Reducer
from runtime.values import plain, typed
from web.problems import Problem

KNOWN_MAX = 1_024
"""Reducers whose arguments are remembered."""


def check(reducer: Reducer, args: dict[str, Any]) -> None:
    """Raises Problem, with the argument's name, unless `args` (plain) fit."""
    known = _parameters(reducer)
    for name in args:
        if name not in known:
            raise _bad(name, f"{reducer.name} has no argument {name!r}: it takes {_list(known)}")
    for name, is_needed in known.items():
        if name in args:
            _check_one(name, args[name], reducer.hints[name])
        elif is_needed:
            raise _bad(name, f"argument {name!r} is missing")


@lru_cache(KNOWN_MAX)
def _parameters(reducer: Reducer) -> dict[str, bool]:
    """Its arguments, and whether each is needed. The first parameter is the context."""
    _, *parameters = inspect.signature(reducer.function).parameters.values()
    return {one.name: one.default is inspect.Parameter.empty for one in parameters}


def _check_one(name: str, value: Any, hint: Any) -> None:
    try:
        # Text is a list of letters to Python: what does not come back as it was is no match.
        fits = plain(typed(value, hint)) == value
    except (TypeError, ValueError, KeyError, AttributeError):
        fits = False
    if not fits:
        wanted = hint.__name__ if isinstance(hint, type) else hint
        raise _bad(name, f"argument {name!r} must be {wanted}")


def _bad(field: str, why: str) -> Problem:
    return Problem(422, "bad_args", why, field=field)


def _list(names: dict[str, bool]) -> str:
    return ", ".join(names) or "none"
