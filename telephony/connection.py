"""One TCP or TLS connection of SIP: framed in, bounded out."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from telephony.certificates import proves
from telephony.flow import Flow
from telephony.occupancy import Limits
from telephony.sip.framing import PONG, Framer, FramingError, KeepAlive
from telephony.tls_stream import TlsStream

# What a peer does not read waits here; beyond this it is too slow to be talked with.
WRITE_BYTES_MAX = 262_144
# A peer which is gone without a word is noticed before a request is given up (Timer F), and the
# binding of a NAT is kept open: seconds of silence before the kernel asks, seconds between its
# questions, how many of them, and milliseconds for what is sent to be acknowledged.
SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)
# Lost flows which this connection stands in for.
FLOWS_MAX = 1_024


class Owner(Protocol):
    """Who holds the connections."""

    def opened(self, connection: Connection) -> None: ...
    def received(self, connection: Connection, message: bytes) -> None: ...
    def lost(self, connection: Connection) -> None: ...


@dataclass(slots=True)
class Uses:
    """Which flows a connection carries: its own, and lost ones that it stands in for."""

    own: Flow
    others: dict[Flow, None] = field(default_factory=dict[Flow, None])

    def add(self, flow: Flow) -> None:
        if flow == self.own:
            return
        self.others[flow] = None
        if len(self.others) > FLOWS_MAX:
            del self.others[next(iter(self.others))]

    @property
    def all(self) -> list[Flow]:
        return [self.own, *self.others]


class Connection(asyncio.Protocol):
    """`flow.remote` is the other end. What is sent before it is open waits."""

    def __init__(
        self,
        flow: Flow,
        owner: Owner,
        clock: Callable[[], float],
        *,
        is_ours: bool,
        is_known: bool = True,
        tls: TlsStream | None = None,
    ) -> None:
        """`is_ours`: we have made it, so the other end need not say anything to stay.

        Who is not `is_known` hears nothing, and is sent away, until something of ours goes there.
        """
        self.uses = Uses(flow)
        self.is_ours = is_ours
        self.is_known = is_known
        # Whether its socket belongs to the event loop.
        self.is_begun = False
        self.is_closed = False
        self._owner = owner
        self._clock = clock
        self._framer = Framer()
        self._tls = tls
        self._transport: asyncio.Transport | None = None
        # Whether it can be sent by: connected, and its TLS agreed on.
        self._is_open = False
        self._settled = asyncio.Event()
        self._waiting = bytearray()
        self._is_paused = False
        # Whether the other end has begun something with us, or we with it.
        self._has_spoken = is_ours
        self._made_at = self._used_at = clock()
        self._message_at: float | None = None

    @property
    def flow(self) -> Flow:
        return self.uses.own

    def send(self, data: bytes) -> None:
        """Send, in order. A peer which does not read is cut off."""
        if self.is_closed:
            return
        self._used_at = self._clock()
        self._has_spoken = True
        if self._transport is not None and self._is_open:
            self._seal(self._transport, data)
            return
        self._waiting += data
        if len(self._waiting) > WRITE_BYTES_MAX:
            self.abort()

    def _seal(self, transport: asyncio.Transport, data: bytes) -> None:
        if self._tls is None:
            self._write(transport, data)
            return
        try:
            self._tls.seal(data)
        except ssl.SSLError:
            self.abort()
            return
        self._write(transport, self._tls.pending())

    def _write(self, transport: asyncio.Transport, data: bytes) -> None:
        transport.write(data)
        if transport.get_write_buffer_size() > WRITE_BYTES_MAX:
            self.abort()

    async def settled(self) -> None:
        """Wait until it can be sent by, or is over."""
        await self._settled.wait()

    def overdue(self, limits: Limits) -> bool:
        """Whether the peer has kept us waiting for longer than anybody may."""
        now = self._clock()
        if not self._has_spoken and now - self._made_at > limits.first_s:
            return True
        if self._message_at is not None and now - self._message_at > limits.message_s:
            return True
        return now - self._used_at > limits.idle_s

    def pause(self, *, paused: bool) -> None:
        """Read nothing more for now, or read on."""
        self._is_paused = paused
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if paused:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def close(self) -> None:
        """End it once everything is sent."""
        tls, transport = self._tls, self._transport
        if tls is not None and transport is not None:
            tls.say_goodbye()
            transport.write(tls.pending())
        self._end()
        if transport is not None:
            transport.close()

    def abort(self) -> None:
        """End it at once."""
        transport = self._transport
        self._end()
        if transport is not None:
            transport.abort()

    def _end(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._settled.set()
            self._owner.lost(self)

    # --- what asyncio tells -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast("asyncio.Transport", transport)
        if self.is_closed:
            self.abort()
            return
        bound: socket.socket = transport.get_extra_info("socket")
        for level, option, value in SOCKET_OPTIONS:
            bound.setsockopt(level, option, value)
        if self._is_paused:
            self.pause(paused=True)
        if self._tls is None:
            self._open(made)
        elif self.is_ours:
            try:
                self._tls.begin()
            except (ssl.SSLError, ValueError):
                # No name that TLS could ask for.
                self.abort()
                return
            self._write(made, self._tls.pending())

    def _open(self, transport: asyncio.Transport) -> None:
        if not self._is_trusted():
            self.abort()
            return
        self._is_open = True
        self._settled.set()
        self._owner.opened(self)
        self._seal(transport, bytes(self._waiting))
        self._waiting.clear()

    def _is_trusted(self) -> bool:
        """Whether a server which we asked for by name is it (RFC 5922 section 7.1)."""
        if self._tls is None or not self.is_ours:
            return True
        return proves(self._tls.peer_certificate, self.flow.name or self.flow.remote.host)

    def data_received(self, data: bytes) -> None:
        self._used_at = self._clock()
        if self._tls is None:
            self._read(data)
        elif self._transport is not None:
            try:
                self._decrypt(self._tls, self._transport, data)
            except ssl.SSLError:
                # They are told why.
                self._transport.write(self._tls.pending())
                self.abort()

    def _decrypt(self, tls: TlsStream, transport: asyncio.Transport, data: bytes) -> None:
        for plain in tls.feed(data):
            # A peer may ask for answers without end (RFC 8446 section 4.6.3), and not read them.
            self._write(transport, tls.pending())
            if tls.is_open and not self._is_open and not self.is_closed:
                self._open(transport)
            if not self.is_closed:
                self._read(plain)
            if self.is_closed:
                return
        if tls.is_over:
            self.close()

    def _read(self, data: bytes) -> None:
        try:
            for item in self._framer.feed(data):
                self._take(item)
                if self.is_closed:
                    return
        except FramingError:
            self.abort()
            return
        if not self._framer.is_within:
            self._message_at = None
        elif self._message_at is None:
            self._message_at = self._used_at

    def _take(self, item: bytes | KeepAlive) -> None:
        self._message_at = None
        if not isinstance(item, KeepAlive):
            self._has_spoken |= self.is_known
            self._owner.received(self, item)
        elif self.is_known or self._has_spoken:
            self.send(PONG)

    def eof_received(self) -> None:
        """They have said everything: so have we."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        # What a lost connection holds is given back now, and not when garbage is looked for.
        self._tls = self._transport = None
