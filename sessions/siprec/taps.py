"""The two legs that carry a call's voices to a recorder, and what is said of them in SDP."""

from collections.abc import Sequence
from dataclasses import replace

from media.codecs import CODECS
from sessions import negotiating
from sessions.callers import Callers
from sessions.house import House
from sessions.legs import ANY_ADDRESS, Legs, first_sequence
from sessions.siprec.recorder import Recorder
from sessions.siprec.reducers import tap_planned
from sessions.siprec.tables import RecordingSession
from sessions.tables import Leg
from telephony import sdp, siprec
from telephony.address import Address
from telephony.sdp.directions import INACTIVE

VOICES = (("1", "voice", "caller"), ("2", "agent", "agent"))
"""The label of each stream, what of the call's leg is in it, and whose voice that is."""


def tap_id(session: str, label: str) -> str:
    """The id of a leg to a recorder."""
    return f"{session}.{label}"


class Taps:
    """Plans, opens and describes them."""

    def __init__(self, house: House, callers: Callers, legs: Legs) -> None:
        self._house = house
        self._callers = callers
        self._legs = legs

    async def of(self, session: str) -> list[Leg]:
        """Those that are planned, in the order of their labels."""
        reader = self._house.store.reader
        found = [await reader.rows(Leg, id=tap_id(session, label)) for label, _, _ in VOICES]
        return [leg for rows in found for leg in rows]

    async def plan(self, session: RecordingSession, recorder: Recorder) -> list[Leg]:
        """Open them beside the leg of the call, and commit how they run. Nothing is sent yet.

        Raises MediaUnavailable, and Refused where the call is over.
        """
        known = {leg.id: leg for leg in await self.of(session.id)}
        for label, _, _ in VOICES:
            if (name := tap_id(session.id, label)) not in known:
                await self._plan(session, recorder, name)
        return await self.of(session.id)

    async def _plan(self, session: RecordingSession, recorder: Recorder, name: str) -> None:
        draw, codec = self._house.entropy, recorder.codecs[0]
        leg = Leg(
            id=name,
            call=session.call,
            codec=codec,
            payload_type=CODECS[codec].payload_type,
            dtmf_payload_type=None,
            port=0,
            remote_host=await self._callers.seal(session.call, ANY_ADDRESS.host),
            remote_port=ANY_ADDRESS.port,
            ssrc=int.from_bytes(draw(4), "big"),
            seq0=first_sequence(draw),
            ts0=int.from_bytes(draw(4), "big"),
            epoch_us=self._house.clock(),
            direction=INACTIVE,
        )
        address = await self._legs.open(leg, beside=session.call)
        leg = replace(leg, port=address.port, process=self._house.media.process_of(leg.id))
        await self._house.surely(tap_planned, session.call, request=f"{leg.id}/leg", leg=leg)

    async def open(self, leg: Leg) -> None:
        """Have the media process run a leg as its row says, with one voice. MediaUnavailable."""
        await self._legs.open(leg)
        label = leg.id.rpartition(".")[2]
        (what,) = [what for one, what, _ in VOICES if one == label]
        self._house.media.tap(leg.id, leg.call, what)

    def close(self, session: str) -> None:
        """Let them go, whatever there is of them."""
        for label, _, _ in VOICES:
            self._house.media.close(tap_id(session, label))

    def voices(
        self, legs: Sequence[Leg], recorder: Recorder, peer: str, direction: str
    ) -> list[siprec.Voice]:
        """What is offered of them to a recorder at an address."""
        host = self._house.settings.media_towards(peer)
        return [
            siprec.Voice(
                leg.id.rpartition(".")[2],
                Address(host, leg.port),
                siprec.preference(recorder.codecs, leg.codec),
                self._terms(leg, recorder, direction),
            )
            for leg in legs
        ]

    def _terms(self, leg: Leg, recorder: Recorder, direction: str) -> sdp.Terms:
        agreed = self._legs.keys(leg)
        terms = negotiating.terms(recorder.srtp, agreed, self._house.entropy, direction)
        if leg.srtp_suite:
            # Only what is in use: another suite would need another key each time.
            kept = tuple(line for line in terms.keys if line.suite == leg.srtp_suite)
            return replace(terms, keys=kept)
        if leg.remote_port != ANY_ADDRESS.port and recorder.srtp is sdp.Srtp.OPTIONAL:
            # They did without.
            return sdp.Terms(direction)
        return terms

    async def agreed(self, leg: Leg, audio: sdp.AudioParameters | None) -> Leg:
        """The row of a leg as the recorder takes it; inactive where it does not take it."""
        if audio is None:
            return replace(leg, direction=INACTIVE)
        keys = audio.srtp
        same = keys == self._legs.keys(leg)
        written = None if keys is None else negotiating.written_keys(keys)
        sealed = None if written is None else await self._callers.seal(leg.call, written)
        return replace(
            leg,
            codec=audio.codec,
            payload_type=audio.payload_type,
            remote_host=await self._callers.seal(leg.call, audio.remote.host),
            remote_port=audio.remote.port,
            direction=audio.direction,
            srtp_suite=keys.suite if keys else "",
            srtp_keys=leg.srtp_keys if same else sealed,
            rtcp_port=audio.rtcp.port if audio.rtcp else None,
            rtcp_mux=audio.rtcp_mux,
        )
