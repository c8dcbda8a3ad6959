"""Identities, one row each."""

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
