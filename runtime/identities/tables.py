"""Identities, and the sessions in which they act without signing each action."""

from runtime.identities.rules import Kind, State
from runtime.tables import table


@table(name="identity")
class Identity:
    """Who acts from outside this process. Its id begins its key: one key, one identity."""

    id: str
    kind: Kind
    state: State
    key: bytes
    """Ed25519 public key, 32 bytes (RFC 8032)."""
    roles: tuple[str, ...]
    tenant: str
    name: str
    registered_us: int
    changed_us: int
    why: str
    """Of the last change of its state; "" where none was given."""


@table(name="login", index=(("identity",),))
class Login:
    """A session of an identity, opened by a signature, from then on proved by a MAC."""

    id: str
    identity: str
    opened_us: int
    expires_us: int
    ended: str | None
    """Why it ended before its time; None while it lives."""
