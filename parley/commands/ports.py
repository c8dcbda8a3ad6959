"""Can the server have its ports?"""

import socket

from parley.config import Config, Endpoint


def unavailable(config: Config) -> list[tuple[str, str]]:
    """Key of the configuration and complaint, for each that cannot be bound."""
    wanted = [("sip.listen", listen, _kind(listen)) for listen in config.sip.listen]
    wanted.append(("http.listen", config.http.listen, socket.SOCK_STREAM))
    for port in config.media.shared_ports:
        pair = (Endpoint(config.media.address, port + n, "udp") for n in range(2))
        wanted += [("media.shared_port", one, socket.SOCK_DGRAM) for one in pair]
    found = [(key, _complaint(listen, kind)) for key, listen, kind in wanted]
    return [(key, complaint) for key, complaint in found if complaint is not None]


def free_rtp(config: Config) -> int:
    """How many ports of the range are free, together with the port above."""
    address = config.media.address
    pairs = (
        (Endpoint(address, port), Endpoint(address, port + 1)) for port in config.media.ports.even
    )
    return sum(all(_complaint(one, socket.SOCK_DGRAM) is None for one in pair) for pair in pairs)


def buffer_bytes(wanted: int) -> int:
    """How much of a receive buffer the kernel grants, of so much that is wanted."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        # Linux keeps its books in the same bytes, and answers twice what was granted (socket(7)).
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def _kind(listen: Endpoint) -> socket.SocketKind:
    return socket.SOCK_DGRAM if listen.transport == "udp" else socket.SOCK_STREAM


def _complaint(listen: Endpoint, kind: socket.SocketKind) -> str | None:
    """Why it cannot be bound; None if it can."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((listen.host, listen.port))
        except OSError as error:
            return f"{listen} cannot be bound: {error.strerror}"
    return None
