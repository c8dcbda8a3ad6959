"""The media process: sockets, a clock, and a plane between them.

Started by the keeper as `python -P -m media.process --control FD`.
"""

import argparse
import gc
import json
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import cast

from media.appending import Appender
from media.link import LinkLost, NodeLink
from media.plane import Outgoing, Plane
from media.ports import PortLeft, PortReleased, PortTaken
from media.recorder import CHUNK_SAMPLES
from media.seal import SealJob
from media.sealer import Sealer
from media.units import FRAME_US, SAMPLES_PER_MS, slot_start

CONTROL_BYTES_MAX = 64 * 1024
CONTROL_FDS_MAX = 4
DATAGRAM_BYTES_MAX = 2_048
READS_PER_WAKE = 8
STALE_DATAGRAMS_MAX = 4_096
COLLECT_TICKS = 250
CHUNK_MS_MIN, CHUNK_MS_MAX = 100, 10_000


class KeeperGone(Exception):
    """The keeper has died, or said stop: so must this process, at once."""


class WallClock:
    """Microseconds UTC, read once and then counted: a stepped clock must not stall a call."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def __call__(self) -> int:
        return (time.monotonic_ns() + self._offset) // 1_000


class MediaProcess:
    def __init__(
        self, control: socket.socket, plane: Plane, sealer: Sealer, clock: Callable[[], int]
    ) -> None:
        self._control = control
        self._plane = plane
        self._sealer = sealer
        self._clock = clock
        self._selector = DefaultSelector()
        self._sockets: dict[int, socket.socket] = {}
        self._link: NodeLink | None = None
        self._to_keeper: deque[bytes] = deque()
        self._ticks = 0

    def run(self) -> None:
        """Serve until the keeper dies, which raises KeeperGone."""
        self._control.setblocking(False)
        self._selector.register(self._control, EVENT_READ, self._read_control)
        self._selector.register(self._sealer, EVENT_READ, self._read_sealer)
        deadline = slot_start(self._clock()) + FRAME_US
        while True:
            self._settle()
            wait = max(0, deadline - self._clock()) / 1_000_000
            for key, _ in self._selector.select(wait):
                cast(Callable[[], None], key.data)()
            if (now := self._clock()) >= deadline:
                self._tick(now)
                # An absolute deadline; ticks that were missed are skipped.
                deadline = slot_start(now) + FRAME_US

    def _tick(self, now: int) -> None:
        for outgoing in self._plane.tick(now):
            self._send(outgoing)
        self._ticks += 1
        if self._ticks % COLLECT_TICKS == 0:
            # Only the young: the rest is frozen or long-lived, and would take its time.
            gc.collect(1)

    def _send(self, outgoing: Outgoing) -> None:
        try:
            self._sockets[outgoing.port].sendto(outgoing.data, outgoing.destination)
        except OSError:
            # As if the network had lost it: the next packet goes out in 20 ms.
            self._plane.count_unsent()

    # The keeper.

    def _read_control(self) -> None:
        message, fds = receive_control(self._control)
        port = message.get("rtp")
        if isinstance(port, int) and fds:
            self._add_rtp(port, fds.pop())
        elif message.get("peer") == "node" and fds:
            self._attach(socket.socket(fileno=fds.pop()))
        for unexpected in fds:
            os.close(unexpected)

    def _add_rtp(self, port: int, fd: int) -> None:
        if port in self._sockets:
            os.close(fd)
            return
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        self._sockets[port] = sock
        self._plane.add_port(port, str(sock.getsockname()[0]), self._clock())

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
        try:
            for header, payload in self._link.read():
                self._plane.command(header, payload, self._clock())
        except LinkLost:
            self._detach()  # The calls go on; the keeper brings the next link.

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

    # RTP.

    def _read_rtp(self, sock: socket.socket, leg: str) -> None:
        for _ in range(READS_PER_WAKE):
            try:
                data, source = sock.recvfrom(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                continue  # An ICMP error of an earlier packet; the socket is still good.
            self._plane.receive(leg, data, (source[0], source[1]), self._clock())

    def _follow_changes(self) -> None:
        for change in self._plane.take_changes():
            match change:
                case PortTaken(port, leg, fresh):
                    self._listen(self._sockets[port], leg, fresh)
                case PortLeft(port):
                    self._selector.unregister(self._sockets[port])
                case PortReleased(port):
                    self._sockets.pop(port).close()
                    self._tell_keeper({"release_rtp": port})

    def _listen(self, sock: socket.socket, leg: str, fresh: bool) -> None:
        if fresh:
            flush_stale(sock)
        self._selector.register(sock, EVENT_READ, partial(self._read_rtp, sock, leg))

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


def flush_stale(sock: socket.socket) -> None:
    """Throw away what came for whoever had the port before."""
    for _ in range(STALE_DATAGRAMS_MAX):
        try:
            sock.recv(DATAGRAM_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            continue


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


def chunk_samples(go: dict[str, object]) -> int:
    """The length of a chunk, if the keeper's configuration has one that makes sense."""
    chunk_ms = go.get("chunk_ms")
    if isinstance(chunk_ms, int) and CHUNK_MS_MIN <= chunk_ms <= CHUNK_MS_MAX:
        return chunk_ms * SAMPLES_PER_MS
    return CHUNK_SAMPLES


def serve(control: socket.socket) -> None:
    """Stand by, then run until the keeper dies, which raises KeeperGone."""
    go = wait_for_go(control)
    boot = os.urandom(8).hex()
    sealer = Sealer(Appender(Path(str(go.get("recordings", "."))), boot))
    sealer.start()
    plane = Plane(boot, chunk_samples(go))
    # What exists by now lives as long as the process: no collection need look at it.
    gc.collect()
    gc.freeze()
    gc.disable()
    MediaProcess(control, plane, sealer, WallClock()).run()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="media.process")
    parser.add_argument("--control", type=int, required=True, metavar="FD")
    options = parser.parse_args(arguments)
    # Ctrl-C reaches the whole group: the keeper decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(socket.socket(fileno=options.control))
    except KeeperGone:
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
