"""The SIP side of a test call: one user agent, one call, and how it stands."""

import asyncio
import os
import socket
import time
from dataclasses import dataclass
from typing import TypeVar

from parley.caller.script import CallError
from telephony import sdp
from telephony.address import Address
from telephony.flow import Hop, Listener, Transport
from telephony.sip import (
    Accepted,
    DialogState,
    Event,
    Failed,
    HungUp,
    Invited,
    Offered,
    Rejected,
    Ringing,
    UserAgent,
)
from telephony.sip.errors import GrammarError
from telephony.sip.uri import DEFAULT_PORT, Uri
from telephony.udp import SipEndpoint

T = TypeVar("T")

CODECS = ("PCMU", "PCMA")
HANG_UP_SECONDS_MAX = 3.0
"""How long we wait for the answer to our BYE or CANCEL before we leave."""


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """Why there is no call, in words; `status` if the far side refused it."""

    reason: str
    status: int | None = None


async def address_of(target: str) -> Address:
    """Where a SIP URI leads. Raises CallError."""
    hint = "Write it as sip:NAME@HOST:PORT, such as sip:desk@127.0.0.1:5060."
    try:
        uri = Uri.parse(target)
    except GrammarError as error:
        raise CallError(f"{target!r} is no SIP URI. {hint}") from error
    if uri.scheme != "sip":
        raise CallError(f"{target!r} is not a sip: URI; calls go over UDP only. {hint}")
    host, port = uri.host.strip("[]"), uri.port or DEFAULT_PORT
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise CallError(f"{host} cannot be resolved: {error.strerror}. {hint}") from error
    return Address(str(found[0][4][0]), port)


def local_host(remote: Address) -> str:
    """Our own address on the route to `remote`. Raises CallError."""
    with _socket(remote) as probe:
        try:
            probe.connect(remote)
        except OSError as error:
            raise CallError(
                f"There is no route to {remote.host}: {error.strerror}. Check the network."
            ) from error
        return str(probe.getsockname()[0])


def bound(host: str) -> socket.socket:
    """A UDP socket on a free port."""
    made = _socket(Address(host, 0))
    made.bind((host, 0))
    return made


def _socket(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


class Line:
    """Call with `dial`; then `answer` and `over` resolve. Close it at the end."""

    def __init__(
        self, bound_socket: socket.socket, rtp: Address, user: str, display: str = ""
    ) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[sdp.AudioParameters | NotAnswered] = loop.create_future()
        self.over: asyncio.Future[str] = loop.create_future()
        self.rang = asyncio.Event()
        self._rtp = rtp
        self._dialog = ""
        self._session = time.time_ns() // 1_000
        self._version = 0
        local = Address(*bound_socket.getsockname()[:2])
        name = f'"{display}" ' if display else ""
        self._me = f"{name}<sip:{user}@{_bracketed(local.host)}:{local.port}>"
        agent = UserAgent([Listener.udp(local)], user, os.urandom)
        self._endpoint = SipEndpoint(bound_socket, agent, time.time, _forget, self._happened)

    def dial(self, target: str, remote: Address) -> None:
        offer = self._offer()
        self._dialog = self._endpoint.do(
            lambda agent, now: agent.invite(
                target, offer, self._me, [Hop(Transport.UDP, remote)], now
            )
        )

    async def hang_up(self) -> None:
        """BYE, or CANCEL before the answer; waits a little for it to get there."""
        self._endpoint.do(lambda agent, now: agent.bye(self._dialog, now))
        await asyncio.wait((self.over,), timeout=HANG_UP_SECONDS_MAX)

    async def close(self) -> None:
        await self._endpoint.flushed()
        self._endpoint.close()

    def _happened(self, event: Event) -> None:
        match event:
            case Ringing():
                self.rang.set()
            case Accepted():
                self._answered(event.sdp or b"")
            case Rejected():
                self._not_answered(NotAnswered(f"{event.status} {event.reason}", event.status))
            case Failed():
                self._not_answered(NotAnswered(event.reason))
            case HungUp():
                self._end("the far side hung up" if event.reason == "remote" else event.reason)
            case Offered():
                self._reoffered(event)
            case Invited():
                dialog = event.dialog_id
                self._endpoint.do(lambda agent, now: agent.reject(dialog, 486, now))
            case _:
                return

    def _answered(self, answer: bytes) -> None:
        try:
            parameters = sdp.choose(sdp.parse(answer), CODECS)
        except sdp.SdpError as error:
            _resolve(self.answer, NotAnswered(f"the answer cannot be used: {error}"))
            return
        _resolve(self.answer, parameters)

    def _not_answered(self, why: NotAnswered) -> None:
        _resolve(self.answer, why)
        self._end(why.reason)

    def _end(self, why: str) -> None:
        _resolve(self.answer, NotAnswered(why))
        _resolve(self.over, why)

    def _reoffered(self, offered: Offered) -> None:
        """A re-INVITE, say of a server which took the call over: the same audio once more."""
        dialog, offer = offered.dialog_id, offered.sdp
        try:
            body = self._offer() if offer is None else self._answer(offer)
        except sdp.SdpError:
            self._endpoint.do(lambda agent, now: agent.reject(dialog, 488, now))
            return
        self._endpoint.do(lambda agent, now: agent.accept(dialog, body, now))

    def _offer(self) -> bytes:
        self._version += 1
        return sdp.build_offer(CODECS, self._rtp, self._session, self._version)

    def _answer(self, offer: bytes) -> bytes:
        self._version += 1
        return sdp.answer(offer, CODECS, self._rtp, self._session, self._version)[0]


async def _forget(_: DialogState) -> None:
    """A test caller does not survive its own crash: nothing is saved."""


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
