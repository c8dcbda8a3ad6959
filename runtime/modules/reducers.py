"""Deploys, roll-backs, pins and pauses, as actions like any other."""

from runtime.context import Context
from runtime.errors import Refused
from runtime.modules.rules import deployed, rolled_back, served_by
from runtime.modules.tables import ModuleVersion, Pause, Pin, Release
from runtime.reducers import reducer


@reducer
def module_deployed(ctx: Context, name: str, version: str, sources: str, permille: int) -> str:
    """A version goes live for so many of the new calls. Answers the stable one before it."""
    versions = ctx.table(ModuleVersion)
    if versions.get(version) is None:
        versions.insert(ModuleVersion(version, name, sources, ctx.now, ctx.sender))
    releases = ctx.table(Release)
    release = releases.get(name)
    if release is None:
        release = releases.insert(Release(name, None, None, 0, ()))
    releases.replace(deployed(release, version, permille))
    return release.stable or ""


@reducer
def module_rolled_back(ctx: Context, name: str) -> str:
    """New calls get what they got before; calls that are under way keep what they have."""
    releases = ctx.table(Release)
    release = releases.replace(rolled_back(releases.one(name)))
    return release.stable or ""


@reducer
def paused(ctx: Context, what: str, why: str) -> None:
    """No action of this module or scope is taken until it is resumed."""
    if what == "runtime":
        # Effects could not be closed, and no process could start to resume it.
        raise Refused("the runtime itself can not be paused: pause a module or a scope")
    if ctx.table(Pause).get(what) is None:
        ctx.table(Pause).insert(Pause(what, ctx.now, ctx.sender, why))


@reducer
def resumed(ctx: Context, what: str) -> None:
    """Actions are taken again."""
    pauses = ctx.table(Pause)
    pauses.delete(pauses.one(what))


def pin(ctx: Context, module: str, scope: str) -> str:
    """Choose the version that serves a new call, for all of its life. Answers its id."""
    if ctx.table(Pause).get(module) is not None:
        raise Refused(f"{module} is paused: it takes no new calls")
    version = served_by(ctx.table(Release).one(module), scope)
    return ctx.table(Pin).insert(Pin(scope, module, version)).version
