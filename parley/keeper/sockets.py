"""Every socket of the server, kept open while the processes which use them come and go."""

import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from parley.config import Config, Endpoint
from parley.keeper.errors import KeeperError

HTTP_BACKLOG = 256
# Signalling which waits for the next node to come up; the kernel may allow less.
SIP_BUFFER_BYTES = 4 * 1024 * 1024
# All calls of a trunk wait here while a media process is replaced; the kernel may allow less.
SHARED_BUFFER_BYTES = 4 * 1024 * 1024
# A call needs two here, two on their way to a new media process, and two there.
DESCRIPTORS = 65_536
SIP_BACKLOG = 1_024
# How many RTP ports one message may ask for.
WANT_RTP_MAX = 256


@dataclass(frozen=True, slots=True)
class Pair:
    """An even port for RTP, the odd one above it for RTCP (RFC 3550 section 11)."""

    port: int
    index: int
    """The media process it belongs to; its successor inherits it."""
    rtp: socket.socket
    rtcp: socket.socket

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def raise_descriptor_limit() -> None:
    """Allow as many descriptors as we want, or as the machine lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


class Sockets:
    """Raises KeeperError when an address is taken."""

    def __init__(self, config: Config) -> None:
        self.sip: dict[Endpoint, socket.socket] = {}
        self.shared: dict[int, Pair] = {}
        """By the index of the media process."""
        self._pairs: dict[int, Pair] = {}
        self._address = config.media.address
        self._ports = config.media.ports.even
        self._turn = 0
        self.http = _bound(config.http.listen, socket.SOCK_STREAM, "http.listen")
        self.http.listen(HTTP_BACKLOG)
        try:
            for listen in dict.fromkeys(config.sip.listen):
                self.sip[listen] = _sip(listen)
        except KeeperError:
            self.close()
            raise
        for index, port in enumerate(config.media.shared_ports):
            self.shared[index] = self._bound_shared(index, port)

    def pairs_of(self, index: int) -> Iterator[Pair]:
        """The RTP ports that a media process has been given and has not released."""
        return (pair for pair in self._pairs.values() if pair.index == index)

    def want_rtp(self, count: int, index: int) -> Iterator[Pair]:
        """Bind that many more RTP ports, or as many as are free, in turn over the whole range."""
        wanted = min(count, WANT_RTP_MAX)
        for _ in self._ports:
            if wanted <= 0:
                return
            # A port which was just released comes last: late packets of its last call may arrive.
            port = self._ports[self._turn % len(self._ports)]
            self._turn += 1
            if port in self._pairs:
                continue
            with suppress(OSError):  # Another program has one of the two: the next will do.
                self._pairs[port] = _pair(self._address, port, index)
                wanted -= 1
                yield self._pairs[port]

    def release_rtp(self, port: int, index: int) -> None:
        """Close an RTP port of that process. Releasing it again changes nothing."""
        if port in self._pairs and self._pairs[port].index == index:
            self._pairs.pop(port).close()

    def _bound_shared(self, index: int, port: int) -> Pair:
        try:
            pair = _pair(self._address, port, index)
        except OSError as error:
            raise KeeperError(
                f"{Endpoint(self._address, port, 'udp')} and the port above it cannot be bound:"
                f" {error.strerror}",
                "Stop the program which uses them, or change media.shared_port.",
            ) from error
        pair.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SHARED_BUFFER_BYTES)
        return pair

    def close(self) -> None:
        for held in (self.http, *self.sip.values()):
            held.close()
        for pair in (*self._pairs.values(), *self.shared.values()):
            pair.close()


def _sip(listen: Endpoint) -> socket.socket:
    """A socket of its transport. Connections wait in it, as datagrams do, for the next node."""
    if listen.transport == "udp":
        bound = _bound(listen, socket.SOCK_DGRAM, "sip.listen")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BUFFER_BYTES)
        return bound
    bound = _bound(listen, socket.SOCK_STREAM, "sip.listen")
    bound.listen(SIP_BACKLOG)
    return bound


def _bound(listen: Endpoint, kind: socket.SocketKind, key: str) -> socket.socket:
    held = socket.socket(_family(listen.host), kind)
    try:
        if kind == socket.SOCK_STREAM:
            # A server which was just stopped must not keep the next one waiting (TIME_WAIT).
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if held.family == socket.AF_INET6:
            # "[::]" leaves the IPv4 addresses to "0.0.0.0", which has a line of its own.
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        held.bind((listen.host, listen.port))
    except OSError as error:
        held.close()
        raise KeeperError(
            f"{listen} cannot be bound: {error.strerror}",
            f"Stop the program which uses it, or change {key}.",
        ) from error
    held.setblocking(False)
    return held


def _pair(address: str, port: int, index: int) -> Pair:
    rtp = _udp(address, port)
    try:
        return Pair(port, index, rtp, _udp(address, port + 1))
    except OSError:
        rtp.close()
        raise


def _udp(address: str, port: int) -> socket.socket:
    held = socket.socket(_family(address), socket.SOCK_DGRAM)
    try:
        held.bind((address, port))
    except OSError:
        held.close()
        raise
    held.setblocking(False)
    return held


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
