"""Picking up and hanging up: the effects and events of the SIP line."""

import asyncio
from dataclasses import replace
from typing import Any

from media.codecs import CODECS
from runtime.errors import Refused
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.callers import Callers
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import call_answered, call_ended, call_rang, leg_changed, leg_planned
from sessions.tables import Dial, Leg
from telephony import sdp
from telephony.address import Address
from telephony.causes import Cause
from telephony.sip import DialogState
from telephony.udp import SipEndpoint

ANY_ADDRESS = Address("0.0.0.0", 9)
"""Where media goes until a late offer is answered: nowhere (the discard port)."""


class Lines:
    """Performs ring, answer and hang-up."""

    def __init__(
        self,
        house: House,
        calls: dict[str, LiveCall],
        dialogs: dict[str, DialogState],
        callers: Callers,
    ) -> None:
        self._house = house
        self._callers = callers
        self._calls = calls
        self._dialogs = dialogs

    async def ring(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Let it ring for a moment: a caller who changes their mind has cost nothing."""
        live = self._live(effect)
        if live is None:
            return None
        self._sip.do(lambda ua, now: ua.ring(live.id, now))
        await self._sip.flushed()
        try:
            await asyncio.wait_for(live.ended.wait(), self._house.settings.ring_ms / 1_000)
            return None
        except TimeoutError:
            return Closing(call_rang, {"call": live.id})

    async def answer(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Open the media, commit how it runs, and only then say 200 OK."""
        live = self._live(effect)
        if live is None:
            return None
        dialog = self._dialogs[live.id]
        try:
            leg, body = await self._negotiate(live, dialog)
        except sdp.SdpError:
            self._sip.do(lambda ua, now: ua.reject(live.id, 488, now))
            return Closing(
                call_ended,
                {"call": live.id, "by": "no codec in common", "cause": Cause.INCOMPATIBLE.value},
            )
        await self._house.act(leg_planned, live.id, request=f"{live.id}/leg", leg=leg)
        self._sip.do(lambda ua, now: ua.accept(live.id, body, now))
        await self._sip.flushed()
        self._house.media.listen(live.id, True)
        return Closing(call_answered, {"call": live.id, "policy": self._house.settings.policy})

    async def offer(self, live: LiveCall) -> bytes:
        """Open a leg for a call of ours, commit how it runs; our offer. Media goes nowhere yet."""
        codecs = self._house.settings.codecs
        payload_type = CODECS[codecs[0]].payload_type
        anywhere = sdp.AudioParameters(codecs[0], payload_type, 101, ANY_ADDRESS, "sendrecv")
        leg = await self._plan(live, anywhere)
        await self._house.act(leg_planned, live.id, request=f"{live.id}/leg", leg=leg)
        local = Address(self._house.settings.media_address, leg.port)
        return sdp.build_offer(codecs, local, leg.epoch_us // 1_000_000, 1)

    async def hang_up(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """End the call from our side."""
        live = self._live(effect)
        if live is None:
            return None
        self._sip.do(lambda ua, now: ua.bye(live.id, now))
        await self._sip.flushed()
        return Closing(call_ended, {"call": live.id, "by": "agent", "cause": Cause.NORMAL.value})

    def reject(self, call: str, status: int) -> None:
        """Refuse a call that was only offered."""
        self._sip.do(lambda ua, now: ua.reject(call, status, now))

    def decline_transfer(self, call: str) -> None:
        """The peer wants us to call somebody: no."""
        self._sip.do(lambda ua, now: ua.reject_refer(call, 603, now))

    def drop(self, call: str) -> None:
        """Say goodbye to a line on which nobody is heard any more."""
        self._sip.do(lambda ua, now: ua.bye(call, now))

    async def resume(self, live: LiveCall) -> None:
        """Have a (new) media process run the leg of a call that goes on."""
        rows = await self._house.store.reader.rows(Leg, id=live.id)
        if rows and not live.ended.is_set():
            await self.open_leg(rows[0])
            self._house.media.listen(live.id, True)

    async def open_leg(self, leg: Leg, beside: str | None = None) -> Address:
        """Have the media process run a leg: a new one, or one that its forerunner lost."""
        host, port = await self._house.media.open(
            leg.id,
            leg.call,
            CODECS[leg.codec],
            self._remote(leg),
            ssrc=leg.ssrc,
            sequence_base=leg.seq0,
            timestamp_base=leg.ts0,
            epoch_us=leg.epoch_us,
            payload_type=leg.payload_type,
            dtmf_payload_type=leg.dtmf_payload_type,
            port=leg.port or None,
            process=leg.process if leg.port else None,
            beside=beside,
        )
        return Address(host, port)

    def _remote(self, leg: Leg) -> Address:
        try:
            return Address(self._house.unseal(leg.remote_host), leg.remote_port)
        except KeyDestroyed:
            # Who called was erased while the line is open: media goes where it comes from.
            return ANY_ADDRESS

    async def renegotiate(self, live: LiveCall, body: bytes | None) -> None:
        """A re-INVITE: hold, resume, or media that moved. The answer is under the same port."""
        (leg,) = await self._house.store.reader.rows(Leg, id=live.id)
        dialog = self._dialogs[live.id]
        local = Address(self._house.settings.media_address, leg.port)
        version = dialog.sdp_version + 1
        try:
            if body is None:
                answer = sdp.build_offer([leg.codec], local, dialog.sdp_origin_id, version)
            else:
                answer, audio = sdp.answer(body, [leg.codec], local, dialog.sdp_origin_id, version)
                await self.move(leg, audio)
        except sdp.SdpError:
            self._sip.do(lambda ua, now: ua.reject(live.id, 488, now))
            return
        self._sip.do(lambda ua, now: ua.accept(live.id, answer, now))

    async def acknowledged(self, live: LiveCall, body: bytes | None) -> None:
        """The ACK of a late offer brings the caller's answer."""
        if body is None:
            return
        (leg,) = await self._house.store.reader.rows(Leg, id=live.id)
        try:
            await self.move(leg, sdp.choose(sdp.parse(body), [leg.codec]))
        except sdp.SdpError:
            self._sip.do(lambda ua, now: ua.bye(live.id, now))

    async def move(self, leg: Leg, audio: sdp.AudioParameters) -> None:
        """The caller's media has another address or payload type."""
        await self._house.act(
            leg_changed,
            leg.call,
            remote_host=await self._callers.seal(leg.call, audio.remote.host),
            remote_port=audio.remote.port,
            payload_type=audio.payload_type,
            dtmf_payload_type=audio.dtmf_payload_type,
            codec=audio.codec,
        )
        (leg,) = await self._house.store.reader.rows(Leg, id=leg.id)
        await self.open_leg(leg)

    @property
    def _sip(self) -> SipEndpoint:
        assert self._house.sip is not None, "effects are performed once the line is open"
        return self._house.sip

    def _live(self, effect: Effect) -> LiveCall | None:
        live = self._calls.get(effect.scope or "")
        return None if live is None or live.ended.is_set() else live

    async def _negotiate(self, live: LiveCall, dialog: DialogState) -> tuple[Leg, bytes]:
        """Choose a codec, open the leg, write our SDP."""
        codecs = self._house.settings.codecs
        if dialog.remote_sdp:
            audio = sdp.choose(sdp.parse(dialog.remote_sdp), codecs)
        else:
            audio = sdp.AudioParameters(
                codecs[0], CODECS[codecs[0]].payload_type, 101, ANY_ADDRESS, "sendrecv"
            )
        leg = await self._plan(live, audio)
        local = Address(self._house.settings.media_address, leg.port)
        session = dialog.sdp_origin_id or leg.epoch_us // 1_000_000
        if not dialog.remote_sdp:
            return leg, sdp.build_offer(codecs, local, session, 1)
        body, _ = sdp.answer(dialog.remote_sdp, codecs, local, session, 1)
        return leg, body

    async def _plan(self, live: LiveCall, audio: sdp.AudioParameters) -> Leg:
        rows = await self._house.store.reader.rows(Leg, id=live.id)
        if rows:
            await self.open_leg(rows[0])
            return rows[0]
        leg = Leg(
            id=live.id,
            call=live.id,
            codec=audio.codec,
            payload_type=audio.payload_type,
            dtmf_payload_type=audio.dtmf_payload_type,
            port=0,
            remote_host=await self._callers.seal(live.id, audio.remote.host),
            remote_port=audio.remote.port,
            ssrc=int.from_bytes(self._house.entropy(4), "big"),
            seq0=int.from_bytes(self._house.entropy(2), "big"),
            ts0=int.from_bytes(self._house.entropy(4), "big"),
            epoch_us=self._house.clock(),
        )
        orders = await self._house.store.reader.rows(Dial, id=live.id)
        # Who is to be heard by somebody has to be at the same media process.
        address = await self.open_leg(leg, beside=orders[0].joins if orders else None)
        return replace(leg, port=address.port, process=self._house.media.process_of(leg.id))


async def end(house: House, call: str, by: str, cause: Cause | None = None) -> None:
    """The line closed from the other side; a second reason changes nothing."""
    try:
        await house.surely(call_ended, call, request=f"{call}/ended", by=by, cause=cause)
    except Refused:
        return
