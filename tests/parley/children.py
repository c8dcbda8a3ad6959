"""A child of the keeper which does what the test says, and reports all it sees.

It plays every role. The test listens on a SOCK_SEQPACKET socket named in $REPORT; each child
connects to it, tells its pid, then one JSON object for each thing that happens.
"""

import json
import os
import selectors
import socket
import sys
from typing import Any

BYTES_MAX = 65_536
STUBBORN = "stubborn"


class Puppet:
    def __init__(self, control: socket.socket, report: socket.socket) -> None:
        self.control = control
        self.report = report
        self.held: dict[str, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ, self.hear_keeper)
        self.selector.register(report, selectors.EVENT_READ, self.hear_test)

    def run(self) -> None:
        self.tell({"pid": os.getpid()})
        while True:
            for ready, _ in self.selector.select():
                ready.data()

    def tell(self, fact: dict[str, Any]) -> None:
        self.report.send(json.dumps(fact).encode())

    def hear_keeper(self) -> None:
        content, fds, _, _ = socket.recv_fds(self.control, BYTES_MAX, 4)
        if not content:
            sys.exit(0)
        message = json.loads(content)
        for name, fd in zip(names(message), fds, strict=True):
            self.hold(name, socket.socket(fileno=fd))
        self.tell({"told": message})
        if message.get("stop") and os.environ.get("NATURE") != STUBBORN:
            sys.exit(0)

    def hold(self, name: str, held: socket.socket) -> None:
        self.held[name] = held
        if name != "http":
            self.selector.register(held, selectors.EVENT_READ, lambda: self.hear(name, held))

    def hear(self, name: str, held: socket.socket) -> None:
        content = held.recv(BYTES_MAX)
        if not content:
            self.selector.unregister(held)
        self.tell({"from": name, "heard": content.decode()})

    def hear_test(self) -> None:
        content = self.report.recv(BYTES_MAX)
        if not content:
            sys.exit(0)
        order = json.loads(content)
        if order["to"] == "keeper":
            self.control.send(order["say"].encode())
        else:
            self.held[order["to"]].send(order["say"].encode())


def names(message: dict[str, Any]) -> list[str]:
    """What the sockets that came with a message are called; the second media is "media-1"."""
    if "rtcp" in message:
        return [str(message.get("rtp") or message["shared"]), str(message["rtcp"])]
    name, index = message.get("socket") or message.get("peer"), message.get("index")
    return [f"{name}-{index}" if index else str(name)] if name else []


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[sys.argv.index("--control") + 1]))
    report = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    report.connect(os.environ["REPORT"])
    Puppet(control, report).run()


if __name__ == "__main__":
    main()
