"""Requests of ours which were challenged are sent again, with credentials (RFC 3261 section 22)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from telephony.sip import dialog as rows
from telephony.sip.core import Core, Dialog
from telephony.sip.credentials import AUTHORIZATIONS, Credentials, Wallet
from telephony.sip.headers import Headers, Lines
from telephony.sip.message import Request, Response
from telephony.sip.outgoing import OutgoingCalls
from telephony.sip.transactions import Client

# One nonce may turn out stale, and then each proxy on the way may have its own challenge.
ANSWERS_MAX = 4
CHALLENGED = (401, 407)

CredentialsOf = Callable[[str], Credentials | None]


class Authorizing:
    """Knows who we are on each trunk."""

    def __init__(self, core: Core, outgoing: OutgoingCalls, whose: CredentialsOf) -> None:
        self._core = core
        self._outgoing = outgoing
        self._whose = whose
        self._wallet = Wallet(core.entropy)

    def challenged(self, client: Client, response: Response, now: float) -> bool:
        """Whether this was a challenge that is now being answered."""
        credentials = self._whose(client.trunk) if client.trunk else None
        if (
            response.status not in CHALLENGED
            or credentials is None
            or client.answered >= ANSWERS_MAX
        ):
            return False
        request = client.machine.request
        lines = self._wallet.authorize(request, response, credentials)
        if not lines:
            return False
        # What another proxy on the way was answered is told it again.
        lines = _joined(request, lines)
        if client.state is None:
            self._standalone(client, lines, now)
            return True
        dialog = self._core.dialog(client.owner)
        if dialog is None:
            return False
        if request.method == "INVITE" and dialog.state.status == rows.EARLY:
            if dialog.wants_cancel:
                return False
            changed = replace(dialog.state, authorization=rows.written_lines(lines))
            self._outgoing.again(dialog, changed, now, answered=client.answered + 1)
        else:
            self._within(client, dialog, lines, now)
        return True

    def _standalone(self, client: Client, lines: Lines, now: float) -> None:
        core = self._core
        request = client.machine.request
        via = core.sender.via(client.way.flow, core.branch())
        again = repeated(request, via, request.cseq.number + 1, lines)
        core.transactions.start(
            again, client.way, client.owner, now, trunk=client.trunk, answered=client.answered + 1
        )

    def _within(self, client: Client, dialog: Dialog, lines: Lines, now: float) -> None:
        core = self._core
        request, state = client.machine.request, dialog.state
        branch, cseq = core.branch(), state.local_cseq + 1
        again = repeated(request, core.sender.via(state.flow, branch), cseq, lines)
        state = replace(state, local_cseq=cseq)
        if request.method == "INVITE":
            credentials = rows.written_lines(lines)
            state = replace(
                state, client_cseq=cseq, client_branch=branch, authorization=credentials
            )
        elif request.method == "REFER":
            state = replace(state, refer_cseq=cseq, refer_request=bytes(again))
        # Saved first: a CSeq must not be used twice.
        core.save(dialog, state)
        core.start(again, state, now, answered=client.answered + 1)


def repeated(request: Request, via: str, cseq: int, authorization: Lines) -> Request:
    """The same request anew: a transaction of its own, and with these credentials."""
    lines = request.headers.without("via", "cseq", *AUTHORIZATIONS).lines
    head = (("Via", via), ("CSeq", f"{cseq} {request.method}"))
    return replace(request, headers=Headers((*head, *lines, *authorization)))


def _joined(request: Request, fresh: Lines) -> Lines:
    names = {name.lower() for name, _ in fresh}
    kept = request.headers.only(*AUTHORIZATIONS).lines
    return (*(line for line in kept if line[0].lower() not in names), *fresh)
