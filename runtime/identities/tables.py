"""Identities: who may act from outside, with which roles."""

from enum import StrEnum

from runtime.tables import table


class IdentityKind(StrEnum):
    """What stands behind an identity."""

    PERSON = "person"
    SERVICE = "service"
    AGENT = "agent"


class IdentityState(StrEnum):
    """Only an active identity may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@table(name="identity")
class Identity:
    """`id` begins with "id_"; `key` is an Ed25519 public key; tenant "" is the house itself."""

    id: str
    kind: IdentityKind
    state: IdentityState
    key: bytes
    roles: tuple[str, ...]
    tenant: str
    name: str
    registered_us: int
    changed_us: int
    why: str
