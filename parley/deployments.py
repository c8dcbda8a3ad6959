"""What an operator can have done with modules: operations like those of `operations.py`."""

from dataclasses import asdict
from typing import Any, cast

from parley.agents import agent_of
from parley.asked import OPERATOR, Args, Misused, request_of, text
from runtime.errors import Refused
from runtime.modules.deploying import deploy
from runtime.modules.loading import Loaded
from runtime.modules.reducers import module_rolled_back, paused, resumed
from runtime.store import Store
from sessions.tables import CallState


async def module_deploy(store: Store, asked: Args) -> dict[str, Any]:
    """Take a version live: name, files {path: text}, permille of new calls, accept."""
    over = [CallState.SEALED.value]
    open_calls = await store.reader.sql("SELECT id FROM call WHERE state != ?", over)
    permille, accept = asked.get("permille"), asked.get("accept", False)
    if type(permille) is not int or type(accept) is not bool:
        raise Misused("'permille' is a whole number, 'accept' true or false")
    done = await deploy(
        store,
        text(asked, "name"),
        _files(asked),
        permille=permille,
        by=OPERATOR,
        request=request_of(asked, "deployed"),
        open_scopes=[call for (call,) in open_calls],
        accept_differences=accept,
        examine=_answers,
    )
    return asdict(done)


async def module_rollback(store: Store, asked: Args) -> dict[str, Any]:
    """New calls get what they got before: name."""
    name, request = text(asked, "name"), request_of(asked, "rolled-back")
    stable = await store.act(module_rolled_back, sender=OPERATOR, request=request, name=name)
    return {"name": name, "stable": stable}


async def pause(store: Store, asked: Args) -> dict[str, Any]:
    """Take no action of a module or of a call: what, why."""
    what = text(asked, "what")
    why, request = text(asked, "why", ""), request_of(asked, "paused")
    await store.act(paused, sender=OPERATOR, request=request, what=what, why=why)
    return {"paused": what}


async def resume(store: Store, asked: Args) -> dict[str, Any]:
    """Take them again: what."""
    what = text(asked, "what")
    request = request_of(asked, "resumed")
    await store.act(resumed, sender=OPERATOR, request=request, what=what)
    return {"resumed": what}


def _answers(loaded: Loaded) -> None:
    """A module brings one agent, which can be made. Raises Refused."""
    try:
        agent_of(loaded.code)()
    except Exception as error:  # The agent's code is not ours.
        raise Refused(f"{loaded.id} can not answer calls: {error}") from error


def _files(asked: Args) -> dict[str, str]:
    found = asked.get("files")
    if not isinstance(found, dict):
        raise Misused("'files' is {path: text}")
    files = cast("dict[object, object]", found)
    if not all(isinstance(one, str) for pair in files.items() for one in pair):
        raise Misused("'files' is {path: text}")
    return cast("dict[str, str]", files)
