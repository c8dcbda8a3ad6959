"""Responses which we send (RFC 3261 section 8.2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from telephony.sip.grammar import param
from telephony.sip.headers import Headers, Lines
from telephony.sip.message import Request, Response
from telephony.sip.name_addr import NameAddr

REASONS: Mapping[int, str] = MappingProxyType(
    {
        100: "Trying",
        180: "Ringing",
        183: "Session Progress",
        200: "OK",
        202: "Accepted",
        400: "Bad Request",
        403: "Forbidden",
        404: "Not Found",
        405: "Method Not Allowed",
        406: "Not Acceptable",
        408: "Request Timeout",
        415: "Unsupported Media Type",
        416: "Unsupported URI Scheme",
        420: "Bad Extension",
        422: "Session Interval Too Small",
        480: "Temporarily Unavailable",
        481: "Call/Transaction Does Not Exist",
        482: "Loop Detected",
        486: "Busy Here",
        487: "Request Terminated",
        488: "Not Acceptable Here",
        489: "Bad Event",
        491: "Request Pending",
        500: "Server Internal Error",
        503: "Service Unavailable",
        504: "Server Time-out",
        505: "Version Not Supported",
        600: "Busy Everywhere",
        603: "Decline",
    }
)
_CLASSES: Mapping[int, str] = MappingProxyType(
    {1: "Progress", 2: "OK", 3: "Redirected", 4: "Refused", 5: "Server Failure", 6: "Refused"}
)


def respond(
    request: Request, status: int, to_tag: str = "", *, headers: Lines = (), body: bytes = b""
) -> Response:
    """Answer a request; the To tag is added where it has none (100 takes none)."""
    to = request.required("to")
    if to_tag and not _has_tag(to):
        to = f"{to};tag={to_tag}"
    lines: list[tuple[str, str]] = [("Via", via) for via in request.headers.all("via")]
    lines += [
        ("From", request.required("from")),
        ("To", to),
        ("Call-ID", request.required("call-id")),
        ("CSeq", request.required("cseq")),
    ]
    # Those which form a dialog hand its route back (section 12.1.1).
    if request.method == "INVITE" and 100 < status < 300:
        lines += [("Record-Route", route) for route in request.headers.all("record-route")]
    headers = (*lines, *headers)
    return Response(Headers(headers), status=status, reason=reason_of(status), body=body)


def reason_of(status: int) -> str:
    """The reason phrase of a status."""
    return REASONS.get(status) or _CLASSES[status // 100]


def _has_tag(to: str) -> bool:
    # A To which cannot be read is copied with our tag added: best effort, for a 400.
    try:
        return param(NameAddr.parse(to).params, "tag") is not None
    except ValueError:
        return False
