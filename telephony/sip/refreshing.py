"""Keeping a session alive, or ending one that nobody does (RFC 4028 section 10)."""

from __future__ import annotations

from dataclasses import replace

from telephony.sip import session_timer
from telephony.sip.core import SESSION_ALARM, Core, Dialog
from telephony.sip.extensions import allows, introduced
from telephony.sip.message import Response
from telephony.sip.reinvite import TOO_SHORT, Reinvites
from telephony.sip.transactions import Client
from telephony.sip.transactions.timers import T1
from telephony.sip.within import DIALOG_IS_GONE, Within

# A refresh of theirs which came during a restart is sent again, so long (Timer F).
GRACE_SECONDS = 64 * T1
RETRY_SECONDS = (2.0, 4.0)
# An UPDATE was refused for good: the peer said that it knows it, but does not.
UNKNOWN_METHOD = (405, 420, 501)


class Refreshing:
    """Refreshes by UPDATE where the peer takes it: it changes nothing else."""

    def __init__(self, core: Core, requests: Within, reinvites: Reinvites) -> None:
        self._core = core
        self._within = requests
        self._reinvites = reinvites

    def restore(self, dialog: Dialog, now: float) -> None:
        """Go on after a restart: a refresh which came due meanwhile is sent at once."""
        state = dialog.state
        at = session_timer.due_at(state)
        if at is not None and not state.is_refresher:
            at = max(at, now + GRACE_SECONDS)
        self._core.alarms.set(SESSION_ALARM, state.id, at)

    def come_due(self, dialog: Dialog, now: float) -> None:
        """Refresh; or hang up, where nobody did in time."""
        if dialog.is_ending or dialog.wants_bye:
            return
        if not dialog.state.is_refresher or dialog.is_refreshing:
            self._within.bye(dialog, now, "session expired")
            return
        dialog.is_refreshing = True
        self._core.alarms.set(
            SESSION_ALARM,
            dialog.state.id,
            max(session_timer.ends_at(dialog.state), now + GRACE_SECONDS),
        )
        self._refresh(dialog, now)

    def _refresh(self, dialog: Dialog, now: float) -> None:
        state = dialog.state
        if allows(state, "UPDATE"):
            headers = session_timer.asking(state, self._core.policy)
            self._within.send(dialog, "UPDATE", now, headers=headers)
        elif not state.has_reinvite and dialog.reoffer is None:
            # The same description under the same version: nothing is to change.
            self._reinvites.offer(dialog, state.local_sdp, now)

    def responded(self, client: Client, response: Response, now: float) -> None:
        """Take a response to an UPDATE of ours."""
        core = self._core
        dialog = core.dialog(client.owner)
        if dialog is None or response.status < 200:
            return
        status, state = response.status, dialog.state
        if status in DIALOG_IS_GONE:
            self._within.end(dialog, "gone", now)
        elif status < 300:
            state = introduced(state, response)
            timer = session_timer.agreed(response)
            state = session_timer.running(state, timer, session_timer.UAC, now)
            dialog.is_refreshing = False
            core.save(dialog, state)
            core.alarms.set(SESSION_ALARM, state.id, session_timer.due_at(state))
        elif status in UNKNOWN_METHOD:
            allowed = [name for name in state.peer_allow.split(", ") if name != "UPDATE"]
            dialog.state = replace(state, peer_allow=", ".join(allowed))
            self._refresh(dialog, now)
        elif now + RETRY_SECONDS[1] < session_timer.ends_at(state):
            if status == TOO_SHORT:
                dialog.state = replace(state, min_se_s=session_timer.least(response))
            dialog.is_refreshing = False
            core.alarms.set(SESSION_ALARM, state.id, now + core.between(*RETRY_SECONDS))
