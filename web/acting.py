"""An action of a caller: its arguments checked, taken by the store, answered with its place."""

from dataclasses import dataclass
from typing import Any

from runtime import canonical, reducers
from runtime.execution import Action
from web import arguments
from web.asking import Asked
from web.authentication import Caller
from web.desk import Desk
from web.problems import Problem


@dataclass(frozen=True, slots=True)
class Answer:
    """The reducer's result, and the number of its entry in the log."""

    result: Any
    seq: int


async def act(desk: Desk, caller: Caller, asked: Asked) -> Answer:
    """Answers once it is on disk; a retry gets the stored answer. Raises Problem, or Refused."""
    try:
        reducer = reducers.find(asked.reducer)
    except KeyError as error:
        raise Problem(404, "unknown_reducer", f"there is no reducer {asked.reducer}") from error
    arguments.check(reducer, asked.args)
    action = Action(
        reducer.name,
        asked.args,
        caller.identity.id,
        scope=asked.scope,
        request=asked.request(caller.identity.id),
        tenant=caller.identity.tenant,
        proof=caller.proof,
    )
    entry = (await desk.store.submit(action)).entry
    if entry.scope != asked.scope or canonical.encode(entry.args) != canonical.encode(asked.args):
        # The store answered what it had: this action was not taken.
        raise Problem(409, "refused", f"{asked.key!r} was already used for another action")
    return Answer(entry.result, entry.seq)
