"""The media process: sockets, a clock, and a plane between them.

Started by the keeper as `python -P -m media.process --control FD`.
"""

import argparse
import gc
import json
import os
import resource
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import cast

from media.appending import Appender
from media.bank.admission import Datagrams
from media.bank.departures import Outgoing
from media.codecs import CODECS
from media.link import LinkLost, NodeLink
from media.net import Batch, Sockets
from media.plane import CHUNK_MS, Plane
from media.ports import PortLeft, PortReleased, PortTaken
from media.seal import SealJob
from media.sealer import Sealer
from media.units import FRAME_US, slot_start

CONTROL_BYTES_MAX = 64 * 1024
CONTROL_FDS_MAX = 4
PAIR = 2
"""An RTP port comes with the RTCP port above it."""
CROWD_LEGS = 4
GATHER_US = 4_000
"""How long datagrams gather in the sockets where there are more legs: a fifth of a tick."""

BATCHES_PER_WAKE = 16
COMMANDS_PER_WAKE = 64
NICE = -10
"""Who speaks in real time goes before who computes, where the machine lets us."""

SWITCH_S = 0.000_2
"""How long the sealer may keep the interpreter while a tick is due."""

COLLECT_TICKS = 250
CHUNK_MS_MIN, CHUNK_MS_MAX = 100, 10_000


class KeeperGone(Exception):
    """The keeper has died, or said stop: so must this process, at once."""


class WallClock:
    """Microseconds UTC, read once and then counted: a stepped clock must not stall a call."""

    def __init__(self) -> None:
        self.offset_us = (time.time_ns() - time.monotonic_ns()) // 1_000
        """What it is ahead of the monotonic clock, which all processes of a machine share."""

    def __call__(self) -> int:
        return time.monotonic_ns() // 1_000 + self.offset_us


