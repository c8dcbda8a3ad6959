"""What an operator can have done: one table, the same code with a server and without one.

Who reaches this is the operator: through the control socket, or by holding the data directory.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from runtime.identities.reducers import (
    identity_activated,
    identity_registered,
    identity_resumed,
    identity_revoked,
    identity_suspended,
)
from runtime.store import Store
from web.problems import problem_of

SENDER = "operator"

Args = Mapping[str, Any]
Operation = Callable[[Store, Args], Awaitable[Any]]
"""Answers a plain value. Raises Misused, and what the store raises."""


class Misused(Exception):
    """The operation does not take such arguments; the message says which it wants."""


async def answer(store: Store, asked: Args) -> dict[str, Any]:
    """Perform {"op": name, ...its arguments}: {"ok": result}, or {"error", "why", ...}.

    With a "request" of the asker's own, asked again it is answered again and done once.
    """
    try:
        name = text(asked, "op")
        if name not in OPERATIONS:
            raise Misused(f"there is no operation {name!r}: take {', '.join(sorted(OPERATIONS))}")
        return {"ok": await OPERATIONS[name](store, asked)}
    except Misused as error:
        return {"error": "bad_args", "why": str(error)}
    except Exception as error:  # The answer belongs to its asker; the server goes on.
        told = problem_of(error).told()
        # Unlike a stranger, an operator may know what went wrong inside.
        return told if told["error"] != "failed" else {**told, "why": repr(error)}


async def identity_new(store: Store, asked: Args) -> dict[str, Any]:
    """Register and activate: name, kind, roles, tenant, key (32 bytes)."""
    identity = await store.act(
        identity_registered,
        sender=SENDER,
        request=_request(asked, "registered"),
        kind=text(asked, "kind"),
        key=_bytes(asked, "key"),
        roles=_texts(asked, "roles"),
        belongs_to=text(asked, "tenant", ""),
        name=text(asked, "name"),
    )
    await store.act(
        identity_activated,
        sender=SENDER,
        request=_request(asked, "activated"),
        identity=identity,
    )
    return {"id": identity, "state": "active"}


async def identity_suspend(store: Store, asked: Args) -> dict[str, Any]:
    """It may not act until it is resumed: id, why."""
    return await _change(store, asked, identity_suspended, why=text(asked, "why", ""))


async def identity_resume(store: Store, asked: Args) -> dict[str, Any]:
    """It may act again: id."""
    return await _change(store, asked, identity_resumed)


async def identity_revoke(store: Store, asked: Args) -> dict[str, Any]:
    """It never acts again: id, why."""
    return await _change(store, asked, identity_revoked, why=text(asked, "why", ""))


OPERATIONS: dict[str, Operation] = {
    "identity.new": identity_new,
    "identity.suspend": identity_suspend,
    "identity.resume": identity_resume,
    "identity.revoke": identity_revoke,
}


async def _change(
    store: Store, asked: Args, reducer: Callable[..., Any], **args: Any
) -> dict[str, Any]:
    identity = text(asked, "id")
    request = _request(asked, "changed")
    await store.act(reducer, sender=SENDER, request=request, identity=identity, **args)
    return {"id": identity}


def text(asked: Args, name: str, default: str | None = None) -> str:
    """An argument that is text. Raises Misused."""
    value = asked.get(name, default)
    if not isinstance(value, str):
        raise Misused(f"{name!r} is missing, or no text")
    return value


def _texts(asked: Args, name: str) -> list[str]:
    value = asked.get(name, [])
    if not isinstance(value, list):
        raise Misused(f"{name!r} is a list of texts")
    items = cast("list[object]", value)
    if not all(isinstance(item, str) for item in items):
        raise Misused(f"{name!r} is a list of texts")
    return cast("list[str]", items)


def _bytes(asked: Args, name: str) -> bytes:
    value = asked.get(name)
    if not isinstance(value, bytes):
        raise Misused(f'{name!r} is missing, or not {{"$bytes": base64}}')
    return value


def _request(asked: Args, step: str) -> str | None:
    """The request id of one step, so that an operation of several is done once too."""
    if "request" not in asked:
        return None
    return f"{SENDER}/{text(asked, 'request')}/{step}"
