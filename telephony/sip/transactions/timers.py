"""The timers of RFC 3261 table 4 and RFC 6026. Seconds."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

T1 = 0.5
T2 = 4.0
T4 = 5.0


class Timer(Enum):
    """Each is also an input: it is fed to its machine when it comes due."""

    A = "INVITE request again"
    B = "INVITE given up"
    D = "absorb responses to INVITE"
    E = "request again"
    E_SLOW = "request again, every T2 once a provisional response came"
    F = "request given up"
    G = "response to INVITE again"
    H = "ACK given up"
    I = "absorb ACK"  # noqa: E741 - the RFC's name.
    J = "absorb requests"
    K = "absorb responses"
    L = "absorb INVITE after its 2xx"
    M = "gather further 2xx"


class Span(NamedTuple):
    """A first interval, doubled each time up to the last."""

    first: float
    last: float


SPANS: Mapping[Timer, Span] = MappingProxyType(
    {
        Timer.A: Span(T1, 64 * T1),
        Timer.B: Span(64 * T1, 64 * T1),
        Timer.D: Span(32.0, 32.0),
        Timer.E: Span(T1, T2),
        Timer.E_SLOW: Span(T2, T2),
        Timer.F: Span(64 * T1, 64 * T1),
        Timer.G: Span(T1, T2),
        Timer.H: Span(64 * T1, 64 * T1),
        Timer.I: Span(T4, T4),
        Timer.J: Span(64 * T1, 64 * T1),
        Timer.K: Span(T4, T4),
        Timer.L: Span(64 * T1, 64 * T1),
        Timer.M: Span(64 * T1, 64 * T1),
    }
)

# A reliable transport repeats by itself, and brings nothing late (RFC 3261 table 4).
NEVER_IF_RELIABLE = frozenset({Timer.A, Timer.E, Timer.E_SLOW, Timer.G})
AT_ONCE_IF_RELIABLE = frozenset({Timer.D, Timer.I, Timer.J, Timer.K})
