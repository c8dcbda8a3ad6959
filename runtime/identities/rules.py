"""The life of an identity."""

from enum import StrEnum


class Kind(StrEnum):
    """What stands behind an identity."""

    PERSON = "person"
    AGENT = "agent"
    SERVICE = "service"
    NODE = "node"


class State(StrEnum):
    """Where an identity stands; only an active one may act."""

    REGISTERED = "registered"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
