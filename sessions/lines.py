"""Picking up and hanging up: the effects and events of the SIP line."""

import asyncio
from dataclasses import replace
from typing import Any

from media.codecs import CODECS
from runtime.errors import Refused
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions import negotiating
from sessions.callers import Callers
from sessions.hold_reducers import AGENT
from sessions.holding import holds_going_on
from sessions.house import House
from sessions.legs import ANY_ADDRESS, Legs
from sessions.live import LiveCall
from sessions.reducers import call_answered, call_ended, call_rang
from sessions.siprec import saying
from sessions.tables import Leg
from sessions.voice import Voice
from telephony import sdp
from telephony.address import Address
from telephony.causes import Cause
from telephony.endpoint import SipEndpoint
from telephony.sdp.directions import SENDONLY, SENDRECV
from telephony.sip import DialogState
from telephony.sip.exchange import Exchange, exchange_of, remote_offer

REOFFER_WAIT_S = 60.0
"""How long an offer of ours within a call may wait for its answer: glare takes its time."""
PLAYOUT_S = 0.2
"""What was sent last still waits in the caller's jitter buffer: so long after it comes our BYE."""


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
        self.legs = Legs(house, callers)
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
        if await _ends_within(live, self._house.settings.ring_ms / 1_000):
            return None
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
        return Closing(
            call_answered, {"call": live.id, **await self._house.owed(live.id, dialog.trunk)}
        )

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
        leg = await self.legs.plan(live.id, anywhere, trunk)
        local = Address(self._house.settings.media_towards(peer), leg.port)
        wanted = self._terms(None, trunk, SENDRECV, muxes=False)
        return sdp.build_offer(codecs, local, *negotiating.first_origin(leg), terms=wanted)

    async def hang_up(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """End the call from our side, when the caller has heard the last word whole."""
        live = self._live(effect)
        if live is None or await _ends_within(live, PLAYOUT_S):
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
            await self.legs.open(rows[0])
            self._house.media.listen(live.id, True)

    async def renegotiate(self, live: LiveCall, body: bytes | None, method: str) -> None:
        """They offer: hold, resume, another codec, media that moved. Our port stays."""
        leg = await self.legs.of(live.id)
        dialog = self._dialogs[live.id]
        muxes = leg.rtcp_mux if body is None else True
        direction = await self._direction(live.id)
        wanted = await self._told(self._terms(leg, dialog.trunk, direction, muxes=muxes), dialog)
        before, codecs, local = dialog.local_sdp, self._codecs(dialog), self._local(leg, dialog)
        try:
            if body is None:
                answer = negotiating.offered(before, codecs, local, leg, wanted=wanted)
            else:
                answer, audio = negotiating.answered(
                    before, body, codecs, local, leg, wanted=wanted
                )
                await self.legs.move(leg, audio)
        except sdp.SdpError:
            self._sip.do(lambda ua, now: ua.disagree(live.id, method, now))
            return
        self._sip.do(lambda ua, now: ua.agree(live.id, method, answer, now))

    async def acknowledged(self, live: LiveCall, body: bytes | None) -> None:
        """The ACK of a late offer brings the caller's answer."""
        if body is not None and not await self.agreed(live, body):
            await end(self._house, live.id, "no codec in common", Cause.INCOMPATIBLE)
            self.drop(live.id)

    async def reoffer(self, live: LiveCall, direction: str) -> bool:
        """Offer the same media in this direction; whether the other side agreed."""
        leg = await self.legs.of(live.id)
        dialog = self._dialogs[live.id]
        muxes = leg.rtcp_mux
        wanted = await self._told(self._terms(leg, dialog.trunk, direction, muxes=muxes), dialog)
        body = negotiating.offered(
            dialog.local_sdp, self._codecs(dialog), self._local(leg, dialog), leg, wanted
        )
        if body == dialog.local_sdp and exchange_of(dialog) is Exchange.STABLE:
            # They have agreed to it before, and a crash came between.
            return await self.agreed(live, dialog.remote_sdp)
        agreed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        live.reoffer = agreed
        self._sip.do(lambda ua, now: ua.reoffer(live.id, body, now))
        try:
            async with asyncio.timeout(REOFFER_WAIT_S):
                return await agreed
        except TimeoutError:
            return False

    async def reoffer_as_is(self, live: LiveCall) -> bool:
        """Offer the media where it is now; whether the other side agreed."""
        return await self.reoffer(live, await self._direction(live.id))

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
        await self.legs.move(await self.legs.of(live.id), audio)
        return True

    async def _direction(self, call: str) -> str:
        """What we want: while the agent holds the call, nobody need be heard."""
        return SENDONLY if await holds_going_on(self._house, call, AGENT) else SENDRECV

    def _terms(self, leg: Leg | None, trunk: str, direction: str, *, muxes: bool) -> sdp.Terms:
        """`muxes`: whether RTCP may share the port. On one that calls share, it is asked to."""
        srtp = self._house.settings.srtp_on(trunk)
        agreed = None if leg is None else self.legs.keys(leg)
        drawn = negotiating.terms(srtp, agreed, self._house.entropy, direction)
        return replace(drawn, rtcp_mux=muxes or trunk in self._house.settings.shared)

    async def _told(self, terms: sdp.Terms, dialog: DialogState) -> sdp.Terms:
        """And whether a recording is on, where they want to be told (RFC 7866 section 7.2)."""
        return replace(terms, record=await saying.said(self._house, dialog))

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
        # Once it has been answered, that is said again.
        offer = remote_offer(dialog) or dialog.remote_sdp
        terms = self._terms(known, dialog.trunk, SENDRECV, muxes=bool(offer))
        wanted = await self._told(terms, dialog)
        if offer:
            _, audio = sdp.answer(offer, codecs, ANY_ADDRESS, 0, 0, terms=wanted)
        else:
            payload_type = CODECS[codecs[0]].payload_type
            audio = sdp.AudioParameters(codecs[0], payload_type, 101, ANY_ADDRESS, SENDRECV)
        if known is None:
            leg = await self.legs.plan(live.id, audio, dialog.trunk)
        else:
            leg = known
            await self.legs.open(leg)
        local, origin = self._local(leg, dialog), negotiating.first_origin(leg)
        if not offer:
            return sdp.build_offer(codecs, local, *origin, terms=wanted)
        return sdp.answer(offer, codecs, local, *origin, terms=wanted)[0]


async def end(house: House, call: str, by: str, cause: Cause | None = None) -> None:
    """The line closed from the other side; a second reason changes nothing."""
    try:
        await house.surely(call_ended, call, request=f"{call}/ended", by=by, cause=cause)
    except Refused:
        return


async def _ends_within(live: LiveCall, seconds: float) -> bool:
    """Whether the other side closes the line meanwhile."""
    try:
        await asyncio.wait_for(live.ended.wait(), seconds)
    except TimeoutError:
        return False
    return True
