"""A deploy, step by step: read, rehearse, then go live between two batches or not at all."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runtime.errors import Refused
from runtime.execution import Action
from runtime.modules import registry
from runtime.modules.loading import Loaded, load, packed
from runtime.modules.reducers import module_deployed
from runtime.modules.rehearsal import Rehearsal, rehearse
from runtime.store import Store
from runtime.writer import action_of

DIFFERENCES_SHOWN = 5
INITIALISE = "initialised"
"""A module's reducer of this name acts in the commit that takes a version live."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What went live, and what its rehearsal showed."""

    version: str
    before: str
    rehearsal: Rehearsal


async def deploy(
    store: Store,
    name: str,
    files: dict[str, str],
    *,
    permille: int,
    by: str,
    request: str | None = None,
    open_scopes: Iterable[str] = (),
    accept_differences: bool = False,
    examine: Callable[[Loaded], None] = lambda loaded: None,
) -> Deployed:
    """Take a version of a module live for so many of the new calls.

    Its tables, its row, its release and what it initialises are one transaction: where any of
    it fails, nothing has happened and the version before goes on. `examine` raises Refused where
    the code lacks what its user needs. Raises Refused, NotAModule, NotAdditive.
    """
    sources = packed(name, files)
    loaded = await asyncio.to_thread(load, name, sources)
    examine(loaded)
    rehearsal = await asyncio.to_thread(rehearse, store.path, loaded, tuple(open_scopes))
    if rehearsal.differences and not accept_differences:
        raise Refused(_told(loaded.id, rehearsal))
    live = action_of(
        module_deployed,
        {"name": name, "version": loaded.id, "sources": sources, "permille": permille},
        sender=by,
        request=request,
    )
    actions = [live]
    initialise = f"{name}.{INITIALISE}"
    if initialise in loaded.declared.reducers:
        begins = request and f"{request}/{INITIALISE}"
        actions.append(Action(initialise, {"version": loaded.id}, by, loaded.id, begins))
    registry.remember(loaded)
    committed = await store.install(loaded.schemas, actions)
    return Deployed(loaded.id, str(committed[0].entry.result), rehearsal)


def _told(version: str, rehearsal: Rehearsal) -> str:
    shown = [
        f"entry {one.seq}, {one.reducer}: {one.what}"
        for one in rehearsal.differences[:DIFFERENCES_SHOWN]
    ]
    return "; ".join(
        [
            f"{version} would have gone otherwise in {len(rehearsal.differences)} of"
            f" {rehearsal.acted} past actions (--accept-differences if that is its purpose)",
            *shown,
        ]
    )
