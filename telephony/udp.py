"""The shell of a SIP user agent: a UDP socket, a clock, and one task which keeps the order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from telephony.address import Address
from telephony.flow import Flow, Transport
from telephony.sip.dialog import DialogState
from telephony.sip.outputs import Event, Output, Save, Transmit
from telephony.sip.user_agent import UserAgent

DATAGRAM_BYTES_MAX = 65_536
# The loop goes on with its other work after so many.
DATAGRAMS_PER_WAKE_MAX = 64
# Beyond this the disk is too slow: datagrams wait in the socket, and are sent again.
QUEUE_MAX = 4_096

T = TypeVar("T")


class SipEndpoint:
    """Saves before it sends. Make it within a running loop; the socket stays the caller's."""

    def __init__(
        self,
        bound: socket.socket,
        user_agent: UserAgent,
        clock: Callable[[], float],
        save: Callable[[DialogState], Awaitable[None]],
        on_event: Callable[[Event], None],
    ) -> None:
        self._socket = bound
        self._local = Address(*bound.getsockname()[:2])
        self._agent = user_agent
        self._clock = clock
        self._save = save
        self._on_event = on_event
        self._queue: deque[Output] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        bound.setblocking(False)
        self._loop.add_reader(bound, self._readable)
        self._idle.set()
        self._task = self._loop.create_task(self._run())
        self._drain()

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
        self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        self._task.cancel()

    def _readable(self) -> None:
        for _ in range(DATAGRAMS_PER_WAKE_MAX):
            try:
                data, source = self._socket.recvfrom(DATAGRAM_BYTES_MAX)
            except OSError:
                # Nothing more to read, or an ICMP error about an earlier datagram.
                break
            flow = Flow(Transport.UDP, self._local, Address(source[0], source[1]))
            self._agent.receive(data, flow, self._clock())
        self._drain()

    def _drain(self) -> None:
        while (output := self._agent.poll()) is not None:
            self._queue.append(output)
        if self._queue:
            self._idle.clear()
            self._work.set()
        if len(self._queue) > QUEUE_MAX and not self._is_paused:
            self._is_paused = True
            self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        if (at := self._agent.wake_at) is not None:
            self._timer = self._loop.call_later(max(0.0, at - self._clock()), self._wake)

    def _wake(self) -> None:
        self._agent.wake(self._clock())
        self._drain()

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                await self._perform([self._queue.popleft() for _ in range(len(self._queue))])
            self._idle.set()
            if self._is_paused:
                self._is_paused = False
                self._loop.add_reader(self._socket, self._readable)

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
        if isinstance(output, Transmit):
            with contextlib.suppress(OSError):
                # A datagram which could not be sent is a lost one: timers repeat it.
                self._socket.sendto(output.data, output.flow.remote)
        elif not isinstance(output, Save):
            self._on_event(output)
