"""The node's end of the links to all media processes: each leg is at one of them."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import Concatenate, NotRequired, ParamSpec, TypedDict, Unpack

from media.client import EVENTS_QUEUED_MAX, MediaClient, MediaEvent, MediaUnavailable
from media.codecs import Codec
from media.units import Address

P = ParamSpec("P")


class Opening(TypedDict):
    """What else `MediaClient.open` is told of a leg."""

    ssrc: int
    sequence_base: int
    timestamp_base: int
    epoch_us: int
    payload_type: NotRequired[int | None]
    dtmf_payload_type: NotRequired[int | None]
    dtmf_clock_rate: NotRequired[int]
    port: NotRequired[int | None]
    direction: NotRequired[str]
    shared: NotRequired[bool]
    rtcp_port: NotRequired[int | None]
    rtcp_mux: NotRequired[bool]
    cname: NotRequired[str | None]
    srtp: NotRequired[Mapping[str, object] | None]
    gate_epoch: NotRequired[int | None]
    timeout_s: NotRequired[float]


def _routed(
    command: Callable[Concatenate[MediaClient, str, P], None],
) -> "Callable[Concatenate[MediaPool, str, P], None]":
    """The same command, told to the process that has the leg. Raises MediaUnavailable."""

    @wraps(command)
    def routed(pool: "MediaPool", leg: str, /, *args: P.args, **kwargs: P.kwargs) -> None:
        command(pool.client_of(leg), leg, *args, **kwargs)

    return routed


class MediaPool:
    """The methods of a MediaClient, over processes that come and go by number.

    Events say in "process" where they come from. A leg stays where it was opened: its ports do.
    """

    def __init__(self) -> None:
        self._clients: dict[int, MediaClient] = {}
        self._events: asyncio.Queue[MediaEvent] = asyncio.Queue(EVENTS_QUEUED_MAX)
        self._legs: dict[str, int] = {}
        self._leased_us: int | None = None

    @property
    def attached(self) -> bool:
        """Whether there is any process for a new call."""
        return any(client.attached for client in self._clients.values())

    def has(self, leg: str) -> bool:
        """Whether the process of this leg is there."""
        return self.client_of(leg).attached

    def process_of(self, leg: str) -> int:
        return self._legs.get(leg, 0)

    def client_of(self, leg: str) -> MediaClient:
        return self._client(self.process_of(leg))

    def place(self, leg: str, process: int) -> None:
        """This leg is there already: a row says so."""
        self._legs[leg] = process

    async def attach(self, sock: socket.socket, process: int = 0) -> None:
        """Take a new link to the process of that number, which is then owned here."""
        await self._client(process).attach(sock)
        if self._leased_us is not None:
            self._client(process).renew(self._leased_us)

    async def detach(self) -> None:
        """Give up all links."""
        for client in self._clients.values():
            await client.detach()

    async def events(self) -> AsyncIterator[MediaEvent]:
        """Every event of every link, each link's in order. Never ends by itself."""
        while True:
            yield await self._events.get()

    async def open(
        self,
        leg: str,
        call: str,
        codec: Codec,
        remote: Address,
        *,
        process: int | None = None,
        beside: str | None = None,
        **opening: Unpack[Opening],
    ) -> Address:
        """Open a leg and return its local address. MediaUnavailable if nobody answers.

        At the process of that number; else where it was tried before; else where the leg
        `beside` is, which it shall be joined with; else where there are the fewest legs.
        """
        self._legs[leg] = self._choose(leg, beside) if process is None else process
        return await self.client_of(leg).open(leg, call, codec, remote, **opening)

    play = _routed(MediaClient.play)
    stop = _routed(MediaClient.stop)
    listen = _routed(MediaClient.listen)
    gate = _routed(MediaClient.gate)
    close_gate = _routed(MediaClient.close_gate)
    dtmf = _routed(MediaClient.dtmf)
    hear = _routed(MediaClient.hear)
    tap = _routed(MediaClient.tap)
    mute = _routed(MediaClient.mute)

    def close(self, leg: str, process: int | None = None) -> None:
        """Close a leg: its own, or one of that name which another process should not have."""
        where = self.process_of(leg) if process is None else process
        if self._legs.get(leg) == where:
            del self._legs[leg]
        # A process that is gone has no legs; one whose link is lost is asked which it has.
        with suppress(MediaUnavailable):
            self._client(where).close(leg)

    def renew(self, since_us: int) -> None:
        """Tell all processes, and each that comes, how long gates may be open."""
        self._leased_us = since_us
        for client in self._clients.values():
            client.renew(since_us)

    def ack(self, names: Sequence[str]) -> None:
        """These kept events are committed: whoever told them need not send them again."""
        for client in self._clients.values():
            client.ack(names)

    def _client(self, process: int) -> MediaClient:
        if process not in self._clients:
            self._clients[process] = MediaClient(process, self._events)
        return self._clients[process]

    def _choose(self, leg: str, beside: str | None) -> int:
        # Where it was tried before it may still be opened, late: then not also elsewhere.
        for known in (leg, beside):
            if known in self._legs and self.has(known):
                return self._legs[known]
        load = Counter(self._legs.values())
        there = [process for process, client in self._clients.items() if client.attached]
        return min(there, key=lambda process: (load[process], process), default=0)
