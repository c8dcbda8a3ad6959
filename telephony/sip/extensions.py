"""Option tags and methods: what a peer requires, and what it can do (RFC 3261 section 19.2)."""

from __future__ import annotations

from dataclasses import replace

from telephony.sip.dialog import DialogState
from telephony.sip.grammar import is_token
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.policy import Policy
from telephony.sip.requests import SUPPORTED

RELIABLE = "100rel"
TIMER = "timer"
# 100rel is done where it is asked for, though we may not ask for it.
UNDERSTOOD = frozenset({RELIABLE, *SUPPORTED.split(", ")})
# They are kept in rows: no more of them, and none that is longer.
TAGS_MAX = 32
TAG_CHARS_MAX = 64


def tags(message: Request | Response, name: str) -> list[str]:
    """The tokens of a header such as Supported; those beyond the limits are left out."""
    known = (word for word in _words(message, name) if len(word) <= TAG_CHARS_MAX)
    return [word for word in known if is_token(word)][:TAGS_MAX]


def _words(message: Request | Response, name: str) -> list[str]:
    written = ",".join(message.headers.all(name)).split(",")
    return [word for part in written if (word := part.strip())]


def not_understood(request: Request) -> list[str]:
    """Of what a request requires, that which we do not do (section 8.2.2.3)."""
    return [word for word in _words(request, "require") if word.lower() not in UNDERSTOOD]


def supports(message: Request | Response, tag: str) -> bool:
    names = tags(message, "supported") + tags(message, "require")
    return tag in (name.lower() for name in names)


def requires(message: Request | Response, tag: str) -> bool:
    return tag in (name.lower() for name in tags(message, "require"))


def introduced(state: DialogState, message: Request | Response) -> DialogState:
    """The dialog with what its peer says that it can do; what it is silent about stays."""
    allow, supported = tags(message, "allow"), tags(message, "supported")
    return replace(
        state,
        peer_allow=", ".join(allow) or state.peer_allow,
        peer_supported=", ".join(supported) or state.peer_supported,
    )


def allows(state: DialogState, method: str) -> bool:
    """Whether the peer has named a method."""
    return method in state.peer_allow.split(", ")


def asked_for(policy: Policy) -> Lines:
    """Beside what every request of ours supports."""
    return (("Supported", RELIABLE),) if policy.reliable_progress else ()