class MediaProcess:
    def __init__(
        self, control: socket.socket, plane: Plane, sealer: Sealer, clock: Callable[[], int]
    ) -> None:
        self._control = control
        self._plane = plane
        self._sealer = sealer
        self._clock = clock
        self._selector = DefaultSelector()
        self._sockets = Sockets()
        self._spare: dict[int, socket.socket] = {}
        """The sockets no leg listens on."""
        self._batch = Batch()
        self._is_crowded = False
        self._receive_at = 0
        self._link: NodeLink | None = None
        self._commands: deque[tuple[dict[str, object], bytes]] = deque()
        self._to_keeper: deque[bytes] = deque()
        self._ticks = 0

    def run(self) -> None:
        """Serve until the keeper dies, which raises KeeperGone."""
        self._control.setblocking(False)
        self._selector.register(self._control, EVENT_READ, self._read_control)
        self._selector.register(self._sealer, EVENT_READ, self._read_sealer)
        self._selector.register(self._sockets, EVENT_READ, self._receive)
        deadline = slot_start(self._clock()) + FRAME_US
        while True:
            self._settle()
            self._wait(deadline)
            if (now := self._clock()) >= deadline:
                self._tick(now)
                # An absolute deadline; ticks that were missed are skipped.
                deadline = slot_start(now) + FRAME_US

    def _wait(self, deadline: int) -> None:
        """Sleep until the tick, or until there is something to do; do it."""
        wake = min(deadline, self._receive_at) if self._is_crowded else deadline
        wait = 0 if self._commands else max(0, wake - self._clock()) / 1_000_000
        for key, _ in self._selector.select(wait):
            cast(Callable[[], None], key.data)()
        if self._is_crowded and self._clock() >= self._receive_at:
            self._receive()
        self._obey(deadline)

    def _tick(self, now: int) -> None:
        self._receive()
        outgoing = self._plane.tick(now)
        if outgoing is not None:
            self._send(outgoing)
            if (reports := self._plane.due_reports(now)) is not None:
                self._send(reports)
        self._plane.lateness.took(self._clock() - now)
        self._gather(len(self._plane.legs) > CROWD_LEGS)
        self._ticks += 1
        if self._ticks % COLLECT_TICKS == 0:
            # Only the young: the rest is frozen or long-lived, and would take its time.
            gc.collect(1)

    def _send(self, out: Outgoing) -> None:
        sent = self._sockets.send(out.ports, out.data, out.lengths, out.destinations)
        # As if the network had lost it: the next packet goes out in 20 ms.
        self._plane.count_unsent(len(out.ports) - sent)

    # RTP.

    def _receive(self) -> None:
        """Read what has come in, in whole batches."""
        batch = self._batch
        for _ in range(BATCHES_PER_WAKE):
            count = self._sockets.receive(batch)
            if not count:
                break
            rows = Datagrams(
                batch.data[:count],
                batch.lengths[:count],
                batch.sources[:count],
                batch.ports[:count],
            )
            self._plane.receive(rows, self._clock())
        self._receive_at = self._clock() + GATHER_US

    def _gather(self, is_crowded: bool) -> None:
        """Where there are many legs, let datagrams gather: a batch costs as much as a packet."""
        if is_crowded == self._is_crowded:
            return
        self._is_crowded = is_crowded
        if is_crowded:
            self._selector.unregister(self._sockets)
        else:
            self._selector.register(self._sockets, EVENT_READ, self._receive)

    # The keeper.

    def _read_control(self) -> None:
        message, fds = receive_control(self._control)
        rtp, shared = message.get("rtp"), message.get("shared")
        if isinstance(rtp, int) and len(fds) == PAIR:
            self._add_pair(rtp, *fds)
            return
        if isinstance(shared, int) and len(fds) == PAIR:
            self._add_shared(shared, *fds)
            return
        if message.get("peer") == "node" and fds:
            self._attach(socket.socket(fileno=fds.pop()))
        for unexpected in fds:
            os.close(unexpected)

    def _add_pair(self, port: int, rtp: int, rtcp: int) -> None:
        if port in self._spare or self._plane.has_port(port):
            os.close(rtp)
            os.close(rtcp)
            return
        self._spare[port] = socket.socket(fileno=rtp)
        self._spare[port + 1] = socket.socket(fileno=rtcp)
        self._plane.add_port(port, str(self._spare[port].getsockname()[0]), self._clock())

    def _add_shared(self, port: int, rtp: int, rtcp: int) -> None:
        """The port of all legs that may share one: it is listened on as long as we live."""
        sock = socket.socket(fileno=rtp)
        self._sockets.add(port, sock, shared=True)
        self._sockets.add(port + 1, socket.socket(fileno=rtcp), shared=True)
        self._plane.add_shared_port(port, str(sock.getsockname()[0]), self._clock())

    def _tell_keeper(self, message: dict[str, int]) -> None:
        self._to_keeper.append(json.dumps(message).encode())

    def _flush_control(self) -> None:
        while self._to_keeper:
            try:
                self._control.send(self._to_keeper[0])
            except BlockingIOError:
                return
            except OSError as error:
                raise KeeperGone from error
            self._to_keeper.popleft()

    # The node.

    def _attach(self, sock: socket.socket) -> None:
        self._detach()
        self._link = NodeLink(sock)
        # What was transient while nobody listened is no news now.
        self._plane.take_transient()
        self._link.send(self._plane.hello())
        self._selector.register(sock, EVENT_READ, self._serve_node)

    def _detach(self) -> None:
        if self._link is not None:
            self._selector.unregister(self._link.socket)
            self._link.close()
            self._link = None

    def _serve_node(self) -> None:
        assert self._link is not None, "an event of a link that was detached"
        if self._commands:
            return  # What has come before is done first.
        try:
            self._commands += self._link.read()
        except LinkLost:
            self._detach()  # The calls go on; the keeper brings the next link.

    def _obey(self, deadline: int) -> None:
        """Do what the node asked for, as far as there is time before the tick."""
        for _ in range(min(len(self._commands), COMMANDS_PER_WAKE)):
            header, payload = self._commands.popleft()
            now = self._clock()
            self._plane.command(header, payload, now)
            if now >= deadline:
                return

    def _write_node(self) -> None:
        transient = self._plane.take_transient()
        if self._link is None:
            return
        for event in transient:
            self._link.send(event)
        self._link.send_kept(self._plane.outbox)
        try:
            self._link.flush()
        except LinkLost:
            self._detach()
            return
        events = EVENT_READ | (EVENT_WRITE if self._link.wants_to_write else 0)
        if self._selector.get_key(self._link.socket).events != events:
            self._selector.modify(self._link.socket, events, self._serve_node)

    def _follow_changes(self) -> None:
        for change in self._plane.take_changes():
            match change:
                case PortTaken(port, _, fresh):
                    for each in (port, port + 1):
                        self._sockets.add(each, self._spare.pop(each))
                        if fresh:
                            self._sockets.flush_stale(each)
                case PortLeft(port):
                    for each in (port, port + 1):
                        self._spare[each] = self._sockets.remove(each)
                case PortReleased(port):
                    for each in (port, port + 1):
                        self._spare.pop(each).close()
                    self._tell_keeper({"release_rtp": port})

    # Everything that is due after anything has happened.

    def _settle(self) -> None:
        self._follow_changes()
        while jobs := self._plane.take_jobs():
            for job in jobs:
                if not self._sealer.offer(job):
                    assert isinstance(job, SealJob), "the end of a gate always gets in"
                    self._plane.seal_refused(job)
        if wanted := self._plane.ports_wanted():
            self._tell_keeper({"want_rtp": wanted})
        self._flush_control()
        self._write_node()

    def _read_sealer(self) -> None:
        for result in self._sealer.results():
            self._plane.sealed(result)


