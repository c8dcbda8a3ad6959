"""A server whose calls go to a recorder as well, and telephones that speak of recording."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from consent.machine import State
from consent.tables import ConsentEvent
from media.units import SAMPLE_RATE, Samples
from recordings.tables import Recording
from sessions.siprec.tables import RecordingSession
from telephony import sdp
from telephony.address import Address
from telephony.flow import Hop, Transport
from tests.interop.server import Server
from tests.interop.telephones import HOST, LAWS, Exchange, Telephone, until

SCOPE = "recording"


class Aware(Telephone):
    """Says something of recording in its offer, and keeps the offers that it gets."""

    def __init__(self, name: str, hertz: float = 0.0) -> None:
        super().__init__(name, hertz)
        self.attribute = b""
        self.supported = ""
        self.offers: list[bytes] = []

    def dial(self, target: str, port: int, *, events: bool = True) -> None:
        hops = [Hop(Transport.UDP, Address(HOST, port))]
        offer = sdp.build_offer(LAWS, self._audio, 1, self._next()) + self.attribute
        me = f"<{self.uri}>"
        headers = (("Supported", self.supported),) if self.supported else ()
        self._dialog = self._endpoint.do(
            lambda ua, now: ua.invite(target, offer, me, hops, now, headers=headers)
        )

    def _start(self, theirs: bytes) -> None:
        self.offers.append(theirs)
        super()._start(theirs)

    def _follow(self, offer: bytes) -> None:
        self.offers.append(offer)
        super()._follow(offer)


class ForkingExchange(Exchange):
    """Telephones that speak of recording, around a server that forks."""

    def add(self, name: str, hertz: float = 0.0) -> Aware:
        phone = Aware(name, hertz)
        self.phones[name] = phone
        return phone

    def events(self, name: str) -> list[ConsentEvent]:
        """What became of the recording of a call, in order."""
        found = self.rows(ConsentEvent, call=self.ids[name], scope=SCOPE)
        return sorted(found, key=lambda event: event.id)

    def sessions(self) -> list[RecordingSession]:
        return self.rows(RecordingSession)

    async def agreed(self, phone: Telephone) -> Recording:
        """The caller agrees to be recorded."""
        await until(
            lambda: any(event.state is State.ASKED for event in self.events(phone.name)),
            "not asked",
        )
        phone.press("1")
        call = self.ids[phone.name]
        await until(lambda: bool(self.rows(Recording, id=call)), "no grant")
        return self.rows(Recording, id=call)[0]


@asynccontextmanager
async def desk(
    folder: Path, more: str, app: str = "tests.interop.agents:Clerk"
) -> AsyncGenerator[ForkingExchange]:
    server = Server(folder, app, more=more)
    exchange = ForkingExchange(server, folder)
    try:
        yield exchange
    finally:
        await exchange.close()
        server.stop()


async def spoken(phone: Telephone, words: Samples, more_s: float = 0.5) -> None:
    """Wait until that was said, and a moment longer."""
    await passed(phone, len(words) / SAMPLE_RATE + more_s)


async def passed(phone: Telephone, seconds: float) -> None:
    """Wait, while the telephone sends and hears."""
    ends_s = phone.now_s + seconds
    await phone.until(lambda: phone.now_s > ends_s, "time stands still")
