"""Every socket of the server, kept open while the processes which use them come and go."""

import socket
from collections.abc import Iterator
from contextlib import suppress

from parley.config import Config, Endpoint
from parley.keeper.errors import KeeperError

HTTP_BACKLOG = 256
# Signalling which waits for the next node to come up; the kernel may allow less.
SIP_BUFFER_BYTES = 4 * 1024 * 1024
SIP_BACKLOG = 1_024
# How many RTP ports one message may ask for.
WANT_RTP_MAX = 256


class Sockets:
    """Raises KeeperError when an address is taken."""

    def __init__(self, config: Config) -> None:
        self.sip: dict[Endpoint, socket.socket] = {}
        self.rtp: dict[int, socket.socket] = {}
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

    def want_rtp(self, count: int) -> Iterator[tuple[int, socket.socket]]:
        """Bind that many more RTP ports, or as many as are free, in turn over the whole range."""
        wanted = min(count, WANT_RTP_MAX)
        for _ in self._ports:
            if wanted <= 0:
                return
            # A port which was just released comes last: late packets of its last call may arrive.
            port = self._ports[self._turn % len(self._ports)]
            self._turn += 1
            if port in self.rtp:
                continue
            with suppress(OSError):  # Another program has this port: the next one will do.
                self.rtp[port] = _udp(self._address, port)
                wanted -= 1
                yield port, self.rtp[port]

    def release_rtp(self, port: int) -> None:
        """Close an RTP port. Releasing it again changes nothing."""
        if port in self.rtp:
            self.rtp.pop(port).close()

    def close(self) -> None:
        for held in (self.http, *self.sip.values(), *self.rtp.values()):
            held.close()


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
