"""All connections of a user agent: accepted, made, found by where they lead, counted, ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from telephony.address import Address
from telephony.connection import Connection
from telephony.flow import Flow, Transport
from telephony.occupancy import LIMITS, Limits, Occupancy
from telephony.tls import Tls
from telephony.tls_stream import TlsStream

ACCEPTS_PER_WAKE_MAX = 64
# How soon to accept again when the process has no descriptor left.
ACCEPT_RETRY_S = 1.0
# How often connections are looked at for having kept us waiting.
SWEEP_S = 5.0

End = tuple[Transport, Address, str]
Received = Callable[[bytes, Flow], None]
Unreachable = Callable[[Flow], None]
Opening = Callable[[], Coroutine[Any, Any, None]]


class Connections:
    """Make it within a running loop. The listening sockets stay the caller's."""

    def __init__(
        self,
        received: Received,
        unreachable: Unreachable,
        tls: Tls | None = None,
        limits: Limits = LIMITS,
        knows: Callable[[Flow], bool] = lambda _: True,
    ) -> None:
        """`knows`: whether a flow is that of a peer of ours."""
        self._received = received
        self._unreachable = unreachable
        self._tls = tls
        self._limits = limits
        self._knows = knows
        self._loop = asyncio.get_running_loop()
        self._listening: dict[socket.socket, Flow] = {}
        self._all: set[Connection] = set()
        self._open: dict[End, Connection] = {}
        self._theirs = Occupancy(limits)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._all)

    # --- theirs -------------------------------------------------------------------------

    def listen(self, listening: socket.socket, transport: Transport, local: Address) -> None:
        """Accept what comes on this socket."""
        listening.setblocking(False)
        self._listening[listening] = Flow(transport, local, local)
        self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_WAKE_MAX):
            try:
                made, name = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # No descriptor left: those who wait are accepted when some call is over.
                self._loop.remove_reader(listening)
                self._loop.call_later(ACCEPT_RETRY_S, self._listen_again, listening)
                return
            self._welcome(made, self._listening[listening], Address(name[0], name[1]))

    def _listen_again(self, listening: socket.socket) -> None:
        if not (self._is_closed or self._is_paused):
            self._loop.add_reader(listening, self._accept, listening)

    def _welcome(self, made: socket.socket, listener: Flow, remote: Address) -> None:
        flow = listener.to(remote)
        is_known = self._knows(flow)
        is_secure = flow.transport is Transport.TLS
        context = self._tls.server if self._tls and is_secure else None
        has_room = self._theirs.has_room(remote.host, is_known=is_known)
        if not has_room or (is_secure and context is None):
            made.close()
            return
        tls = TlsStream(context, None) if context else None
        connection = self._add(flow, is_ours=False, is_known=is_known, tls=tls)
        self._theirs.enter(remote.host, is_known=is_known)
        task = self._soon(connection, lambda: self._serve(connection, made))
        # A task which is cancelled before its first step closes nothing.
        task.add_done_callback(lambda _: None if connection.is_begun else made.close())

    async def _serve(self, connection: Connection, made: socket.socket) -> None:
        connection.is_begun = True
        made.setblocking(False)
        await self._loop.connect_accepted_socket(lambda: connection, made)
        await connection.settled()

    # --- ours ---------------------------------------------------------------------------

    def send(self, data: bytes, flow: Flow, otherwise: Address | None = None) -> None:
        """Send by the flow's connection; where it is gone, by another one to `otherwise`."""
        connection = self._open.get(_end(flow))
        if connection is None:
            elsewhere = flow.to(otherwise or flow.remote)
            connection = self._open.get(_end(elsewhere)) or self._connected(elsewhere)
        if connection is None:
            self._unreachable(flow)
            return
        connection.uses.add(flow)
        connection.send(data)

    def _connected(self, flow: Flow) -> Connection | None:
        """A connection on its way; none where we may make no more."""
        is_secure = flow.transport is Transport.TLS
        context = self._tls.client if self._tls and is_secure else None
        is_full = len(self._all) - self._theirs.total >= self._limits.total
        if is_full or (is_secure and context is None):
            return None
        tls = TlsStream(context, flow.name or flow.remote.host) if context else None
        connection = self._add(flow, is_ours=True, tls=tls)
        self._soon(connection, lambda: self._connect(connection))
        return connection

    async def _connect(self, connection: Connection) -> None:
        flow = connection.flow
        await self._loop.create_connection(
            lambda: connection,
            flow.remote.host,
            flow.remote.port,
            # Peers who know us by our address must see the one which they know.
            local_addr=(flow.local.host, 0) if flow.local.host else None,
        )
        await connection.settled()

    # --- both ---------------------------------------------------------------------------

    def pause(self, *, paused: bool) -> None:
        """Read and accept nothing more for now, or go on."""
        if paused == self._is_paused:
            return
        self._is_paused = paused
        for listening in self._listening:
            if paused:
                self._loop.remove_reader(listening)
            else:
                self._loop.add_reader(listening, self._accept, listening)
        for connection in self._all:
            connection.pause(paused=paused)

    def close(self) -> None:
        """End all of them, once what was sent is on its way."""
        self._is_closed = True
        for listening in self._listening:
            self._loop.remove_reader(listening)
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._all):
            connection.close()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def sweep(self) -> None:
        """End those who have kept us waiting for too long."""
        for connection in [one for one in self._all if one.overdue(self._limits)]:
            connection.abort()
        again = self._all and not self._is_closed
        self._sweeper = self._loop.call_later(SWEEP_S, self.sweep) if again else None

    def _add(
        self, flow: Flow, *, is_ours: bool, is_known: bool = True, tls: TlsStream | None = None
    ) -> Connection:
        connection = Connection(
            flow, self, self._loop.time, is_ours=is_ours, is_known=is_known, tls=tls
        )
        connection.pause(paused=self._is_paused)
        self._all.add(connection)
        if is_ours:
            self._open[_end(flow)] = connection
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP_S, self.sweep)
        return connection

    def _soon(self, connection: Connection, opening: Opening) -> asyncio.Task[None]:
        task = self._loop.create_task(self._open_in_time(connection, opening))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _open_in_time(self, connection: Connection, opening: Opening) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await opening()
        except (OSError, TimeoutError, ValueError):
            # Refused, not there, not in time; or no name of a host.
            connection.abort()

    # --- what a connection tells --------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """It can be sent by. Of two to the same end the newer one counts."""
        self._open[_end(connection.flow)] = connection

    def received(self, connection: Connection, message: bytes) -> None:
        self._received(message, connection.flow)

    def lost(self, connection: Connection) -> None:
        """It is gone, and so is what waited for an answer by it."""
        self._all.discard(connection)
        if not connection.is_ours:
            self._theirs.leave(connection.flow.remote.host, is_known=connection.is_known)
        if self._open.get(_end(connection.flow)) is connection:
            del self._open[_end(connection.flow)]
        if self._is_closed:
            return
        for each in connection.uses.all:
            if _end(each) not in self._open:
                self._unreachable(each)


def _end(flow: Flow) -> End:
    """What a connection is found by: also the name, as one host may prove to be several."""
    return flow.transport, flow.remote, flow.name
