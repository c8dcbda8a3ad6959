"""What telephones and recorders say of recording in their SDP (RFC 7866 sections 6.2, 6.3, 7.2).

Who is aware of recording is told when it is on. Who asks not to be recorded has refused. And who
says that they record, records beside us: that is an incident, for no gate of ours is in its way.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from consent.machine import LISTENING, OPENING, Event, State
from consent.tables import ConsentEvent
from runtime.errors import Refused
from runtime.values import typed_row
from runtime.writer import Committed
from sessions.consent_reducers import consent_answered, consent_withdrawn
from sessions.gating import RECORDED
from sessions.house import House
from sessions.live import LiveCall
from sessions.siprec.reducers import recording_elsewhere
from sessions.siprec.saying import OFF, ON, is_aware
from telephony import sdp
from telephony.sip import DialogState
from telephony.sip.dialog import CONFIRMED

METHOD = "sdp:recordpref"
SCOPE = "recording"
ANSWERABLE = (*LISTENING, State.CONFIRM_DUE)

HOUR_US = 3_600_000_000
INCIDENTS_AN_HOUR_MAX = 100
"""Rows of recordings that were offered to us; the operator's log has them all."""

Reoffer = Callable[[LiveCall], Awaitable[object]]


class Awareness:
    """Looks at what was committed and at what was said."""

    def __init__(
        self,
        house: House,
        calls: Mapping[str, LiveCall],
        dialogs: Mapping[str, DialogState],
        *,
        reoffer: Reoffer,
        soon: Callable[[Any], None],
    ) -> None:
        self._house = house
        self._calls = calls
        self._dialogs = dialogs
        self._reoffer = reoffer
        self._soon = soon
        self._stale: set[str] = set()
        self._telling: set[str] = set()
        self._hour, self._incidents = 0, 0

    def committed(self, batch: list[Committed]) -> None:
        """A recording began, paused or went on; or the party may now refuse."""
        for committed in batch:
            for table, old, new in committed.entry.deltas:
                if new is None:
                    continue
                if table == "recording" and (old is None or old["state"] != new["state"]):
                    self._changed(new["id"])
                elif _is_of_recording(table, new) and self._prefers_off(new["call"]):
                    self._soon(self._refused(typed_row(ConsentEvent, new)))

    async def noticed(self, call: str, body: bytes | None) -> None:
        """A description of the other side's."""
        try:
            audio = sdp.parse(body or b"", sdp.Srtp.OPTIONAL)
        except sdp.SdpError:
            return
        if audio.record == ON:
            self._house.note("the other side records by itself", call=call)
            await self.incident(call, "a=record:on")
        events = await self._house.store.reader.rows(ConsentEvent, call=call, scope=SCOPE)
        if events and self._prefers_off(call):
            await self._refused(max(events, key=lambda event: event.id))

    async def incident(self, call: str, how: str) -> None:
        """Somebody else records this call."""
        await self._house.surely(recording_elsewhere, call, how=how)

    async def refused_a_recording(self, call_id: str) -> None:
        """Somebody who records took us for a recorder; a repetition of it is the same."""
        now = self._house.clock() // HOUR_US
        if now != self._hour:
            self._hour, self._incidents = now, 0
        self._incidents += 1
        if self._incidents > INCIDENTS_AN_HOUR_MAX:
            return
        name = hashlib.sha256(call_id.encode(errors="replace")).hexdigest()[:32]
        await self._house.store.act(
            recording_elsewhere,
            sender="node",
            request=f"incident/{name}",
            call="",
            how="an INVITE with Require: siprec",
        )

    def _changed(self, call: str) -> None:
        live, dialog = self._calls.get(call), self._dialogs.get(call)
        if live is None or dialog is None or live.ended.is_set():
            return
        if dialog.status == CONFIRMED and is_aware(dialog):
            self._stale.add(call)
            if call not in self._telling:
                self._telling.add(call)
                self._soon(self._tell(live))

    async def _tell(self, live: LiveCall) -> None:
        """One offer after the other: each is the successor of what they have agreed to."""
        try:
            while live.id in self._stale and not live.ended.is_set():
                self._stale.discard(live.id)
                await self._reoffer(live)
        finally:
            self._telling.discard(live.id)
            self._stale.discard(live.id)

    async def _refused(self, event: ConsentEvent) -> None:
        """Whoever asks not to be recorded is taken at their word, once: they may still agree."""
        may = event.state in ANSWERABLE or event.state in OPENING
        known = await self._house.store.reader.rows(ConsentEvent, call=event.call, scope=SCOPE)
        if not may or any(one.method == METHOD for one in known):
            return
        try:
            if event.state in OPENING:
                args: dict[str, Any] = {"scopes": RECORDED, "method": METHOD}
                await self._house.surely(consent_withdrawn, event.call, **args)
            else:
                args = {"answer": Event.NO, "method": METHOD, "keys": {}}
                await self._house.surely(consent_answered, event.call, **args)
        except Refused:
            return  # They have answered meanwhile, or are gone.

    def _prefers_off(self, call: str) -> bool:
        if (dialog := self._dialogs.get(call)) is None:
            return False
        try:
            theirs = sdp.parse(dialog.remote_sdp or dialog.pending_sdp, sdp.Srtp.OPTIONAL)
        except sdp.SdpError:
            return False
        return theirs.recordpref == OFF


def _is_of_recording(table: str, row: dict[str, Any]) -> bool:
    return bool(table == "consent_event" and row["scope"] == SCOPE)
