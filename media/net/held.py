"""A socket as it is held: what is asked of it for each datagram, looked up once."""

import socket
from typing import NamedTuple


class Held(NamedTuple):
    """A bound UDP socket which does not wait."""

    fd: int
    port: int
    shared: bool
    """Whether many calls use it, so that it has many datagrams at once."""
    socket: socket.socket
