"""The shell of a SIP user agent: sockets, a clock, and one task which keeps the order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from telephony.address import Address
from telephony.connections import Connections
from telephony.flow import Flow, Hop, Transport
from telephony.occupancy import LIMITS, Limits
from telephony.sip.dialog import DialogState
from telephony.sip.outputs import Event, Output, Resolve, Save, Transmit
from telephony.sip.user_agent import UserAgent
from telephony.tls import Tls

DATAGRAM_BYTES_MAX = 65_536
# The loop goes on with its other work after so many.
DATAGRAMS_PER_WAKE_MAX = 64
# Beyond this the disk is too slow: what arrives waits in the sockets, and is sent again.
QUEUE_MAX = 4_096
# Names which are looked up at a time; the dialogs of others go on by what is known of them.
LOOKUPS_MAX = 256

T = TypeVar("T")
Lookup = Callable[[str], Awaitable[Sequence[Hop]]]


@dataclass(frozen=True, slots=True)
class Held:
    """A socket to serve: bound, and of TCP and TLS also listening. It stays the caller's."""

    transport: Transport
    socket: socket.socket

    @property
    def local(self) -> Address:
        return Address(*self.socket.getsockname()[:2])


class SipEndpoint:
    """Saves before it sends. Make it within a running loop."""

    def __init__(
        self,
        held: Sequence[Held],
        user_agent: UserAgent,
        clock: Callable[[], float],
        save: Callable[[DialogState], Awaitable[None]],
        on_event: Callable[[Event], None],
        *,
        tls: Tls | None = None,
        lookup: Lookup | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        """`lookup` finds the hops of a SIP URI; without it named next hops are not looked up."""
        self._agent = user_agent
        self._clock = clock
        self._save = save
        self._on_event = on_event
        self._lookup = lookup
        self._lookups: set[asyncio.Task[None]] = set()
        self._queue: deque[Output] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._datagrams: dict[Address, socket.socket] = {}
        self._connections = Connections(
            self._receive, self._unreachable, tls, limits, user_agent.knows
        )
        for each in held:
            self._hold(each)
        self._idle.set()
        self._task = self._loop.create_task(self._run())
        self._drain()

    def _hold(self, held: Held) -> None:
        if held.transport.is_reliable:
            self._connections.listen(held.socket, held.transport, held.local)
            return
        held.socket.setblocking(False)
        self._datagrams[held.local] = held.socket
        self._loop.add_reader(held.socket, self._readable, held.socket, held.local)

    # --- what it is told ----------------------------------------------------------------

    def do(self, command: Callable[[UserAgent, float], T]) -> T:
        """Give a command, and do what follows from it."""
        result = command(self._agent, self._clock())
        self._drain()
        return result

    async def flushed(self) -> None:
        """Wait until all that is queued was saved and sent; raises what stopped it."""
        idle = self._loop.create_task(self._idle.wait())
        await asyncio.wait((idle, self._task), return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        if self._task.done():
            self._task.result()

    async def stopped(self) -> None:
        """Wait until it was closed; raises what stopped it, such as a save which failed."""
        await asyncio.wait((self._task,))
        if not self._task.cancelled():
            self._task.result()

    def close(self) -> None:
        """Stop. What is queued is not sent."""
        self._connections.close()
        for bound in self._datagrams.values():
            self._loop.remove_reader(bound)
        for task in (self._task, *self._lookups):
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    # --- what arrives -------------------------------------------------------------------

    def _readable(self, bound: socket.socket, local: Address) -> None:
        for _ in range(DATAGRAMS_PER_WAKE_MAX):
            try:
                data, source = bound.recvfrom(DATAGRAM_BYTES_MAX)
            except OSError:
                # Nothing more to read, or an ICMP error about an earlier datagram.
                break
            flow = Flow(Transport.UDP, local, Address(source[0], source[1]))
            self._agent.receive(data, flow, self._clock())
        self._drain()

    def _receive(self, message: bytes, flow: Flow) -> None:
        self._agent.receive(message, flow, self._clock())
        self._drain()

    def _unreachable(self, flow: Flow) -> None:
        self._agent.unreachable(flow, self._clock())
        self._drain()

    def _wake(self) -> None:
        self._agent.wake(self._clock())
        self._drain()

    def _drain(self) -> None:
        while (output := self._agent.poll()) is not None:
            self._queue.append(output)
        if self._queue:
            self._idle.clear()
            self._work.set()
        if len(self._queue) > QUEUE_MAX:
            self._pause(paused=True)
        if self._timer is not None:
            self._timer.cancel()
        if (at := self._agent.wake_at) is not None:
            self._timer = self._loop.call_later(max(0.0, at - self._clock()), self._wake)

    def _pause(self, *, paused: bool) -> None:
        if paused == self._is_paused:
            return
        self._is_paused = paused
        self._connections.pause(paused=paused)
        for local, bound in self._datagrams.items():
            if paused:
                self._loop.remove_reader(bound)
            else:
                self._loop.add_reader(bound, self._readable, bound, local)

    # --- what follows from it -----------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                await self._perform([self._queue.popleft() for _ in range(len(self._queue))])
            self._idle.set()
            self._pause(paused=False)

    async def _perform(self, outputs: list[Output]) -> None:
        """All the Saves as one, then the rest.

        Not even a 100 Trying goes out first: it would stop the peer from repeating an INVITE
        that a crash made us forget.
        """
        saves = [output.state for output in outputs if isinstance(output, Save)]
        await asyncio.gather(*(self._save(state) for state in saves))
        for output in outputs:
            self._do(output)

    def _do(self, output: Output) -> None:
        match output:
            case Transmit(data, flow, otherwise):
                self._transmit(data, flow, otherwise)
            case Resolve(dialog_id, uri):
                self._resolve(dialog_id, uri)
            case Save():
                return
            case event:
                self._on_event(event)

    def _transmit(self, data: bytes, flow: Flow, otherwise: Address | None) -> None:
        if flow.transport.is_reliable:
            self._connections.send(data, flow, otherwise)
        elif (bound := self._datagram_socket(flow)) is None:
            self._unreachable(flow)
        else:
            with contextlib.suppress(OSError):
                # A datagram which could not be sent is a lost one: timers repeat it.
                bound.sendto(data, flow.remote)

    def _datagram_socket(self, flow: Flow) -> socket.socket | None:
        """The listener's; after a change of configuration, any which can send there."""
        if (bound := self._datagrams.get(flow.local)) is not None:
            return bound
        alike = (
            bound
            for local, bound in self._datagrams.items()
            if (":" in local.host) == (":" in flow.remote.host)
        )
        return next(alike, None)

    def _resolve(self, dialog_id: str, uri: str) -> None:
        if self._lookup is None or len(self._lookups) >= LOOKUPS_MAX:
            return
        task = self._loop.create_task(self._look_up(self._lookup, dialog_id, uri))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _look_up(self, lookup: Lookup, dialog_id: str, uri: str) -> None:
        hops = await lookup(uri)
        self.do(lambda agent, _: agent.resolved(dialog_id, uri, hops))
