"""Every action of every test runs twice, and must do the same both times."""

from typing import Any

import apsw

from runtime.errors import Nondeterminism
from runtime.execution import Action, execute
from runtime.reducers import Reducer
from runtime.tables import Delta, Executes


def execute_twice(
    connection: Executes, reducer: Reducer, action: Action, now: int, seed: str
) -> tuple[Any, list[Delta]]:
    """`execute`, after a first time that is rolled back. Raises Nondeterminism."""
    connection.execute("SAVEPOINT twice")
    first = _outcome(connection, reducer, action, now, seed)
    connection.execute("ROLLBACK TO twice")
    second = _outcome(connection, reducer, action, now, seed)
    connection.execute("RELEASE twice")
    if isinstance(first, Exception) and isinstance(second, Exception):
        if (type(first), str(first)) == (type(second), str(second)):
            raise second
    elif first == second and not isinstance(second, Exception):
        return second
    raise Nondeterminism(f"{action.reducer} did {first!r}, and then {second!r}")


def _outcome(*asked: Any) -> tuple[Any, list[Delta]] | Exception:
    try:
        return execute(*asked)
    except apsw.Error:
        raise  # The disk, not the reducer.
    except Exception as error:
        return error
