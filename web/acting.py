"""An action of a caller: its arguments checked, taken by the store, answered with its place."""

from dataclasses import dataclass
from typing import Any

from runtime import canonical
from runtime.declared import HOUSE
from runtime.execution import Action
from runtime.modules.tables import Release
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
    reducer = HOUSE.reducers.get(asked.reducer)
    if reducer is not None:
        arguments.check(reducer, asked.args)
    elif not await _is_deployed(desk, asked.reducer):
        raise Problem(404, "unknown_reducer", f"there is no reducer {asked.reducer}")
    action = Action(
        asked.reducer,
        asked.args,
        caller.identity.id,
        scope=asked.scope,
        request=asked.request(caller.identity.id),
        tenant=caller.identity.tenant,
        proof=caller.proof,
    )
    try:
        entry = (await desk.store.submit(action)).entry
    except (TypeError, ValueError) as error:
        if reducer is not None:
            raise
        # Which version of a module is meant, only the transaction knew; so it had to look.
        raise Problem(422, "bad_args", f"{asked.reducer} does not take this: {error}") from error
    if entry.scope != asked.scope or canonical.encode(entry.args) != canonical.encode(asked.args):
        # The store answered what it had: this action was not taken.
        raise Problem(409, "refused", f"{asked.key!r} was already used for another action")
    return Answer(entry.result, entry.seq)


async def _is_deployed(desk: Desk, reducer: str) -> bool:
    """Whether it may be one of a module that was deployed."""
    module = reducer.partition(".")[0]
    return bool(await desk.store.reader.rows(Release, id=module))
