"""Who answers a call: a class that is imported, or the agent of a deployed module."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import apsw

from conversation.agent import Agent
from runtime.engines import sqlite
from runtime.errors import Refused
from runtime.modules import registry
from runtime.modules.rules import served_by
from runtime.modules.tables import Release
from runtime.tables import select
from sessions.reducers import MODULE


class Agents:
    """Makes agents for `[agent] app`, and for calls that were pinned to a version of it."""

    def __init__(self, app: str, database: Path) -> None:
        self._app = app
        self._database = database
        self._rows: apsw.Connection | None = None
        if not app.startswith(MODULE):
            imported(app)  # A server that nobody can answer for does not start.

    def app_for(self, call: str) -> str:
        """The agent that a new call will have. Raises Refused where none is deployed."""
        if not self._app.startswith(MODULE):
            return self._app
        name = self._app.removeprefix(MODULE)
        found = select(self._read(), Release, ("id",), (name,))
        if not found:
            raise Refused(f"module {name} is not deployed: parley module deploy FILE --name {name}")
        return f"{MODULE}{served_by(found[0], call)}"

    def make(self, app: str) -> Agent:
        """A new agent. Raises what its constructor raises."""
        if not app.startswith(MODULE):
            return imported(app)()
        return agent_of(registry.version(self._read(), app.removeprefix(MODULE)).code)()

    def _read(self) -> apsw.Connection:
        if self._rows is None:
            self._rows = sqlite.open_reader(self._database)
        return self._rows


def imported(app: str) -> type[Agent]:
    """The agent that `module:Class` names. Raises ValueError that says what is wrong."""
    module, _, name = app.partition(":")
    # Last, so that a file beside the server can be an agent but never one of our own modules.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    found = getattr(importlib.import_module(module), name, None)
    if not (isinstance(found, type) and issubclass(found, Agent)):
        raise ValueError(f"[agent] app = {app!r} does not name a subclass of parley.Agent")
    return found


def agent_of(code: ModuleType) -> type[Agent]:
    """The one agent that a module's own code shows. Raises ValueError."""
    found = [
        one
        for one in vars(code).values()
        if isinstance(one, type)
        and issubclass(one, Agent)
        and one.__module__.startswith(code.__name__)
    ]
    if len(found) != 1:
        raise ValueError(f"{code.__name__} shows {len(found)} agents in __init__.py: show one")
    return found[0]
