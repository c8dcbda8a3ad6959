"""An INVITE as it arrives: what can be made of it, and what of it is kept. Pure."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import exchange
from telephony.sip.core import Dialog, invite_key
from telephony.sip.dialog import DialogState, readable
from telephony.sip.errors import GrammarError
from telephony.sip.extensions import introduced
from telephony.sip.headers import Lines
from telephony.sip.message import Request
from telephony.sip.outputs import Invited
from telephony.sip.parser import parse
from telephony.sip.transactions import branch_of

SDP = "application/sdp"

NEEDED_TO_ANSWER = (
    *("via", "from", "to", "call-id", "cseq", "record-route"),
    *("require", "supported", "session-expires", "min-se"),
)
# Of all of them: a dialog is written to disk with them.
KEPT_CHARS_MAX = 16_384
KEPT_HEADERS = (
    "p-asserted-identity",
    "remote-party-id",
    "privacy",
    "diversion",
    "history-info",
    "identity",
    "reason",
    "user-agent",
    "x-twilio-verstat",
)


def invite_of(request: Request) -> str:
    """The same for each repetition of an INVITE, and for its CANCEL; see `core.invited_as`."""
    return invite_key(request.call_id, request.from_.tag, branch_of(request))


def retargeted(state: DialogState, request: Request) -> DialogState:
    """The dialog with the Contact of a target refresh (section 12.2.2)."""
    try:
        target = rows.target_of(request)
        flow = rows.next_hop_of_caller(request, state.routes, target, state.flow)
    except GrammarError:
        return state
    resolved_hop = state.resolved_hop if target == state.remote_target else ""
    state = rows.travelling(state, flow)
    return replace(state, remote_target=target, resolved_hop=resolved_hop)


def early(dialog_id: str, local_tag: str, request: Request, flow: Flow, now: float) -> DialogState:
    routes = rows.routes_of(request)
    target = rows.target_of(request)
    flow = rows.next_hop_of_caller(request, routes, target, flow)
    state = DialogState(
        id=dialog_id,
        role=rows.UAS,
        status=rows.EARLY,
        call_id=request.call_id,
        local_tag=local_tag,
        remote_tag=request.from_.tag,
        local_uri=rows.plain(request.to),
        remote_uri=rows.plain(request.from_),
        local_cseq=0,
        remote_cseq=request.cseq.number,
        route_set="\n".join(routes),
        remote_target=target,
        destination_host=flow.remote.host,
        destination_port=flow.remote.port,
        server_branch=branch_of(request),
        server_cseq=request.cseq.number,
        server_request=kept(request),
        created_us=rows.microseconds(now),
        caller_headers=rows.written_lines(_kept_headers(request)),
    )
    if request.body:
        state = exchange.offered_by_them(state, request.body)
    return introduced(rows.travelling(state, flow), request)


def kept(request: Request) -> bytes:
    """What of an INVITE or UPDATE is needed to answer it."""
    return bytes(replace(request, headers=request.headers.only(*NEEDED_TO_ANSWER), body=b""))


def _kept_headers(request: Request) -> Lines:
    """Who is calling, as they say: what came last is left out where it is too much."""
    kept: Lines = ()
    chars = 0
    for name, value in request.headers.lines:
        if name.lower() in KEPT_HEADERS and chars + len(value) <= KEPT_CHARS_MAX:
            kept += ((name, readable(value)),)
            chars += len(value)
    return kept


def told(dialog_id: str, request: Request, flow: Flow, trunk: str) -> Invited:
    return Invited(
        dialog_id,
        readable(request.from_.uri.text),
        readable(request.from_.display),
        readable(request.to.uri.text),
        readable(request.uri),
        request.body or None,
        flow,
        trunk,
        _kept_headers(request),
    )


def waiting(dialog: Dialog) -> Request:
    request = parse(dialog.state.server_request)
    assert isinstance(request, Request), "the row holds the INVITE which waits"
    return request


def is_session_description(request: Request) -> bool:
    encoding = (request.headers.get("content-encoding") or "identity").lower()
    return not request.body or (request.content_type == SDP and encoding == "identity")


def takes_session_description(request: Request) -> bool:
    """Whether the answer may have a body that we can make (RFC 3261 sections 13.3.1.3, 20.1)."""
    lines = request.headers.all("accept")
    ranges = {part.partition(";")[0].strip().lower() for line in lines for part in line.split(",")}
    return not lines or not ranges.isdisjoint((SDP, "application/*", "*/*"))
