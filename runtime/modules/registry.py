"""The versions that this process has read, and which of them an action means."""

from typing import Any

from runtime.engines import sqlite
from runtime.errors import Refused
from runtime.modules.loading import Loaded, load
from runtime.modules.tables import ModuleVersion, Pin, Release
from runtime.reducers import Reducer
from runtime.schema import Schema
from runtime.tables import Executes, schema_of

_LOADED: dict[str, Loaded] = {}


def version(rows: Executes, version_id: str) -> Loaded:
    """A deployed version, read from its row at first use. Raises Refused."""
    if version_id not in _LOADED:
        row = _one(rows, ModuleVersion, (version_id,))
        if row is None:
            raise Refused(f"there is no version {version_id}")
        remember(load(row.name, row.sources))
    return _LOADED[version_id]


def remember(loaded: Loaded) -> None:
    """A version that was read already."""
    _LOADED[loaded.id] = loaded


def adopt(row: dict[str, Any]) -> list[Schema]:
    """A version from its row in the log: what tables a replay has to make for it."""
    if row["id"] not in _LOADED:
        remember(load(row["name"], row["sources"]))
    return _LOADED[row["id"]].schemas


def serving(rows: Executes, module: str, scope: str | None) -> Loaded:
    """The version that a scope is pinned to, or the one that serves all. Raises Refused."""
    pin = None if scope is None else _one(rows, Pin, (scope, module))
    if pin is not None:
        return version(rows, pin.version)
    release = _one(rows, Release, (module,))
    if release is None:
        raise Refused(f"there is no module {module}")
    if release.stable is None:
        raise Refused(f"no version of {module} serves all calls yet: deploy one to 100%")
    return version(rows, release.stable)


def reducer(rows: Executes, name: str, scope: str | None) -> Reducer:
    """The reducer that an action of a module means. Raises Refused where there is none."""
    module = name.partition(".")[0]
    loaded = serving(rows, module, scope)
    found: Reducer | None = loaded.declared.reducers.get(name)
    if found is None:
        raise Refused(f"{loaded.id} has no reducer {name}")
    return found


def as_it_was(name: str, digest: str) -> Reducer | None:
    """The reducer that an entry was folded by, where its version was read."""
    return next(
        (
            one
            for loaded in _LOADED.values()
            if (one := loaded.declared.reducers.get(name)) is not None and one.module == digest
        ),
        None,
    )


def _one(rows: Executes, cls: type[Any], key: tuple[str, ...]) -> Any:
    schema = schema_of(cls)
    found = sqlite.fetch(rows, schema.select_sql(schema.key), key)
    return schema.row_of(found[0]) if found else None


def forget() -> None:
    """Read every version anew, as a new process would."""
    _LOADED.clear()
