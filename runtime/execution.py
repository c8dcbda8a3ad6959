"""One action folded into the rows: the same code for the live store, replay and audit."""

from dataclasses import dataclass
from typing import Any

from runtime.context import Context
from runtime.identities.senders import admit
from runtime.reducers import Reducer
from runtime.tables import Delta, Executes


@dataclass(frozen=True, slots=True)
class Action:
    """What is asked for. `args` are plain values (see `values.py`).

    `tenant` is whose share of the queue it takes; `proof` is a signature that the log keeps.
    """

    reducer: str
    args: dict[str, Any]
    sender: str
    scope: str | None = None
    request: str | None = None
    closes: str | None = None
    tenant: str = ""
    proof: dict[str, str] | None = None


def execute(
    connection: Executes, reducer: Reducer, action: Action, now: int, seed: str
) -> tuple[Any, list[Delta]]:
    """Run the reducer inside the caller's transaction. Answers its result and its deltas.

    Raises NotAllowed, and what the reducer raises; the caller then rolls its savepoint back.
    """
    admit(connection, reducer, action, now)
    ctx = Context(connection, now=now, sender=action.sender, scope=action.scope, seed=seed)
    result = reducer.run(ctx, action.args)
    if action.closes is not None:
        ctx.close(action.closes)
    return result, ctx.deltas
