"""Somebody who picks up the telephone: a user agent and a phone of our own, on loopback."""

import asyncio
import os
import socket
import time

from media.caller import SoftPhone
from media.codecs import CODECS
from telephony import sdp
from telephony.address import Address
from telephony.endpoint import Held, SipEndpoint
from telephony.flow import Listener, Transport, written
from telephony.sip import Acknowledged, Cancelled, DialogState, Event, HungUp, Invited, UserAgent
from telephony.tls import Tls

PREFERENCE = ("PCMA", "PCMU")


class Desk:
    """Use it as a context manager, within a running loop."""

    def __init__(
        self,
        transport: Transport = Transport.UDP,
        host: str = "127.0.0.1",
        tls: Tls | None = None,
    ) -> None:
        self._sip, self._rtp = _bound(host, transport), _bound(host)
        self.address = Address(*self._sip.getsockname()[:2])
        parameter = f";transport={transport}" if transport.is_reliable else ""
        self.target = f"sip:desk@{written(self.address)}{parameter}"
        self.events = asyncio.Queue[Event]()
        self.phone: SoftPhone | None = None
        agent = UserAgent([Listener(transport, self.address, self.address)], "desk", os.urandom)
        self._endpoint = SipEndpoint(
            [Held(transport, self._sip)],
            agent,
            time.time,
            _saved,
            self.events.put_nowait,
            tls=tls,
        )

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self._endpoint.close()
        if self.phone is not None:
            self.phone.close()
        self._rtp.close()
        self._sip.close()

    async def invited(self) -> Invited:
        event = await self.events.get()
        assert isinstance(event, Invited)
        return event

    async def answer(self) -> tuple[SoftPhone, str]:
        """Wait for a call and pick up; the phone, and the id of the dialog."""
        call = await self.invited()
        local = Address(*self._rtp.getsockname()[:2])
        body, chosen = sdp.answer(call.sdp or b"", PREFERENCE, local, 1, 1)
        self._endpoint.do(lambda agent, now: agent.accept(call.dialog_id, body, now))
        assert isinstance(await self.events.get(), Acknowledged)
        self.phone = SoftPhone(self._rtp, CODECS[chosen.codec])
        self.phone.start((chosen.remote.host, chosen.remote.port))
        return self.phone, call.dialog_id

    async def reject(self, status: int) -> None:
        call = await self.invited()
        self._endpoint.do(lambda agent, now: agent.reject(call.dialog_id, status, now))

    async def ring(self) -> None:
        call = await self.invited()
        self._endpoint.do(lambda agent, now: agent.ring(call.dialog_id, now))

    def hang_up(self, dialog: str) -> None:
        self._endpoint.do(lambda agent, now: agent.bye(dialog, now))

    async def cancelled(self) -> None:
        assert isinstance(await self.events.get(), Cancelled)

    async def hung_up(self) -> str:
        event = await self.events.get()
        assert isinstance(event, HungUp)
        return event.reason


def _bound(host: str, transport: Transport = Transport.UDP) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if transport.is_reliable else socket.SOCK_DGRAM
    made = socket.socket(family, kind)
    made.bind((host, 0))
    if transport.is_reliable:
        made.listen()
    return made


async def _saved(_: DialogState) -> None:
    """Nothing of this outlives the test."""
