"""A media process without a process: a plane at the other end of the node's link."""

import asyncio
import socket

from media.link import LinkLost, NodeLink
from media.plane import Plane
from tests.media.line import EPOCH


class Desk:
    """A plane which answers whenever its link has something to read."""

    def __init__(self, plane: Plane, sock: socket.socket) -> None:
        self.plane = plane
        self.link = NodeLink(sock)
        self.link.send(plane.hello())
        self.link.flush()
        asyncio.get_running_loop().add_reader(sock.fileno(), self.serve)

    def serve(self) -> None:
        try:
            for header, payload in self.link.read():
                self.plane.command(header, payload, EPOCH)
        except LinkLost:
            self.close()
            return
        for event in self.plane.take_transient():
            self.link.send(event)
        self.link.send_kept(self.plane.outbox)
        self.link.flush()

    def close(self) -> None:
        if self.link.socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.link.socket.fileno())
        self.link.close()


def plane_with_port(boot: str = "boot", port: int = 4_002) -> Plane:
    plane = Plane(boot)
    plane.add_port(port, "10.0.0.1", EPOCH)
    return plane
