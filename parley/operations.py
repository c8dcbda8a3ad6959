"""What an operator can have done: one table, the same code with a server and without one.

Who reaches this is the operator: through the control socket, or by holding the data directory.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from parley.asked import OPERATOR, Args, Misused, octets, request_of, text, texts
from parley.calling import basis_withdraw, needs_a_server
from parley.deployments import module_deploy, module_rollback, pause, resume
from parley.filing import consent_revoke
from parley.importing import call_import
from parley.looking import access_note, transcript_revise
from parley.policies import policy_propose
from runtime.identities.reducers import (
    identity_activated,
    identity_registered,
    identity_resumed,
    identity_revoked,
    identity_suspended,
)
from runtime.store import Store
from web.problems import problem_of

Operation = Callable[[Store, Args], Awaitable[Any]]
"""Answers a plain value. Raises Misused, and what the store raises."""


async def answer(
    store: Store, asked: Args, doing: Mapping[str, Operation] | None = None
) -> dict[str, Any]:
    """Perform {"op": name, ...its arguments}: {"ok": result}, or {"error", "why", ...}.

    `doing` is the table to look it up in. With a "request" of the asker's own, asked again it is
    answered again and done once.
    """
    known = OPERATIONS if doing is None else doing
    try:
        name = text(asked, "op")
        if name not in known:
            raise Misused(f"there is no operation {name!r}: take {', '.join(sorted(known))}")
        return {"ok": await known[name](store, asked)}
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
        sender=OPERATOR,
        request=request_of(asked, "registered"),
        kind=text(asked, "kind"),
        key=octets(asked, "key"),
        roles=texts(asked, "roles"),
        belongs_to=text(asked, "tenant", ""),
        name=text(asked, "name"),
    )
    await store.act(
        identity_activated,
        sender=OPERATOR,
        request=request_of(asked, "activated"),
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
    "access.note": access_note,
    "basis.record": needs_a_server,
    "basis.withdraw": basis_withdraw,
    "call.dial": needs_a_server,
    "consent.file": needs_a_server,
    "consent.revoke": consent_revoke,
    "call.supervise": needs_a_server,
    "call.emergency": needs_a_server,
    "identity.new": identity_new,
    "identity.suspend": identity_suspend,
    "identity.resume": identity_resume,
    "identity.revoke": identity_revoke,
    "module.deploy": module_deploy,
    "module.rollback": module_rollback,
    "module.pause": pause,
    "module.resume": resume,
    "policy.propose": policy_propose,
    "transcript.revise": transcript_revise,
    "vcon.import": call_import,
}


async def _change(
    store: Store, asked: Args, reducer: Callable[..., Any], **args: Any
) -> dict[str, Any]:
    identity = text(asked, "id")
    request = request_of(asked, "changed")
    await store.act(reducer, sender=OPERATOR, request=request, identity=identity, **args)
    return {"id": identity}
