"""Requests which we send within a dialog: BYE and INFO, and how a call ends by them."""

from __future__ import annotations

from dataclasses import replace

from telephony.sip.core import Core, Dialog
from telephony.sip.message import Response
from telephony.sip.outputs import HungUp
from telephony.sip.requests import within
from telephony.sip.transactions import Client

# These say that the other side has no such dialog (RFC 3261 section 12.2.1.2).
DIALOG_IS_GONE = (408, 481)


class Within:
    """Sends within dialogs."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def bye(self, dialog: Dialog, now: float, reason: str = "local") -> None:
        """Hang up. The row is terminated once the BYE is answered or given up.

        Until then a restarted process may be asked to hang up again.
        """
        if dialog.is_ending or dialog.wants_bye:
            return
        dialog.ending_reason = reason
        # A callee waits for the ACK, or until none will come (section 15).
        if dialog.awaits_ack:
            dialog.wants_bye = True
        else:
            self.bye_at_once(dialog, now)

    def bye_at_once(self, dialog: Dialog, now: float) -> None:
        dialog.is_ending = True
        self._send(dialog, "BYE", now)

    def info(self, dialog: Dialog, content_type: str, body: bytes, now: float) -> None:
        self._send(dialog, "INFO", now, content_type, body)

    def _send(
        self, dialog: Dialog, method: str, now: float, content_type: str = "", body: bytes = b""
    ) -> None:
        core = self._core
        cseq = dialog.state.local_cseq + 1
        request = within(
            dialog.state,
            method,
            core.sender,
            core.branch(),
            cseq,
            content_type=content_type,
            body=body,
        )
        # Saved first: a CSeq must not be used twice.
        core.save(dialog, replace(dialog.state, local_cseq=cseq))
        core.start(request, dialog.state, now)

    def responded(self, client: Client, response: Response, now: float) -> None:
        dialog = self._core.dialog(client.owner)
        if dialog is None or response.status < 200:
            return
        if client.machine.request.method == "BYE":
            self.end(dialog, dialog.ending_reason, now)
        elif response.status in DIALOG_IS_GONE:
            self.end(dialog, "gone", now)

    def timed_out(self, client: Client, now: float) -> None:
        dialog = self._core.dialog(client.owner)
        if dialog is None:
            return
        if client.machine.request.method == "BYE":
            self.end(dialog, dialog.ending_reason, now)
        else:
            self.bye(dialog, now, "unreachable")

    def end(self, dialog: Dialog, reason: str, now: float) -> None:
        """The call is over."""
        self._core.end(dialog, now)
        self._core.tell(HungUp(dialog.state.id, reason))
