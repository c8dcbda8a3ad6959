"""Who may act, asked inside the transaction: a revocation binds every action after it.

Also those that were queued before it, even in the same batch. Whoever replays the log asks
again, so an audit verifies every signature.
"""

from typing import Any, Protocol

from runtime.errors import NotAllowed
from runtime.identities import rules, signing
from runtime.identities.tables import Identity, Login
from runtime.log_key import ORIGIN
from runtime.reducers import Reducer
from runtime.tables import Executes, Rows


class Asked(Protocol):
    """What is looked at of an action (see `execution.py`)."""

    @property
    def sender(self) -> str: ...
    @property
    def scope(self) -> str | None: ...
    @property
    def request(self) -> str | None: ...
    @property
    def args(self) -> dict[str, Any]: ...
    @property
    def proof(self) -> signing.Proof | None: ...


def admit(connection: Executes, reducer: Reducer, action: Asked, now: int) -> None:
    """Raises NotAllowed, which says what to do, unless the sender may act at `now` (us, UTC).

    A sender that is no identity is code in this process: it is trusted.
    """
    if not action.sender.startswith(rules.PREFIX):
        return
    identity = Rows(Identity, connection, []).get(action.sender)
    if identity is None:
        raise rules.unknown(action.sender)
    rules.check_state(identity.id, identity.state, identity.why)
    rules.check_roles(reducer.name, reducer.by, identity.roles)
    proof = action.proof or {}
    if "login" in proof:
        _check_login(connection, identity, proof["login"], now)
    if "sig" in proof:
        _check_signature(identity, reducer, action, proof)
    elif reducer.signed:
        raise NotAllowed(f"{reducer.name} must be signed: sign it with your key (`parley act`)")


def _check_login(connection: Executes, identity: Identity, login: str, now: int) -> None:
    row = Rows(Login, connection, []).get(login)
    if row is None or row.identity != identity.id:
        raise NotAllowed(f"{identity.id} has no login {login}: log in again")
    check_login(row, now)


def check_login(login: Login, now: int) -> None:
    """Raises NotAllowed for a login that ended or expired."""
    if login.ended is not None:
        raise NotAllowed(f"login {login.id} has ended ({login.ended}): log in again")
    if login.expires_us <= now:
        raise NotAllowed(f"login {login.id} has expired: log in again")


def _check_signature(
    identity: Identity, reducer: Reducer, action: Asked, proof: signing.Proof
) -> None:
    # The request id is what keeps a signed action from being taken twice.
    if action.request is None:
        raise NotAllowed("a signed action needs a request id")
    data = signing.message(
        ORIGIN,
        action.sender,
        reducer.name,
        scope=action.scope,
        request=action.request,
        args=action.args,
    )
    if not signing.is_proof(proof, identity.id, identity.key, data):
        raise NotAllowed(f"{identity.id} did not sign exactly this action: sign it again")
