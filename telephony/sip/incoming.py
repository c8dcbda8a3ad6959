"""Calls which we are offered: the user agent server core of RFC 3261 section 13.3."""

from __future__ import annotations

from dataclasses import replace

from telephony import sdp as session_description
from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip.core import ANSWER_ALARM, UNANSWERED_ALARM, Core, Dialog, invite_key
from telephony.sip.dialog import DialogState, readable
from telephony.sip.errors import GrammarError
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.outputs import (
    Acknowledged,
    Cancelled,
    Event,
    Failed,
    Invited,
    Offered,
    Unacknowledged,
)
from telephony.sip.parser import parse
from telephony.sip.requests import ALLOW
from telephony.sip.responses import respond
from telephony.sip.transactions import branch_of, server_key, way_back
from telephony.sip.transactions.timers import T1, T2
from telephony.sip.within import Within

UNANSWERED_SECONDS_MAX = 180.0
RETRY_AFTER_SECONDS = "10"
SDP = "application/sdp"

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


class IncomingCalls:
    """Rings, accepts, rejects; repeats its 2xx until that is acknowledged."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests

    # --- what arrives -------------------------------------------------------------------

    def invited(self, request: Request, flow: Flow, trunk: str, now: float) -> None:
        """An INVITE outside of any dialog."""
        core = self._core
        if (known := core.dialog_begun_by(invite_of(request))) is not None:
            # Its transaction was lost in a restart: it gets the same response.
            self.repeat_to(known, request)
            return
        if (status := self._refusal(request)) is not None:
            self._refuse(request, flow, status)
            return
        dialog_id = core.token()
        try:
            state = _early(dialog_id, core.token(), request, flow, now)
        except GrammarError:
            core.reply(request, flow, 400)
            return
        state = replace(state, trunk=trunk)
        core.transactions.serve(request, flow)
        dialog = core.add(state)
        core.transactions.respond(server_key(request), respond(request, 100), flow, now)
        core.save(dialog, state)
        core.alarms.set(UNANSWERED_ALARM, dialog_id, now + UNANSWERED_SECONDS_MAX)
        core.tell(_told(dialog_id, request, flow, trunk))

    def _refusal(self, request: Request) -> int | None:
        if self._core.transactions.is_merged(request):
            return 482
        if not _is_session_description(request):
            return 415
        return 503 if self._core.is_full or self._core.transactions.is_full else None

    def _refuse(self, request: Request, flow: Flow, status: int) -> None:
        headers: Lines = ()
        if status == 415:
            headers = (("Accept", SDP), ("Accept-Encoding", "identity"))
        elif status in (500, 503):
            headers = (("Retry-After", RETRY_AFTER_SECONDS),)
        self._core.reply(request, flow, status, headers=headers)

    def reinvited(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """An INVITE within a dialog (section 14.2)."""
        core = self._core
        if (status := self._refusal_within(dialog, request)) is not None:
            self._refuse(request, flow, status)
            return
        state = replace(
            dialog.state,
            remote_cseq=request.cseq.number,
            server_branch=branch_of(request),
            server_cseq=request.cseq.number,
            server_request=_kept(request),
            final_response=b"",
            acknowledged=True,
            remote_sdp=request.body or dialog.state.remote_sdp,
        )
        core.transactions.serve(request, flow)
        core.transactions.respond(server_key(request), respond(request, 100), flow, now)
        core.save(dialog, retargeted(state, request))
        core.alarms.set(UNANSWERED_ALARM, state.id, now + UNANSWERED_SECONDS_MAX)
        core.tell(Offered(state.id, request.body or None))

    def _refusal_within(self, dialog: Dialog, request: Request) -> int | None:
        if dialog.is_pending:
            return 500
        if dialog.awaits_ack:
            return 491
        if not _is_session_description(request):
            return 415
        return 503 if self._core.transactions.is_full else None

    def acknowledged(self, dialog: Dialog, request: Request, now: float) -> None:
        """An ACK of a 2xx."""
        core = self._core
        state = dialog.state
        if state.acknowledged or dialog.is_ending or request.cseq.number != state.server_cseq:
            return
        core.alarms.set(ANSWER_ALARM, state.id, None)
        sdp = request.body if request.content_type == SDP and request.body else None
        core.save(dialog, replace(state, acknowledged=True, remote_sdp=sdp or state.remote_sdp))
        core.tell(Acknowledged(state.id, sdp))
        if dialog.wants_bye:
            self._within.bye_at_once(dialog, now)

    def cancelled(self, request: Request, flow: Flow, now: float) -> None:
        """A CANCEL (section 9.2): answered at once, and its INVITE with 487 if that waits."""
        core = self._core
        if not core.transactions.has_server(server_key(request, "INVITE")):
            core.reply(request, flow, 481)
            return
        dialog = self._dialog_with(request)
        core.reply(request, flow, 200, to_tag=dialog.state.local_tag if dialog else "")
        if dialog is not None and dialog.is_pending:
            self._refuse_waiting(dialog, 487, Cancelled(dialog.state.id), now)

    def _dialog_with(self, request: Request) -> Dialog | None:
        """The dialog whose last INVITE this CANCEL means."""
        core = self._core
        dialog = core.dialog_begun_by(invite_of(request)) or core.dialog_of(
            request.call_id, request.to.tag
        )
        if dialog is None or dialog.state.server_branch != branch_of(request):
            return None
        return dialog

    # --- what we are told to do ---------------------------------------------------------

    def ring(self, dialog: Dialog, now: float) -> None:
        if dialog.is_pending and dialog.state.status == rows.EARLY:
            request = _waiting(dialog)
            response = self._response(dialog, request, 180)
            self._core.transactions.respond(server_key(request), response, dialog.state.flow, now)

    def accept(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        """Answer the INVITE which waits; if none does, send the same 2xx once more."""
        if not dialog.is_pending:
            if dialog.was_accepted:
                self._repeat(dialog)
            return
        core = self._core
        request = _waiting(dialog)
        response = self._response(dialog, request, 200, sdp)
        origin = session_description.origin(sdp)
        answered = replace(
            dialog.state,
            status=rows.CONFIRMED,
            server_request=b"",
            final_response=bytes(response),
            acknowledged=False,
            local_sdp=sdp,
            sdp_origin_id=origin.session_id,
            sdp_version=origin.version,
            answered_us=dialog.state.answered_us or rows.microseconds(now),
        )
        core.save(dialog, answered)
        core.alarms.set(UNANSWERED_ALARM, answered.id, None)
        core.transactions.respond(server_key(request), response, dialog.state.flow, now)
        self._await_ack(dialog, now)

    def reject(self, dialog: Dialog, status: int, now: float) -> None:
        """Refuse the INVITE which waits; refusing a re-INVITE leaves the call as it was."""
        assert 300 <= status <= 699, "a rejection is a final response other than 2xx"
        if dialog.is_pending:
            self._refuse_waiting(dialog, status, None, now)

    def unanswered(self, dialog: Dialog, now: float) -> None:
        """Nobody answered the INVITE here: it has rung too long."""
        self._refuse_waiting(dialog, 480, Failed(dialog.state.id, "unanswered"), now)

    def hung_up(self, dialog: Dialog, now: float) -> None:
        """A BYE came: an INVITE which still waits gets 487 (section 15.1.2)."""
        if dialog.is_pending:
            request = _waiting(dialog)
            response = self._response(dialog, request, 487)
            self._core.transactions.respond(server_key(request), response, dialog.state.flow, now)

    def _refuse_waiting(self, dialog: Dialog, status: int, event: Event | None, now: float) -> None:
        core = self._core
        request = _waiting(dialog)
        response = self._response(dialog, request, status)
        core.alarms.set(UNANSWERED_ALARM, dialog.state.id, None)
        if dialog.state.status == rows.EARLY:
            core.end(dialog, now, bytes(response))
        else:
            refused = replace(dialog.state, server_request=b"", final_response=bytes(response))
            core.save(dialog, refused)
        core.transactions.respond(server_key(request), response, dialog.state.flow, now)
        if event is not None and dialog.state.status == rows.TERMINATED:
            core.tell(event)

    def _response(
        self, dialog: Dialog, request: Request, status: int, sdp: bytes = b""
    ) -> Response:
        headers: Lines = ()
        if status < 300:
            headers = (("Contact", self._core.sender.contact(dialog.state.flow)), ("Allow", ALLOW))
        if sdp:
            headers = (*headers, ("Supported", ""), ("Content-Type", SDP))
        return respond(request, status, dialog.state.local_tag, headers=headers, body=sdp)

    # --- the 2xx, until it is acknowledged (section 13.3.1.4) ---------------------------

    def _await_ack(self, dialog: Dialog, now: float) -> None:
        dialog.resend_interval = T1
        dialog.give_up_at = now + 64 * T1
        self._core.alarms.set(ANSWER_ALARM, dialog.state.id, now + T1)

    def unacknowledged(self, dialog: Dialog, now: float) -> None:
        """Send the 2xx again, or give up and hang up."""
        core = self._core
        if now >= dialog.give_up_at:
            core.tell(Unacknowledged(dialog.state.id))
            if not dialog.wants_bye:
                dialog.ending_reason = "unacknowledged"
            # The row stays unacknowledged: after a restart, this is gone through again.
            self._within.bye_at_once(dialog, now)
            return
        self._repeat(dialog)
        dialog.resend_interval = min(2 * dialog.resend_interval, T2)
        next_at = min(now + dialog.resend_interval, dialog.give_up_at)
        core.alarms.set(ANSWER_ALARM, dialog.state.id, next_at)

    def _repeat(self, dialog: Dialog) -> None:
        if response := dialog.state.final_response:
            self._core.transmit(response, way_back(dialog.state.flow, parse(response)))

    def repeat_to(self, dialog: Dialog, request: Request) -> bool:
        """Answer an INVITE within the dialog again, if it is the one answered last."""
        if branch_of(request) != dialog.state.server_branch:
            return False
        self._repeat(dialog)
        return True

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: wait on, or send the unacknowledged 2xx again."""
        core = self._core
        if dialog.is_pending:
            core.transactions.serve(_waiting(dialog), dialog.state.flow)
            core.alarms.set(UNANSWERED_ALARM, dialog.state.id, now + UNANSWERED_SECONDS_MAX)
        elif dialog.awaits_ack:
            self._repeat(dialog)
            self._await_ack(dialog, now)


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
    return replace(rows.travelling(state, flow), remote_target=target)


