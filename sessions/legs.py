"""The media of calls: a row first, then what the media process is told."""

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from media.client import MediaUnavailable
from media.codecs import CODECS
from recordings.reducers import gate_continued
from recordings.tables import Recording, RecordingState
from runtime.errors import Refused
from runtime.keystore import KeyDestroyed
from runtime.sealed import Sealed
from sessions import negotiating
from sessions.callers import Callers
from sessions.consult_reducers import Consultation
from sessions.house import House
from sessions.joining_reducers import leg_moved
from sessions.live import LiveCall
from sessions.reducers import leg_changed, leg_planned
from sessions.tables import Dial, Leg
from telephony import sdp
from telephony.address import Address
from telephony.sdp.directions import RECVONLY

ANY_ADDRESS = Address("0.0.0.0", 9)
"""Where media goes until a late offer is answered: nowhere (the discard port)."""

SEQUENCE_FIRST_MAX = 0x7FFF
"""Who misses our first packets of SRTP guesses at what they were: RFC 3711 section 3.3.1."""


def first_sequence(draw: Callable[[int], bytes]) -> int:
    """The number of the first packet of a leg."""
    return int.from_bytes(draw(2), "big") & SEQUENCE_FIRST_MAX


class Legs:
    """Plans, opens and moves the leg of each call."""

    def __init__(self, house: House, callers: Callers) -> None:
        self._house = house
        self._callers = callers

    async def of(self, call: str) -> Leg:
        (leg,) = await self._house.store.reader.rows(Leg, id=call)
        return leg

    def keys(self, leg: Leg) -> sdp.SrtpParameters | None:
        """None where media is not encrypted, or the keys were erased."""
        if leg.srtp_keys is None:
            return None
        try:
            return negotiating.keys_of(leg, self._house.unseal(leg.srtp_keys))
        except KeyDestroyed:
            return None

    async def plan(self, call: str, audio: sdp.AudioParameters, trunk: str) -> Leg:
        """Open a new leg, and commit how it runs."""
        draw = self._house.entropy
        leg = Leg(
            id=call,
            call=call,
            codec=audio.codec,
            payload_type=audio.payload_type,
            dtmf_payload_type=audio.dtmf_payload_type,
            port=0,
            remote_host=await self._callers.seal(call, audio.remote.host),
            remote_port=audio.remote.port,
            ssrc=int.from_bytes(draw(4), "big"),
            seq0=first_sequence(draw),
            ts0=int.from_bytes(draw(4), "big"),
            epoch_us=self._house.clock(),
            direction=audio.direction,
            srtp_suite=audio.srtp.suite if audio.srtp else "",
            srtp_keys=await self._sealed(call, audio.srtp),
            rtcp_port=audio.rtcp.port if audio.rtcp else None,
            rtcp_mux=audio.rtcp_mux,
            shared=trunk in self._house.settings.shared,
            dtmf_clock_rate=audio.dtmf_clock_rate,
        )
        orders = await self._house.store.reader.rows(Dial, id=call)
        asked = await self._house.store.reader.rows(Consultation, id=call)
        # Who is to be heard by somebody has to be at the same media process.
        beside = [order.joins for order in orders] + [row.call for row in asked]
        address = await self.open(leg, beside=next((other for other in beside if other), None))
        leg = replace(leg, port=address.port, process=self._house.media.process_of(leg.id))
        await self._house.act(leg_planned, call, request=f"{call}/leg", leg=leg)
        return leg

    async def open(
        self,
        leg: Leg,
        *,
        beside: str | None = None,
        process: int | None = None,
        gate_epoch: int | None = None,
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
            dtmf_clock_rate=leg.dtmf_clock_rate,
            port=leg.port or None,
            process=leg.process if leg.port else process,
            beside=beside,
            direction=leg.direction,
            shared=leg.shared,
            rtcp_port=leg.rtcp_port,
            rtcp_mux=leg.rtcp_mux,
            # Says nothing of anybody, and stays the same for the call (RFC 7022 section 4.2).
            cname=f"{leg.ts0:08x}{leg.ssrc:08x}",
            srtp=self._srtp(leg),
            gate_epoch=gate_epoch,
        )
        return Address(host, port)

    async def move(self, leg: Leg, audio: sdp.AudioParameters) -> None:
        """The caller's media has another address, codec, direction or key."""
        same = audio.srtp == self.keys(leg)
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
            srtp_keys=leg.srtp_keys if same else await self._sealed(leg.call, audio.srtp),
            rtcp_port=audio.rtcp.port if audio.rtcp else None,
            rtcp_mux=audio.rtcp_mux,
            dtmf_clock_rate=audio.dtmf_clock_rate,
        )
        crosses = CODECS[leg.codec].rate != CODECS[audio.codec].rate
        epoch = await self._next_epoch(leg.call) if crosses else None
        await self.open(await self.of(leg.call), gate_epoch=epoch)

    async def open_elsewhere(self, call: str, process: int) -> None:
        """Open the leg at another media process, which sends nothing yet.

        Raises MediaUnavailable.
        """
        leg = await self.of(call)
        if leg.process == process:
            return
        address = await self.open(replace(leg, port=0, direction=RECVONLY), process=process)
        await self._house.surely(leg_moved, call, process=process, port=address.port)

    async def go_back(self, live: LiveCall, away: int, process: int, port: int) -> None:
        """The leg is not at the process `away`: it stays where it was."""
        self._house.media.close(live.id, away)
        self._house.media.place(live.id, process)
        await self._house.surely(leg_moved, live.id, process=process, port=port)
        if not live.ended.is_set():
            # Where that process is not there, its successor is told.
            with suppress(MediaUnavailable):
                await self.open(await self.of(live.id))

    async def _next_epoch(self, call: str) -> int | None:
        """A recording has one rate in an epoch: it goes on in the next one."""
        rows = await self._house.store.reader.rows(Recording, id=call)
        if not rows or rows[0].state is not RecordingState.OPEN:
            return None
        try:
            epoch: int = await self._house.surely(gate_continued, call)
        except Refused:
            return None  # It was closed meanwhile.
        return epoch

    async def _sealed(self, call: str, keys: sdp.SrtpParameters | None) -> Sealed[str] | None:
        if keys is None:
            return None
        return await self._callers.seal(call, negotiating.written_keys(keys))

    def _srtp(self, leg: Leg) -> dict[str, object] | None:
        keys = self.keys(leg)
        if keys is None:
            return None
        return {
            "suite": keys.suite,
            "send_key": base64.b64decode(keys.send_key).hex(),
            "receive_key": base64.b64decode(keys.receive_key).hex(),
            "roc": leg.srtp_roc,
        }

    def _remote(self, leg: Leg) -> Address:
        try:
            return Address(self._house.unseal(leg.remote_host), leg.remote_port)
        except KeyDestroyed:
            # Who called was erased while the line is open: media goes where it comes from.
            return ANY_ADDRESS