def receive_control(control: socket.socket) -> tuple[dict[str, object], list[int]]:
    """One message of the keeper and the descriptors with it. KeeperGone at its death or stop."""
    try:
        data, fds, _, _ = socket.recv_fds(control, CONTROL_BYTES_MAX, CONTROL_FDS_MAX)
    except BlockingIOError:
        return {}, []
    except OSError as error:
        raise KeeperGone from error
    if not data:
        raise KeeperGone
    try:
        message: object = json.loads(data)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        return {}, fds
    told = cast(dict[str, object], message)
    if told.get("stop"):
        raise KeeperGone
    return told, fds


def wait_for_go(control: socket.socket) -> dict[str, object]:
    """Stand by, warm, until the keeper says go."""
    while True:
        message, fds = receive_control(control)
        for unexpected in fds:
            os.close(unexpected)
        if message.get("go") is True:
            return message


def chunk_ms(go: dict[str, object]) -> int:
    """The length of a chunk, if the keeper's configuration has one that makes sense."""
    asked = go.get("chunk_ms")
    if isinstance(asked, int) and CHUNK_MS_MIN <= asked <= CHUNK_MS_MAX:
        return asked
    return CHUNK_MS


def serve(control: socket.socket) -> None:
    """Stand by, then run until the keeper dies, which raises KeeperGone."""
    for codec in CODECS.values():
        # No tick of others must wait for the libraries that a first leg would load.
        codec.encoder()
        codec.decoder()
    go = wait_for_go(control)
    # Before the sealer is started, which inherits it: it may hold the lock that the clock needs.
    with suppress(PermissionError):
        os.nice(NICE)
    boot = os.urandom(8).hex()
    sealer = Sealer(Appender(Path(str(go.get("recordings", "."))), boot))
    sealer.start()
    clock = WallClock()
    plane = Plane(boot, chunk_ms(go), clock_us=clock.offset_us)
    # What exists by now lives as long as the process: no collection need look at it.
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_S)
    MediaProcess(control, plane, sealer, clock).run()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="media.process")
    parser.add_argument("--control", type=int, required=True, metavar="FD")
    options = parser.parse_args(arguments)
    # What callers say lies in memory before anybody agreed to keep it: none of it is dumped.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Ctrl-C reaches the whole group: the keeper decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(socket.socket(fileno=options.control))
    except KeeperGone:
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
