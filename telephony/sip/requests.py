"""Requests which we send, each made from a dialog's row or from the request before it."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.address import Address
from telephony.sip.dialog import DialogState
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.sip.name_addr import NameAddr

MAX_FORWARDS = "70"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"


@dataclass(frozen=True, slots=True)
class Sender:
    """Our side of every request: where we are reached, and as whom."""

    local: Address
    user: str

    @property
    def sent_by(self) -> str:
        host = f"[{self.local.host}]" if ":" in self.local.host else self.local.host
        return f"{host}:{self.local.port}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.sent_by}>"

    def via(self, branch: str) -> str:
        return f"SIP/2.0/UDP {self.sent_by};branch={branch};rport"


def within(
    state: DialogState,
    method: str,
    sender: Sender,
    branch: str,
    cseq: int,
    *,
    content_type: str = "",
    body: bytes = b"",
) -> Request:
    """A request within the dialog, or the INVITE which begins it (RFC 3261 section 12.2.1.1)."""
    uri, routes = _route(state)
    remote_tag = f";tag={state.remote_tag}" if state.remote_tag else ""
    lines = [
        ("Via", sender.via(branch)),
        *(("Route", route) for route in routes),
        ("Max-Forwards", MAX_FORWARDS),
        ("From", f"{state.local_uri};tag={state.local_tag}"),
        ("To", f"{state.remote_uri}{remote_tag}"),
        ("Call-ID", state.call_id),
        ("CSeq", f"{cseq} {method}"),
    ]
    if method == "INVITE":
        lines += [("Contact", sender.contact), ("Allow", ALLOW)]
    if content_type:
        lines.append(("Content-Type", content_type))
    return Request(Headers(lines), method=method, uri=uri, body=body)


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


def cancel(invite: Request) -> Request:
    """The CANCEL of an INVITE (section 9.1)."""
    return _companion(invite, "CANCEL", invite.required("to"))


def _companion(invite: Request, method: str, to: str) -> Request:
    lines = [
        ("Via", invite.required("via")),
        *(("Route", route) for route in invite.headers.all("route")),
        ("Max-Forwards", MAX_FORWARDS),
        ("From", invite.required("from")),
        ("To", to),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} {method}"),
    ]
    return Request(Headers(lines), method=method, uri=invite.uri)
