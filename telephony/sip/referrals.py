"""Transfers which the peer asks of us: REFER in, NOTIFY out (RFC 3515, RFC 4488)."""

from __future__ import annotations

from dataclasses import replace

from telephony.flow import Flow
from telephony.sip import dialog as rows
from telephony.sip import sipfrag
from telephony.sip.core import REFERRED_ALARM, Core, Dialog
from telephony.sip.dialog import readable
from telephony.sip.errors import GrammarError
from telephony.sip.grammar import param
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.name_addr import NameAddr
from telephony.sip.outputs import Referred
from telephony.sip.replaces import Replaces
from telephony.sip.responses import respond
from telephony.sip.transactions import Client, server_key
from telephony.sip.within import Within

DECISION_SECONDS_MAX = 16.0
"""Well before the peer gives its REFER up."""

REFERRAL_SECONDS_MAX = 180.0
"""How long we tell about a call which we were asked to make."""

REFERRED_BY_CHARS_MAX = 512


class Referrals:
    """Keeps one REFER of a dialog's peer at a time."""

    def __init__(self, core: Core, requests: Within) -> None:
        self._core = core
        self._within = requests

    def referred(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """A REFER within the dialog. Its number is saved with the answer: until then a restart
        takes its repetition for a new one."""
        core = self._core
        if dialog.referral is not None or dialog.state.referred_cseq:
            core.reply(request, flow, 491)
            return
        try:
            told = _told(dialog.state.id, request)
        except GrammarError:
            core.reply(request, flow, 400)
            return
        if core.transactions.is_full:
            core.reply(request, flow, 503)
            return
        core.transactions.serve(request, flow)
        dialog.state = replace(dialog.state, remote_cseq=request.cseq.number)
        dialog.referral = request
        core.alarms.set(REFERRED_ALARM, dialog.state.id, now + DECISION_SECONDS_MAX)
        core.tell(told)

    def repeat_to(self, dialog: Dialog, request: Request) -> int | None:
        """What a REFER is answered whose transaction was lost; none where it is not known."""
        return 202 if request.cseq.number == dialog.state.referred_cseq else None

    def accept(self, dialog: Dialog, now: float) -> None:
        """Answer 202, and tell at once that we try (RFC 3515 section 2.4.4)."""
        request = dialog.referral
        if request is None:
            return
        asked = (request.headers.get("refer-sub") or "").strip().lower()
        tells = asked != "false"
        headers: Lines = (("Contact", self._core.sender.contact(dialog.state.flow)),)
        if not tells:
            headers = (*headers, ("Refer-Sub", "false"))
        until = now + REFERRAL_SECONDS_MAX
        changed = replace(
            dialog.state,
            referred_cseq=request.cseq.number if tells else 0,
            referred_until_us=rows.microseconds(until),
        )
        self._core.save(dialog, changed)
        self._answer(dialog, request, 202, headers, now)
        if tells:
            self._core.alarms.set(REFERRED_ALARM, changed.id, until)
            self.tell(dialog, 100, now)

    def reject(self, dialog: Dialog, status: int, now: float) -> None:
        assert 300 <= status <= 699, "a rejection is a final response other than 2xx"
        if dialog.referral is not None:
            self._core.save(dialog, dialog.state)
            self._answer(dialog, dialog.referral, status, (), now)

    def _answer(
        self, dialog: Dialog, request: Request, status: int, headers: Lines, now: float
    ) -> None:
        core = self._core
        dialog.referral = None
        core.alarms.set(REFERRED_ALARM, dialog.state.id, None)
        response = respond(request, status, dialog.state.local_tag, headers=headers)
        core.transactions.respond(server_key(request), response, dialog.state.flow, now)

    def tell(self, dialog: Dialog, status: int, now: float) -> None:
        """NOTIFY the peer how its transfer goes; a final status is the last word of it."""
        if dialog.state.referred_cseq:
            self._notify(dialog, status, "noresource" if status >= 200 else "", now)

    def _notify(self, dialog: Dialog, status: int, over: str, now: float) -> None:
        state = dialog.state
        left_s = max(0, round(state.referred_until_us / 1_000_000 - now))
        subscription = f"terminated;reason={over}" if over else f"active;expires={left_s}"
        headers: Lines = (
            ("Contact", self._core.sender.contact(state.flow)),
            ("Event", f"refer;id={state.referred_cseq}"),
            ("Subscription-State", subscription),
        )
        if over:
            self._core.alarms.set(REFERRED_ALARM, state.id, None)
            dialog.state = replace(state, referred_cseq=0)
        self._within.send(
            dialog,
            "NOTIFY",
            now,
            headers=headers,
            content_type=sipfrag.CONTENT_TYPE_WRITTEN,
            body=sipfrag.written(status),
        )

    def come_due(self, dialog: Dialog, now: float) -> None:
        """Nobody decided, or the call we were asked for takes too long."""
        if dialog.referral is not None:
            self.reject(dialog, 480, now)
        elif dialog.state.referred_cseq:
            self._notify(dialog, 100, "timeout", now)

    def restore(self, dialog: Dialog) -> None:
        state = dialog.state
        if state.referred_cseq:
            self._core.alarms.set(REFERRED_ALARM, state.id, state.referred_until_us / 1_000_000)

    def responded(self, client: Client, response: Response) -> None:
        """A NOTIFY which is refused ends what the peer wants to be told, and not the call."""
        if response.status >= 300:
            self.gone(client)

    def gone(self, client: Client) -> None:
        dialog = self._core.dialog(client.owner)
        if dialog is not None and dialog.state.referred_cseq:
            self._core.alarms.set(REFERRED_ALARM, dialog.state.id, None)
            self._core.save(dialog, replace(dialog.state, referred_cseq=0))


def _told(dialog_id: str, request: Request) -> Referred:
    """GrammarError where the Refer-To is none that can be called."""
    lines = request.headers.all("refer-to")
    if len(lines) != 1:
        raise GrammarError("not one Refer-To")
    target = NameAddr.parse(lines[0])
    method = param(target.uri.params, "method") or "INVITE"
    if target.uri.scheme not in ("sip", "sips", "tel") or method.upper() != "INVITE":
        raise GrammarError("Refer-To is nobody to call")
    asked = [value for name, value in target.uri.header_lines if name.lower() == "replaces"]
    replaces = readable(str(Replaces.parse(asked[0]))) if asked else ""
    referred_by = readable(request.headers.get("referred-by") or "")[:REFERRED_BY_CHARS_MAX]
    return Referred(dialog_id, readable(target.uri.without_headers), replaces, referred_by)
