"""The life of an identity, and who may ask for what: decided without a row in sight."""

from enum import StrEnum

from runtime.errors import NotAllowed, Refused
from runtime.reducers import ANYONE

KEY_BYTES = 32
PREFIX = "id_"
"""How the id of every identity begins, and that of no trusted sender."""
ID_DIGITS = 20
"""Of the key, in hex: 80 bits, more than anybody can search for a second key of the same id."""
ROLES_MAX = 16
NAME_CHARACTERS_MAX = 128
WHY_CHARACTERS_MAX = 512


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


class Change(StrEnum):
    """What can happen to an identity."""

    ACTIVATED = "activated"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    REVOKED = "revoked"


LIFE: dict[State, dict[Change, State]] = {
    State.REGISTERED: {
        Change.ACTIVATED: State.ACTIVE,
        Change.REVOKED: State.REVOKED,
    },
    State.ACTIVE: {
        Change.SUSPENDED: State.SUSPENDED,
        Change.REVOKED: State.REVOKED,
    },
    State.SUSPENDED: {
        Change.RESUMED: State.ACTIVE,
        Change.REVOKED: State.REVOKED,
    },
    # Terminal: a key that was given up is not trusted again. Register a new one.
    State.REVOKED: {},
}


def next_state(state: State, change: Change) -> State:
    """Raises Refused for a change that this state does not know."""
    after = LIFE[state].get(change)
    if after is None:
        known = ", ".join(LIFE[state]) or "nothing any more"
        raise Refused(f"an identity that is {state.value} can be {known}, not {change.value}")
    return after


def id_of(key: bytes) -> str:
    """The id of the identity with this public key. Raises Refused where it is no key."""
    if len(key) != KEY_BYTES:
        raise Refused(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(key)}")
    return PREFIX + key.hex()[:ID_DIGITS]


def check_words(name: str, tenant: str, roles: tuple[str, ...]) -> None:
    """Raises Refused for a name, a tenant or roles that nobody could work with."""
    if not name.strip() or len(name) > NAME_CHARACTERS_MAX or len(tenant) > NAME_CHARACTERS_MAX:
        raise Refused(f"a name has 1 to {NAME_CHARACTERS_MAX} characters, a tenant no more")
    if len(roles) > ROLES_MAX:
        raise Refused(f"an identity has at most {ROLES_MAX} roles")
    for role in roles:
        plain = role.isascii() and role.replace("-", "_").isidentifier()
        if not plain or len(role) > NAME_CHARACTERS_MAX:
            raise Refused(f"{role!r} is no role: write letters, digits, - and _")


def check_reason(why: str) -> str:
    """Raises Refused for a reason that is a novel."""
    if len(why) > WHY_CHARACTERS_MAX:
        raise Refused(f"a reason has at most {WHY_CHARACTERS_MAX} characters")
    return why


def unknown(identity: str) -> NotAllowed:
    """Nobody is registered under this id."""
    return NotAllowed(f"there is no identity {identity}: register it with `parley identity new`")


def check_state(identity: str, state: State, why: str) -> None:
    """Raises NotAllowed unless the identity is active; `why` is of its last change."""
    if state is not State.ACTIVE:
        reason = f" ({why})" if why else ""
        raise NotAllowed(f"identity {identity} is {state.value}{reason}: ask an operator")


def check_roles(reducer: str, by: tuple[str, ...], roles: tuple[str, ...]) -> None:
    """Raises NotAllowed unless one of the roles is asked for."""
    if not by:
        raise NotAllowed(f"{reducer} is internal: no identity may call it")
    if ANYONE not in by and not any(role in by for role in roles):
        raise NotAllowed(f"{reducer} is for the roles {', '.join(by)}: ask an operator for one")
