"""Which code is deployed, who is served by which version, and what is paused."""

from runtime.tables import table


@table(append_only=True, index=(("name",),))
class ModuleVersion:
    """One version of a module, with its code: the log explains itself without any other file.

    `sources` is canonical JSON, `{path: text}`; the id is `name@` and the start of its SHA-256.
    """

    id: str
    name: str
    sources: str
    deployed_us: int
    deployed_by: str


@table()
class Release:
    """Who is served by what: new calls by `stable`, `permille` of them by `candidate`.

    `before` is what `stable` was, newest first: rolling back goes one step along it.
    """

    id: str
    stable: str | None
    candidate: str | None
    permille: int
    before: tuple[str, ...]


@table(key=("scope", "module"))
class Pin:
    """A call keeps the version it began with, whatever is deployed meanwhile."""

    scope: str
    module: str
    version: str


@table()
class Pause:
    """A module or a scope of which no action is taken; its state is kept."""

    id: str
    since_us: int
    by: str
    why: str