def _early(dialog_id: str, local_tag: str, request: Request, flow: Flow, now: float) -> DialogState:
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
        server_request=_kept(request),
        remote_sdp=request.body,
        created_us=rows.microseconds(now),
    )
    return rows.travelling(state, flow)


def _kept(request: Request) -> bytes:
    """What of an INVITE is needed to answer it."""
    names = ("via", "from", "to", "call-id", "cseq", "record-route")
    return bytes(replace(request, headers=request.headers.only(*names), body=b""))


def _told(dialog_id: str, request: Request, flow: Flow, trunk: str) -> Invited:
    lines = request.headers.lines
    return Invited(
        dialog_id,
        readable(request.from_.uri.text),
        readable(request.from_.display),
        readable(request.to.uri.text),
        readable(request.uri),
        request.body or None,
        flow,
        trunk,
        tuple((name, readable(value)) for name, value in lines if name.lower() in KEPT_HEADERS),
    )


def _waiting(dialog: Dialog) -> Request:
    request = parse(dialog.state.server_request)
    assert isinstance(request, Request), "the row holds the INVITE which waits"
    return request


def _is_session_description(request: Request) -> bool:
    encoding = (request.headers.get("content-encoding") or "identity").lower()
    return not request.body or (request.content_type == SDP and encoding == "identity")
