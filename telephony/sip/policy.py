"""What of the extensions of SIP we ask for. What peers ask for, we do in any case."""

from __future__ import annotations

from dataclasses import dataclass

# RFC 4028 section 5: nothing shorter may be asked for.
SESSION_EXPIRES_MIN_S = 90
SESSION_EXPIRES_S = 1_800


@dataclass(frozen=True, slots=True)
class Policy:
    """`session_expires_s` 0 asks for no session timer."""

    session_expires_s: int = SESSION_EXPIRES_S
    session_expires_min_s: int = SESSION_EXPIRES_MIN_S
    # Whether provisional responses are made reliable where the peer only supports it, and 100rel
    # is offered with our INVITEs (RFC 3262).
    reliable_progress: bool = False
