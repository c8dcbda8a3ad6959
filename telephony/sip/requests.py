"""Requests which we send, each made from a dialog's row or from the request before it."""

from __future__ import annotations

from telephony.sip.dialog import DialogState
from telephony.sip.headers import Headers, Lines
from telephony.sip.message import Request, Response
from telephony.sip.name_addr import NameAddr
from telephony.sip.sender import Sender

MAX_FORWARDS = "70"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY"
SUPPORTED = "timer, replaces, norefersub"
# These name where we are reached from now on (RFC 3261 section 12.2, RFC 3311 section 5).
TARGET_REFRESHES = ("INVITE", "UPDATE")


def within(
    state: DialogState,
    method: str,
    sender: Sender,
    branch: str,
    cseq: int,
    *,
    headers: Lines = (),
    content_type: str = "",
    body: bytes = b"",
) -> Request:
    """A request within the dialog, or the INVITE which begins it (RFC 3261 section 12.2.1.1)."""
    uri, routes = _route(state)
    remote_tag = f";tag={state.remote_tag}" if state.remote_tag else ""
    lines = [
        ("Via", sender.via(state.flow, branch)),
        *(("Route", route) for route in routes),
        ("Max-Forwards", MAX_FORWARDS),
        ("From", f"{state.local_uri};tag={state.local_tag}"),
        ("To", f"{state.remote_uri}{remote_tag}"),
        ("Call-ID", state.call_id),
        ("CSeq", f"{cseq} {method}"),
    ]
    if method in TARGET_REFRESHES:
        lines += [
            ("Contact", sender.contact(state.flow, state.remote_target) + state.features),
            ("Allow", ALLOW),
            ("Supported", SUPPORTED),
        ]
    lines += headers
    if content_type:
        lines.append(("Content-Type", content_type))
    return Request(Headers(lines), method=method, uri=uri, body=body)


def standalone(method: str, uri: str, via: str, headers: Lines) -> Request:
    """A request outside of any dialog, such as OPTIONS or REGISTER.

    `headers` begin with From, To, Call-ID and CSeq.
    """
    lines = [("Via", via), ("Max-Forwards", MAX_FORWARDS), *headers]
    return Request(Headers(lines), method=method, uri=uri)


def _route(state: DialogState) -> tuple[str, list[str]]:
    routes = state.routes
    if not routes:
        return state.remote_target, []
    first = NameAddr.parse(routes[0]).uri
    if first.is_loose_router:
        return state.remote_target, routes
    # A strict router expects itself in the Request-URI and the target as last route.
    return first.text, [*routes[1:], f"<{state.remote_target}>"]


def ack_of_failure(invite: Request, response: Response) -> Request:
    """The ACK of a 3xx to 6xx, within the INVITE's transaction (section 17.1.1.3)."""
    return _companion(invite, "ACK", response.required("to"))


def cancel(invite: Request, headers: Lines = ()) -> Request:
    """The CANCEL of an INVITE (section 9.1)."""
    return _companion(invite, "CANCEL", invite.required("to"), headers)


def _companion(invite: Request, method: str, to: str, headers: Lines = ()) -> Request:
    lines = [
        ("Via", invite.required("via")),
        *(("Route", route) for route in invite.headers.all("route")),
        ("Max-Forwards", MAX_FORWARDS),
        ("From", invite.required("from")),
        ("To", to),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} {method}"),
        *headers,
    ]
    return Request(Headers(lines), method=method, uri=invite.uri)
