"""Who sends and who receives (RFC 3264 sections 5.1 and 6.1), as the two halves of a direction."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SENDRECV = "sendrecv"
SENDONLY = "sendonly"
RECVONLY = "recvonly"
INACTIVE = "inactive"

_HALVES: Mapping[str, tuple[bool, bool]] = MappingProxyType(
    {
        SENDRECV: (True, True),
        SENDONLY: (True, False),
        RECVONLY: (False, True),
        INACTIVE: (False, False),
    }
)
_NAMES = {halves: name for name, halves in _HALVES.items()}
DIRECTIONS = frozenset(_HALVES)


def reversed_(direction: str) -> str:
    """The same, seen from the other side."""
    sends, receives = _HALVES[direction]
    return _NAMES[receives, sends]


def both(one: str, other: str) -> str:
    """What is left when both sides of a wish must agree."""
    sends, receives = _HALVES[one]
    also_sends, also_receives = _HALVES[other]
    return _NAMES[sends and also_sends, receives and also_receives]


def sends(direction: str) -> bool:
    return _HALVES[direction][0]
