"""Calls which we are offered: the user agent server core of RFC 3261 section 13.3."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import exchange, locating, reason, session_timer
from telephony.sip.core import (
    ANSWER_ALARM,
    RELIABLE_ALARM,
    SESSION_ALARM,
    UNANSWERED_ALARM,
    Core,
    Dialog,
    invite_key,
)
from telephony.sip.dialog import DialogState, readable
from telephony.sip.errors import GrammarError
from telephony.sip.exchange import Step
from telephony.sip.extensions import introduced
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
from telephony.sip.reliable import ReliableProgress
from telephony.sip.replaces import replaced_by
from telephony.sip.responses import respond
from telephony.sip.transactions import branch_of, server_key, way_back
from telephony.sip.transactions.timers import T1, T2
from telephony.sip.within import Within

UNANSWERED_SECONDS_MAX = 180.0
RETRY_AFTER_SECONDS = "10"
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


class IncomingCalls:
    """Rings, accepts, rejects; repeats its 2xx until that is acknowledged."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests
        self._reliably = ReliableProgress(core)

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
        refusal, replaced = replaced_by(core, request)
        if refusal:
            core.reply(request, flow, refusal)
            return
        dialog_id = core.token()
        try:
            state = _early(dialog_id, core.token(), request, flow, now)
        except GrammarError:
            core.reply(request, flow, 400)
            return
        state = replace(state, trunk=trunk, replaces=replaced.state.id if replaced else "")
        core.transactions.serve(request, flow)
        dialog = core.add(state)
        core.transactions.respond(server_key(request), respond(request, 100), flow, now)
        core.save(dialog, state)
        core.alarms.set(UNANSWERED_ALARM, dialog_id, now + UNANSWERED_SECONDS_MAX)
        core.tell(replace(_told(dialog_id, request, flow, trunk), replaces=state.replaces))
        if not rows.is_behind_nat(request, flow):
            locating.ask(core, state)

    def _refusal(self, request: Request) -> int | None:
        if self._core.transactions.is_merged(request):
            return 482
        if not is_session_description(request):
            return 415
        if not takes_session_description(request):
            return 406
        if session_timer.is_too_short(request, self._core.policy):
            return 422
        return 503 if self._core.is_full or self._core.transactions.is_full else None

    def _refuse(self, request: Request, flow: Flow, status: int) -> None:
        headers: Lines = ()
        if status == 415:
            headers = (("Accept", SDP), ("Accept-Encoding", "identity"))
        elif status == 422:
            headers = session_timer.refusal(self._core.policy)
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
            server_request=kept(request),
            final_response=b"",
            acknowledged=True,
        )
        if request.body:
            state = exchange.offered_by_them(state, request.body)
        core.transactions.serve(request, flow)
        core.transactions.respond(server_key(request), respond(request, 100), flow, now)
        state = introduced(retargeted(state, request), request)
        if not rows.is_behind_nat(request, flow):
            locating.follow(core, dialog.state, state)
        core.save(dialog, state)
        core.alarms.set(UNANSWERED_ALARM, state.id, now + UNANSWERED_SECONDS_MAX)
        core.tell(Offered(state.id, request.body or None))

    def _refusal_within(self, dialog: Dialog, request: Request) -> int | None:
        if dialog.is_pending:
            return 500
        # Both may want something at a time: then neither gets it now (section 14.2).
        if dialog.awaits_ack or dialog.state.has_reinvite:
            return 491
        if not exchange.may(dialog.state, Step.THEY_OFFER):
            return 500
        if not is_session_description(request):
            return 415
        if session_timer.is_too_short(request, self._core.policy):
            return 422
        return 503 if self._core.transactions.is_full else None

    def acknowledged(self, dialog: Dialog, request: Request, now: float) -> None:
        """An ACK of a 2xx."""
        core = self._core
        state = dialog.state
        if state.acknowledged or dialog.is_ending or request.cseq.number != state.server_cseq:
            return
        core.alarms.set(ANSWER_ALARM, state.id, None)
        sdp = request.body if request.content_type == SDP and request.body else None
        state = replace(state, acknowledged=True)
        is_answer = exchange.may(state, Step.THEY_ANSWER)
        if is_answer:
            state = exchange.answered_by_them(state, sdp) if sdp else exchange.withdrawn(state)
        core.save(dialog, state)
        core.tell(Acknowledged(state.id, sdp if is_answer else None))
        if dialog.wants_bye:
            self._within.bye_at_once(dialog, now)
        elif not state.remote_sdp and is_answer:
            # An offer which was never answered: nobody knows where media goes.
            self._within.bye(dialog, now, "no answer to the offer")

    def cancelled(self, request: Request, flow: Flow, now: float) -> None:
        """A CANCEL (section 9.2): answered at once, and its INVITE with 487 if that waits."""
        core = self._core
        if not core.transactions.has_server(server_key(request, "INVITE")):
            core.reply(request, flow, 481)
            return
        dialog = self._dialog_with(request)
        core.reply(request, flow, 200, to_tag=dialog.state.local_tag if dialog else "")
        if dialog is not None and dialog.is_pending:
            self._refuse_waiting(dialog, 487, Cancelled(dialog.state.id, reason.read(request)), now)

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
        self.progress(dialog, 180, b"", now)

    def progress(self, dialog: Dialog, status: int, sdp: bytes, now: float) -> None:
        """Send a provisional response; with a description, media may flow before the answer."""
        if not dialog.is_pending or dialog.state.status != rows.EARLY:
            return
        request = waiting(dialog)
        if self._reliably.is_due(request):
            self._reliably.send(dialog, request, status, sdp, now)
        else:
            self._respond(dialog, request, self._response(dialog, request, status, sdp), now)

    def accept(self, dialog: Dialog, sdp: bytes, now: float) -> None:
        """Answer the INVITE which waits; if none does, send the same 2xx once more."""
        if not dialog.is_pending:
            if dialog.was_accepted:
                self._repeat(dialog)
            return
        if self._reliably.holds_answer(dialog):
            self._core.save(dialog, replace(dialog.state, answers_when_pracked=True))
            return
        core = self._core
        request = waiting(dialog)
        state, body = _described(dialog.state, sdp)
        timer = session_timer.serve(request, core.policy)
        extra = session_timer.served(timer)
        response = self._response(dialog, request, 200, body, extra)
        answered = replace(
            session_timer.running(state, timer, session_timer.UAS, now),
            status=rows.CONFIRMED,
            server_request=b"",
            final_response=bytes(response),
            acknowledged=False,
            reliable_response=b"",
            answers_when_pracked=False,
            answered_us=dialog.state.answered_us or rows.microseconds(now),
        )
        core.save(dialog, answered)
        core.alarms.set(UNANSWERED_ALARM, answered.id, None)
        core.alarms.set(RELIABLE_ALARM, answered.id, None)
        core.alarms.set(SESSION_ALARM, answered.id, session_timer.due_at(answered))
        self._respond(dialog, request, response, now)
        self._await_ack(dialog, now)

    def pracked(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """A PRACK: the answer which had to wait for it may follow."""
        if not self._reliably.acknowledged(dialog, request, flow, now):
            return
        if dialog.state.answers_when_pracked:
            self.accept(dialog, b"", now)
        elif (following := dialog.next_progress) is not None:
            dialog.next_progress = None
            self.progress(dialog, *following, now)

    def unpracked(self, dialog: Dialog, now: float) -> None:
        """Send a reliable provisional response again, or refuse the call (RFC 3262 section 3)."""
        if not self._reliably.repeat(dialog, now) and dialog.is_pending:
            failed = Failed(dialog.state.id, "unacknowledged")
            self._refuse_waiting(dialog, 504, failed, now)

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
            request = waiting(dialog)
            self._respond(dialog, request, self._response(dialog, request, 487), now)

    def _refuse_waiting(self, dialog: Dialog, status: int, event: Event | None, now: float) -> None:
        core = self._core
        request = waiting(dialog)
        response = self._response(dialog, request, status)
        core.alarms.set(UNANSWERED_ALARM, dialog.state.id, None)
        if dialog.state.status == rows.EARLY:
            core.end(dialog, now, bytes(response))
        else:
            kept = exchange.withdrawn(dialog.state)
            core.save(dialog, replace(kept, server_request=b"", final_response=bytes(response)))
        self._respond(dialog, request, response, now)
        if event is not None and dialog.state.status == rows.TERMINATED:
            core.tell(event)

    def _respond(self, dialog: Dialog, request: Request, response: Response, now: float) -> None:
        self._core.transactions.respond(server_key(request), response, dialog.state.flow, now)

    def _response(
        self,
        dialog: Dialog,
        request: Request,
        status: int,
        sdp: bytes = b"",
        extra: Lines = (),
    ) -> Response:
        headers = extra
        if status < 300:
            headers = self._core.capabilities(dialog.state, request.uri) + extra
        if sdp:
            headers = (*headers, ("Content-Type", SDP))
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
            core.transactions.serve(waiting(dialog), dialog.state.flow)
            core.alarms.set(UNANSWERED_ALARM, dialog.state.id, now + UNANSWERED_SECONDS_MAX)
            self._reliably.restore(dialog, now)
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
    resolved_hop = state.resolved_hop if target == state.remote_target else ""
    state = rows.travelling(state, flow)
    return replace(state, remote_target=target, resolved_hop=resolved_hop)


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
        server_request=kept(request),
        created_us=rows.microseconds(now),
        caller_headers=rows.written_lines(_kept_headers(request)),
    )
    if request.body:
        state = exchange.offered_by_them(state, request.body)
    return introduced(rows.travelling(state, flow), request)


def _described(state: DialogState, sdp: bytes) -> tuple[DialogState, bytes]:
    """The row with what our 2xx says of the session, and what that is.

    Nothing, where a reliable provisional response has answered already (RFC 6337 section 3.1.1).
    """
    if exchange.may(state, Step.WE_ANSWER):
        return exchange.answered_by_us(state, sdp), sdp
    if state.status == rows.EARLY and state.remote_sdp:
        return state, b""
    return exchange.offered_by_us(state, sdp), sdp


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


def _told(dialog_id: str, request: Request, flow: Flow, trunk: str) -> Invited:
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
