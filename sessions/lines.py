"""Picking up and hanging up: the effects and events of the SIP line."""

import asyncio
import base64
from contextlib import suppress
from dataclasses import replace
from typing import Any

from media.client import MediaUnavailable
from media.codecs import CODECS
from runtime.errors import Refused
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions import negotiating
from sessions.callers import Callers
from sessions.consult_reducers import Consultation
from sessions.hold_reducers import AGENT
from sessions.holding import holds_going_on
from sessions.house import House
from sessions.joining_reducers import leg_moved
from sessions.live import LiveCall
from sessions.reducers import call_answered, call_ended, call_rang, leg_changed, leg_planned
from sessions.tables import Dial, Leg
from sessions.voice import Voice
from telephony import sdp
from telephony.address import Address
from telephony.causes import Cause
from telephony.endpoint import SipEndpoint
from telephony.sdp.directions import RECVONLY, SENDONLY, SENDRECV
from telephony.sip import DialogState
from telephony.sip.exchange import remote_offer

REOFFER_WAIT_S = 60.0
"""How long an offer of ours within a call may wait for its answer: glare takes its time."""

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
        voice: Voice,
    ) -> None:
        self._house = house
        self._callers = callers
        self._voice = voice
        self._calls = calls
        self._dialogs = dialogs

    async def ring(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Let it ring for a moment: a caller who changes their mind has cost nothing."""
        live = self._live(effect)
        if live is None:
            return None
        dialog = self._dialogs[live.id]
        if self._house.settings.early_media and remote_offer(dialog):
            try:
                await self._greet(live, dialog)
            except sdp.SdpError:
                return self._incompatible(live)
        else:
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
            body = await self._negotiate(live, dialog)
        except sdp.SdpError:
            return self._incompatible(live)
        self._sip.do(lambda ua, now: ua.accept(live.id, body, now))
        await self._sip.flushed()
        self._house.media.listen(live.id, True)
        return Closing(call_answered, {"call": live.id, "policy": self._house.settings.policy})

    async def _greet(self, live: LiveCall, dialog: DialogState) -> None:
        """Early media: say who is there while it rings. Raises SdpError."""
        body = await self._negotiate(live, dialog)
        self._sip.do(lambda ua, now: ua.progress(live.id, body, now))
        await self._sip.flushed()
        if text := live.agent.greeting:
            await self._voice.greet(live, text)

    def _incompatible(self, live: LiveCall) -> Closing:
        self._sip.do(lambda ua, now: ua.reject(live.id, 488, now))
        return Closing(
            call_ended,
            {"call": live.id, "by": "no codec in common", "cause": Cause.INCOMPATIBLE.value},
        )

    async def offer(self, live: LiveCall, peer: str, trunk: str) -> bytes:
        """Open a leg for a call of ours, commit how it runs; our offer to an address by a trunk.

        Media goes nowhere yet.
        """
        codecs = self._house.settings.codecs_on(trunk)
        payload_type = CODECS[codecs[0]].payload_type
        anywhere = sdp.AudioParameters(codecs[0], payload_type, 101, ANY_ADDRESS, "sendrecv")
        leg = await self._plan(live, anywhere)
        await self._house.act(leg_planned, live.id, request=f"{live.id}/leg", leg=leg)
        local = Address(self._house.settings.media_towards(peer), leg.port)
        wanted = self._terms(None, trunk, SENDRECV)
        return sdp.build_offer(codecs, local, *negotiating.first_origin(leg), terms=wanted)

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

    def drop(self, call: str) -> None:
        """Say goodbye to a line on which nobody is heard any more."""
        self._sip.do(lambda ua, now: ua.bye(call, now))

    async def resume(self, live: LiveCall) -> None:
        """Have a (new) media process run the leg of a call that goes on."""
        rows = await self._house.store.reader.rows(Leg, id=live.id)
        if rows and not live.ended.is_set():
            await self.open_leg(rows[0])
            self._house.media.listen(live.id, True)

    async def open_leg(
        self, leg: Leg, beside: str | None = None, process: int | None = None
    ) -> Address:
        """Have the media process run a leg: a new one, or one that its forerunner lost.

        A new one `beside` another, or at the `process` of that number.
        """
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
            process=leg.process if leg.port else process,
            beside=beside,
            **self._besides(leg),
        )
        return Address(host, port)

    def _besides(self, leg: Leg) -> dict[str, Any]:
        """What else the media process is told of a leg."""
        keys = self._keys(leg)
        if keys is None:
            return {"direction": leg.direction}
        return {
            "direction": leg.direction,
            "srtp": {
                "suite": keys.suite,
                "send_key": base64.b64decode(keys.send_key).hex(),
                "receive_key": base64.b64decode(keys.receive_key).hex(),
                "roc": leg.srtp_roc,
            },
        }

    def _remote(self, leg: Leg) -> Address:
        try:
            return Address(self._house.unseal(leg.remote_host), leg.remote_port)
        except KeyDestroyed:
            # Who called was erased while the line is open: media goes where it comes from.
            return ANY_ADDRESS

    async def renegotiate(self, live: LiveCall, body: bytes | None, method: str) -> None:
        """They offer: hold, resume, another codec, media that moved. Our port stays."""
        leg = await self._leg(live.id)
        dialog = self._dialogs[live.id]
        wanted = self._terms(leg, dialog.trunk, await self._direction(live.id))
        before, codecs, local = dialog.local_sdp, self._codecs(dialog), self._local(leg, dialog)
        try:
            if body is None:
                answer = negotiating.offered(before, codecs, local, leg, wanted=wanted)
            else:
                answer, audio = negotiating.answered(
                    before, body, codecs, local, leg, wanted=wanted
                )
                await self.move(leg, audio)
        except sdp.SdpError:
            self._sip.do(lambda ua, now: ua.disagree(live.id, method, now))
            return
        self._sip.do(lambda ua, now: ua.agree(live.id, method, answer, now))

    async def acknowledged(self, live: LiveCall, body: bytes | None) -> None:
        """The ACK of a late offer brings the caller's answer."""
        if body is not None and not await self.agreed(live, body):
            self.drop(live.id)

    async def reoffer(self, live: LiveCall, direction: str) -> bool:
        """Offer the same media in this direction; whether the other side agreed."""
        leg = await self._leg(live.id)
        dialog = self._dialogs[live.id]
        wanted = self._terms(leg, dialog.trunk, direction)
        body = negotiating.offered(
            dialog.local_sdp, self._codecs(dialog), self._local(leg, dialog), leg, wanted
        )
        agreed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        live.reoffer = agreed
        self._sip.do(lambda ua, now: ua.reinvite(live.id, body, now))
        try:
            async with asyncio.timeout(REOFFER_WAIT_S):
                return await agreed
        except TimeoutError:
            return False

    async def reoffer_as_is(self, live: LiveCall) -> bool:
        """Offer the media where it is now; whether the other side agreed."""
        return await self.reoffer(live, await self._direction(live.id))

    async def open_elsewhere(self, live: LiveCall, process: int) -> None:
        """Open the leg at another media process, which sends nothing yet.

        Raises MediaUnavailable.
        """
        leg = await self._leg(live.id)
        if leg.process == process:
            return
        address = await self.open_leg(replace(leg, port=0, direction=RECVONLY), process=process)
        await self._house.surely(leg_moved, live.id, process=process, port=address.port)

    async def go_back(self, live: LiveCall, away: int, process: int, port: int) -> None:
        """The leg is not at the process `away`: it stays where it was."""
        self._house.media.close(live.id, away)
        self._house.media.place(live.id, process)
        await self._house.surely(leg_moved, live.id, process=process, port=port)
        if not live.ended.is_set():
            # Where that process is not there, its successor is told.
            with suppress(MediaUnavailable):
                await self.open_leg(await self._leg(live.id))

    async def renegotiated(self, live: LiveCall, body: bytes | None) -> None:
        """Our offer within a call was answered; none where it was refused."""
        agreed = body is not None and await self.agreed(live, body)
        if live.reoffer is not None and not live.reoffer.done():
            live.reoffer.set_result(agreed)

    async def agreed(self, live: LiveCall, answer: bytes) -> bool:
        """Have media run as their answer to our last description says."""
        dialog = self._dialogs[live.id]
        try:
            audio = sdp.accepted(answer, dialog.local_sdp, self._codecs(dialog))
        except sdp.SdpError:
            return False
        await self.move(await self._leg(live.id), audio)
        return True

    async def move(self, leg: Leg, audio: sdp.AudioParameters) -> None:
        """The caller's media has another address, codec, direction or key."""
        keys = leg.srtp_keys if audio.srtp == self._keys(leg) else None
        if audio.srtp is not None and keys is None:
            keys = await self._callers.seal(leg.call, negotiating.written_keys(audio.srtp))
        await self._house.act(
            leg_changed,
            leg.call,
            remote_host=await self._callers.seal(leg.call, audio.remote.host),
            remote_port=audio.remote.port,
            payload_type=audio.payload_type,
            dtmf_payload_type=audio.dtmf_payload_type,
            codec=audio.codec,
            direction=audio.direction,
            srtp_suite=audio.srtp.suite if audio.srtp else "",
            srtp_keys=keys,
        )
        await self.open_leg(await self._leg(leg.call))

    async def _leg(self, call: str) -> Leg:
        (leg,) = await self._house.store.reader.rows(Leg, id=call)
        return leg

    async def _direction(self, call: str) -> str:
        """What we want: while the agent holds the call, nobody need be heard."""
        return SENDONLY if await holds_going_on(self._house, call, AGENT) else SENDRECV

    def _keys(self, leg: Leg) -> sdp.SrtpParameters | None:
        if leg.srtp_keys is None:
            return None
        try:
            return negotiating.keys_of(leg, self._house.unseal(leg.srtp_keys))
        except KeyDestroyed:
            return None

    def _terms(self, leg: Leg | None, trunk: str, direction: str) -> sdp.Terms:
        srtp = self._house.settings.srtp.get(trunk, sdp.Srtp.OFF)
        agreed = None if leg is None else self._keys(leg)
        return negotiating.terms(srtp, agreed, self._house.entropy, direction)

    def _local(self, leg: Leg, dialog: DialogState) -> Address:
        """Where this peer can send audio to."""
        return Address(self._house.settings.media_towards(dialog.destination_host), leg.port)

    def _codecs(self, dialog: DialogState) -> tuple[str, ...]:
        return self._house.settings.codecs_on(dialog.trunk)

    @property
    def _sip(self) -> SipEndpoint:
        assert self._house.sip is not None, "effects are performed once the line is open"
        return self._house.sip

    def _live(self, effect: Effect) -> LiveCall | None:
        live = self._calls.get(effect.scope or "")
        return None if live is None or live.ended.is_set() else live

    async def _negotiate(self, live: LiveCall, dialog: DialogState) -> bytes:
        """Choose a codec, open the leg, commit how it runs; our SDP. Raises SdpError."""
        rows = await self._house.store.reader.rows(Leg, id=live.id)
        known = rows[0] if rows else None
        codecs = negotiating.preference(self._codecs(dialog), known)
        wanted = self._terms(known, dialog.trunk, SENDRECV)
        # Once it has been answered, that is said again.
        offer = remote_offer(dialog) or dialog.remote_sdp
        if offer:
            _, audio = sdp.answer(offer, codecs, ANY_ADDRESS, 0, 0, terms=wanted)
        else:
            payload_type = CODECS[codecs[0]].payload_type
            audio = sdp.AudioParameters(codecs[0], payload_type, 101, ANY_ADDRESS, SENDRECV)
        if known is None:
            leg = await self._plan(live, audio)
            await self._house.act(leg_planned, live.id, request=f"{live.id}/leg", leg=leg)
        else:
            leg = known
            await self.open_leg(leg)
        local, origin = self._local(leg, dialog), negotiating.first_origin(leg)
        if not offer:
            return sdp.build_offer(codecs, local, *origin, terms=wanted)
        return sdp.answer(offer, codecs, local, *origin, terms=wanted)[0]

    async def _plan(self, live: LiveCall, audio: sdp.AudioParameters) -> Leg:
        keys = None
        if audio.srtp is not None:
            keys = await self._callers.seal(live.id, negotiating.written_keys(audio.srtp))
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
            direction=audio.direction,
            srtp_suite=audio.srtp.suite if audio.srtp else "",
            srtp_keys=keys,
        )
        orders = await self._house.store.reader.rows(Dial, id=live.id)
        asked = await self._house.store.reader.rows(Consultation, id=live.id)
        # Who is to be heard by somebody has to be at the same media process.
        beside = [order.joins for order in orders] + [row.call for row in asked]
        address = await self.open_leg(leg, beside=next((call for call in beside if call), None))
        return replace(leg, port=address.port, process=self._house.media.process_of(leg.id))


async def end(house: House, call: str, by: str, cause: Cause | None = None) -> None:
    """The line closed from the other side; a second reason changes nothing."""
    try:
        await house.surely(call_ended, call, request=f"{call}/ended", by=by, cause=cause)
    except Refused:
        return
