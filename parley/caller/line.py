"""The SIP side of a test call: one user agent, one call, and how it stands."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from telephony import sdp
from telephony.address import Address
from telephony.endpoint import Held, Lookup, SipEndpoint
from telephony.flow import Hop, Listener, written
from telephony.sip import (
    Accepted,
    DialogState,
    Event,
    Failed,
    HungUp,
    Invited,
    NotRenegotiated,
    Offered,
    Rejected,
    Renegotiated,
    Ringing,
    UserAgent,
)
from telephony.tls import Tls

T = TypeVar("T")

HANG_UP_SECONDS_MAX = 3.0
"""How long we wait for the answer to our BYE or CANCEL before we leave."""


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """Why there is no call, in words; `status` if the far side refused it."""

    reason: str
    status: int | None = None


class Line:
    """Call with `dial`; then `answer` and `over` resolve. Close it at the end."""

    def __init__(
        self,
        held: Sequence[Held],
        rtp: Address,
        user: str,
        display: str,
        *,
        tls: Tls,
        lookup: Lookup,
        codecs: Sequence[str],
        srtp: sdp.Srtp,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[sdp.AudioParameters | NotAnswered] = loop.create_future()
        self.over: asyncio.Future[str] = loop.create_future()
        self.rang = asyncio.Event()
        self._changed: asyncio.Future[bytes] = loop.create_future()
        self._rtp = rtp
        self._codecs = codecs
        keys = () if srtp is sdp.Srtp.OFF else sdp.draw(os.urandom)
        self._terms = sdp.Terms(srtp=srtp, keys=keys)
        self._offered = b""
        self._dialog = ""
        self._session = time.time_ns() // 1_000
        self._version = 0
        name = f'"{display}" ' if display else ""
        self._me = f"{name}<sip:{user}@{written(held[0].local)}>"
        listeners = [Listener(each.transport, each.local, each.local) for each in held]
        agent = UserAgent(listeners, user, os.urandom)
        self._endpoint = SipEndpoint(
            held, agent, time.time, _forget, self._happened, tls=tls, lookup=lookup
        )

    def dial(self, target: str, hops: Sequence[Hop]) -> None:
        offer = self._offer()
        self._dialog = self._endpoint.do(
            lambda agent, now: agent.invite(target, offer, self._me, hops, now)
        )

    async def change(self, codecs: Sequence[str]) -> sdp.AudioParameters:
        """Offer other codecs within the call. Raises SdpError where that is refused."""
        self._changed = asyncio.get_running_loop().create_future()
        self._codecs = codecs
        offer = self._offer()
        self._endpoint.do(lambda agent, now: agent.reoffer(self._dialog, offer, now))
        return sdp.accepted(await self._changed, self._offered, self._codecs)

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
            case Renegotiated():
                _resolve(self._changed, event.sdp)
            case NotRenegotiated():
                _resolve(self._changed, b"")
            case Offered():
                self._reoffered(event)
            case Invited():
                dialog = event.dialog_id
                self._endpoint.do(lambda agent, now: agent.reject(dialog, 486, now))
            case _:
                return

    def _answered(self, answer: bytes) -> None:
        try:
            parameters = sdp.accepted(answer, self._offered, self._codecs)
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
        dialog, offer, method = offered.dialog_id, offered.sdp, offered.method
        try:
            body = self._offer() if offer is None else self._answer(offer)
        except sdp.SdpError:
            self._endpoint.do(lambda agent, now: agent.disagree(dialog, method, now))
            return
        self._endpoint.do(lambda agent, now: agent.agree(dialog, method, body, now))

    def _offer(self) -> bytes:
        self._version += 1
        self._offered = sdp.build_offer(
            self._codecs, self._rtp, self._session, self._version, terms=self._terms
        )
        return self._offered

    def _answer(self, offer: bytes) -> bytes:
        self._version += 1
        local, session, version = self._rtp, self._session, self._version
        return sdp.answer(offer, self._codecs, local, session, version, terms=self._terms)[0]


async def _forget(_: DialogState) -> None:
    """A test caller does not survive its own crash: nothing is saved."""


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)
