"""Why a call ended or never came about: one stable code and plain words for all that lines say.

SIP statuses (RFC 3261), causes of ITU-T Q.850; where both are given, Q.850 is what the telephone
network itself said (RFC 3398 section 8.2.6.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from telephony.sip.reason import Q850, SIP, Reason


class Cause(StrEnum):
    """Written to rows: a code never changes its meaning."""

    NORMAL = "normal"
    CANCELLED = "cancelled"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    NOT_IN_SERVICE = "not_in_service"
    CHANGED = "changed"
    INVALID_NUMBER = "invalid_number"
    FORBIDDEN = "forbidden"
    INCOMPATIBLE = "incompatible"
    CONGESTION = "congestion"
    TIMED_OUT = "timed_out"
    ELSEWHERE = "elsewhere"
    TRANSFERRED = "transferred"
    REPLACED = "replaced"
    NO_MEDIA = "no_media"
    NO_ROUTE = "no_route"
    NOT_PERMITTED = "not_permitted"
    FAILED = "failed"


WORDS: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.NORMAL: "hung up",
        Cause.CANCELLED: "given up before the answer",
        Cause.BUSY: "busy",
        Cause.NO_ANSWER: "no answer",
        Cause.DECLINED: "declined",
        Cause.UNAVAILABLE: "not available",
        Cause.NOT_IN_SERVICE: "number not in service",
        Cause.CHANGED: "number changed",
        Cause.INVALID_NUMBER: "no such number format",
        Cause.FORBIDDEN: "not allowed",
        Cause.INCOMPATIBLE: "no codec in common",
        Cause.CONGESTION: "network congested",
        Cause.TIMED_OUT: "no response",
        Cause.ELSEWHERE: "answered elsewhere",
        Cause.TRANSFERRED: "transferred",
        Cause.REPLACED: "replaced by another call",
        Cause.NO_MEDIA: "no media",
        Cause.NO_ROUTE: "no way leads there",
        Cause.NOT_PERMITTED: "they may not be called any more",
        Cause.FAILED: "failed in the network",
    }
)

_STATUSES: Mapping[int, Cause] = MappingProxyType(
    {
        200: Cause.ELSEWHERE,
        401: Cause.FORBIDDEN,
        402: Cause.FORBIDDEN,
        403: Cause.FORBIDDEN,
        404: Cause.NOT_IN_SERVICE,
        407: Cause.FORBIDDEN,
        408: Cause.TIMED_OUT,
        410: Cause.CHANGED,
        415: Cause.INCOMPATIBLE,
        416: Cause.INVALID_NUMBER,
        480: Cause.NO_ANSWER,
        484: Cause.INVALID_NUMBER,
        485: Cause.INVALID_NUMBER,
        486: Cause.BUSY,
        487: Cause.CANCELLED,
        488: Cause.INCOMPATIBLE,
        503: Cause.CONGESTION,
        504: Cause.TIMED_OUT,
        600: Cause.BUSY,
        603: Cause.DECLINED,
        604: Cause.NOT_IN_SERVICE,
        606: Cause.INCOMPATIBLE,
        # RFC 8197 and RFC 8688: refused for them by an analytics service.
        607: Cause.DECLINED,
        608: Cause.DECLINED,
    }
)

_Q850: Mapping[int, Cause] = MappingProxyType(
    {
        1: Cause.NOT_IN_SERVICE,
        2: Cause.FAILED,
        3: Cause.FAILED,
        16: Cause.NORMAL,
        17: Cause.BUSY,
        18: Cause.NO_ANSWER,
        19: Cause.NO_ANSWER,
        20: Cause.UNAVAILABLE,
        21: Cause.DECLINED,
        22: Cause.CHANGED,
        26: Cause.ELSEWHERE,
        27: Cause.UNAVAILABLE,
        28: Cause.INVALID_NUMBER,
        31: Cause.NORMAL,
        34: Cause.CONGESTION,
        38: Cause.FAILED,
        41: Cause.FAILED,
        42: Cause.CONGESTION,
        44: Cause.CONGESTION,
        47: Cause.CONGESTION,
        50: Cause.FORBIDDEN,
        55: Cause.FORBIDDEN,
        57: Cause.FORBIDDEN,
        58: Cause.INCOMPATIBLE,
        65: Cause.INCOMPATIBLE,
        79: Cause.INCOMPATIBLE,
        87: Cause.FORBIDDEN,
        88: Cause.INCOMPATIBLE,
        102: Cause.TIMED_OUT,
    }
)
# They end every call that failed for a reason which SIP has a better word for.
_SAYS_LITTLE = (16, 31, 127)

# How somebody is told who asked us to call.
_TOLD: Mapping[Cause, int] = MappingProxyType(
    {
        Cause.BUSY: 486,
        Cause.NO_ANSWER: 480,
        Cause.UNAVAILABLE: 480,
        Cause.DECLINED: 603,
        Cause.NOT_IN_SERVICE: 404,
        Cause.CHANGED: 410,
        Cause.INVALID_NUMBER: 484,
        Cause.NO_ROUTE: 404,
        Cause.NOT_PERMITTED: 403,
        Cause.FORBIDDEN: 403,
        Cause.CONGESTION: 503,
        Cause.TIMED_OUT: 408,
        Cause.CANCELLED: 487,
        Cause.INCOMPATIBLE: 488,
    }
)

# Why we ended it ourselves, or noticed that it was over: `HungUp.reason`, `Failed.reason`.
_OURS: Mapping[str, Cause] = MappingProxyType(
    {
        "cancelled": Cause.CANCELLED,
        "timed out": Cause.TIMED_OUT,
        "unanswered": Cause.NO_ANSWER,
        "unacknowledged": Cause.TIMED_OUT,
        "unreachable": Cause.TIMED_OUT,
        "gone": Cause.FAILED,
        "too many calls": Cause.CONGESTION,
        "transferred": Cause.TRANSFERRED,
        "replaced": Cause.REPLACED,
    }
)


def of_refusal(status: int, reasons: Sequence[Reason] = ()) -> Cause:
    """Why a call was not answered, by its final status and what came with it."""
    for reason in reasons:
        if reason.protocol == Q850 and reason.cause not in _SAYS_LITTLE:
            return _Q850.get(reason.cause, Cause.FAILED)
    return _STATUSES.get(status, Cause.FAILED)


def of_hanging_up(reasons: Sequence[Reason] = ()) -> Cause:
    """Why the other side hung up a call that was answered."""
    for reason in reasons:
        if reason.protocol == Q850:
            return _Q850.get(reason.cause, Cause.FAILED)
    return Cause.NORMAL


def of_giving_up(reasons: Sequence[Reason] = ()) -> Cause:
    """Why a caller gave up before the answer: one of several telephones may have answered."""
    elsewhere = (Reason(SIP, 200), Reason(Q850, 26))
    is_elsewhere = any(reason in elsewhere for reason in reasons)
    return Cause.ELSEWHERE if is_elsewhere else Cause.CANCELLED


def status_of(cause: Cause) -> int:
    """The SIP status that says it best, 400 to 699."""
    return _TOLD.get(cause, 500)


def of_ours(reason: str) -> Cause:
    """Why a call ended on our side."""
    return _OURS.get(reason, Cause.NORMAL)
