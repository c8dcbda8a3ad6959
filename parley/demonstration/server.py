"""The server of the demo: the same one as in production, in a process of its own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from parley.demonstration.options import answered

HOST = "127.0.0.1"
READY_S = 30.0
STOP_S = 3.0
LOG_LINES_SHOWN = 8

CONFIG = """\
[http]
listen = "{host}:{http}"
[sip]
listen = ["udp:{host}:{sip}"]
drain_s = 0
{more}
"""


class NotReady(Exception):
    """The server did not start, or did not come back; the message holds what it said last."""


class Server:
    """Runs while entered. Its log is `server.log` in its data directory.

    `more` goes on with the section [sip] of its configuration.
    """

    def __init__(self, data: Path, more: str = "") -> None:
        self.data = data
        self.config = data / "parley.toml"
        self.sip_port = free_port(socket.SOCK_DGRAM)
        ports = {"http": free_port(socket.SOCK_STREAM), "sip": self.sip_port}
        self.config.write_text(CONFIG.format(host=HOST, more=more, **ports), encoding="utf-8")

    @property
    def uri(self) -> str:
        """Whom to call."""
        return f"sip:desk@{HOST}:{self.sip_port}"

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", "-m", "parley.cli", "serve"]
        # What configures the server of somebody else is not for this one.
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY_")}
        with (self.data / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(self.config), "--data", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops it in order.
            )
        return self

    def __exit__(self, *_: object) -> None:
        # The first signal asks, the second cuts short; with the keeper, its children end.
        for stop in (self._process.terminate, self._process.terminate, self._process.kill):
            stop()
            try:
                self._process.wait(STOP_S)
                return
            except subprocess.TimeoutExpired:
                continue

    async def ready(self) -> float:
        """Wait until the node answers; the seconds it took. Raises NotReady."""
        began = time.monotonic()
        answering = asyncio.create_task(answered((HOST, self.sip_port)))
        try:
            while not answering.done():
                if self._process.poll() is not None or time.monotonic() - began > READY_S:
                    raise NotReady(f"the server does not answer; it said last:\n{self._last()}")
                await asyncio.wait((answering,), timeout=0.1)
        finally:
            answering.cancel()
        return time.monotonic() - began

    def pids(self) -> dict[str, int | None]:
        """Its processes, by what they do."""
        pids: dict[str, int | None] = json.loads(
            (self.data / "pids.json").read_text(encoding="utf-8")
        )
        return pids

    def kill_node(self) -> None:
        """SIGKILL: nothing is saved, closed or said goodbye to. Raises NotReady without a node."""
        pids = self.pids()
        if pids["node"] is None:
            raise NotReady("there is no node to kill")
        os.kill(pids["node"], signal.SIGKILL)

    def _last(self) -> str:
        lines = (self.data / "server.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(lines.splitlines()[-LOG_LINES_SHOWN:])


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
