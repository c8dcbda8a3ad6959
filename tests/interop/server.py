"""The real server in processes of its own, and its commands."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]
PARLEY = (sys.executable, "-P", "-m", "parley.cli")
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 20.0
SEAL_SECONDS_MAX = 30.0
COMMAND_SECONDS_MAX = 120.0
PROBE_SECONDS = 0.2
RTP_PORTS = 200
LOG_BYTES_SHOWN = 4_000

UDP = "udp:127.0.0.1:{sip}"
CONFIG = """\
[http]
listen = "{http}"
[sip]
listen = [{listen}]
ring_ms = 500
drain_s = {drain_s}
early_media = {early_media}
{keys}
[media]
ports = "{rtp_first}-{rtp_last}"
codecs = [{codecs}]
{media}
[agent]
app = "{app}"
"""


class Server:
    """Made, it runs and answers; `stop` leaves nothing running."""

    def __init__(
        self,
        folder: Path,
        app: str = "tests.interop.agents:Clerk",
        more: str = "",
        media: str = "",
        *,
        early_media: bool = False,
        listen: Sequence[str] = (UDP,),
        sip: str = "",
        drain_s: int = 0,
        friend: str = "127.0.0.1",
        codecs: Sequence[str] = ("PCMU", "PCMA"),
    ) -> None:
        """`more`: sections of the configuration; `media` and `sip`: more lines of those sections.

        `listen` with `{sip}` for the port. `friend` is an address of this machine that is answered.
        """
        self.friend = friend
        self.data = folder / "data"
        self.ledger = folder / "ledger.txt"
        self.ledger.touch()
        self.log = folder / "server.log"
        self.port = _free_port(socket.SOCK_DGRAM)
        self.target = f"sip:desk@127.0.0.1:{self.port}"
        config = folder / "parley.toml"
        # Below the ports which the kernel gives to others.
        self.rtp_first = first = random.randrange(12_000, 30_000, 2)
        self.http = f"http://127.0.0.1:{_free_port(socket.SOCK_STREAM)}"
        config.write_text(
            CONFIG.format(
                http=self.http.removeprefix("http://"),
                listen=", ".join(f'"{one}"' for one in listen).format(sip=self.port),
                keys=sip,
                rtp_first=first,
                rtp_last=first + RTP_PORTS - 1,
                drain_s=drain_s,
                app=app,
                codecs=", ".join(f'"{name}"' for name in codecs),
                media=media,
                early_media=str(early_media).lower(),
            )
            + more
        )
        self._pids: set[int] = set()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*PARLEY, "serve", "--config", str(config), "--data", str(self.data)],
                env=self._environment(),
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def terminate(self) -> None:
        """Ask it to stop, and do not wait."""
        self._pids |= set(self.pids().values())
        self._process.terminate()

    def ended(self) -> int:
        """Wait until it has stopped; its exit code."""
        return self._process.wait(STOP_SECONDS_MAX)

    def stop(self) -> None:
        """Ask it to stop; then see to it, for every process it ever had."""
        self._pids |= set(self.pids().values()) if (self.data / "pids.json").exists() else set()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in self._pids:
            if _is_ours(pid, self.data):
                os.kill(pid, signal.SIGKILL)

    def pids(self) -> dict[str, int]:
        """The processes that serve now, by role."""
        written = json.loads((self.data / "pids.json").read_text())
        return {role: pid for role, pid in written.items() if isinstance(pid, int)}

    def rss(self, role: str) -> int:
        """Bytes of memory the process of that role has in use."""
        pages = Path(f"/proc/{self.pids()[role]}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def metric(self, name: str) -> float:
        """A figure of /metrics, added up over the media processes."""
        told = httpx2.get(f"{self.http}/metrics").text.splitlines()
        named = [
            line.rpartition(" ") for line in told if line.startswith((f"{name} ", f"{name}{{"))
        ]
        assert named, f"nobody tells {name}"
        return sum(float(value) for _, _, value in named)

    def kill(self, role: str) -> None:
        """As the kernel does when there is no memory left."""
        pid = self.pids()[role]
        self._pids.add(pid)
        os.kill(pid, signal.SIGKILL)

    def parley(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on this server's data."""
        return self.parley_anywhere(*arguments, "--data", str(self.data))

    def parley_anywhere(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command which needs no server."""
        return subprocess.run(
            [*PARLEY, *arguments],
            env=self._environment(),
            cwd=self.data.parent,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        done = self.parley(*arguments, "--json")
        assert done.returncode == 0, f"parley {arguments}: {done.stderr}"
        return json.loads(done.stdout)

    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json("calls")
        return found

    def sealed(self, known: set[str]) -> list[dict[str, Any]]:
        """The calls beside the known ones, once all of them are sealed."""
        ends = monotonic() + SEAL_SECONDS_MAX
        while True:
            new = [call for call in self.calls() if call["id"] not in known]
            if new and all(call["state"] == "sealed" for call in new):
                return new
            assert monotonic() < ends, f"not sealed in {SEAL_SECONDS_MAX} s: {new}"

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PARLEY_")}
        return {**kept, "PYTHONPATH": str(ROOT), "LEDGER_FILE": str(self.ledger)}

    def _wait_until_ready(self) -> None:
        ends = monotonic() + START_SECONDS_MAX
        while options(self.port, friend=self.friend) is None:
            assert self._process.poll() is None, f"the server ended: {self._last_words()}"
            assert monotonic() < ends, f"no answer to OPTIONS: {self._last_words()}"

    def _last_words(self) -> str:
        return self.log.read_bytes()[-LOG_BYTES_SHOWN:].decode(errors="replace")


def options(port: int, wait_s: float = PROBE_SECONDS, friend: str = "127.0.0.1") -> str | None:
    """Ask a user agent whether it is there; the status line of its answer, none in time: None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((friend, 0))
        probe.connect(("127.0.0.1", port))
        probe.settimeout(wait_s)
        mine = probe.getsockname()[1]
        lines = [
            f"OPTIONS sip:desk@127.0.0.1:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {friend}:{mine};branch=z9hG4bK{random.getrandbits(64):x};rport",
            "Max-Forwards: 70",
            f"From: <sip:probe@127.0.0.1:{mine}>;tag={random.getrandbits(32):x}",
            f"To: <sip:desk@127.0.0.1:{port}>",
            f"Call-ID: {random.getrandbits(64):x}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
        ]
        try:
            probe.send("\r\n".join([*lines, "", ""]).encode())
            return probe.recv(4_096).decode(errors="replace").splitlines()[0]
        except TimeoutError:
            return None
        except ConnectionRefusedError:
            _wait(probe)
            return None


def _wait(probe: socket.socket) -> None:
    """Nobody listens there yet: wait as long as for an answer."""
    with suppress(OSError):
        probe.recv(1)


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ours(pid: int, data: Path) -> bool:
    """Whether a pid still is a process of this server, and no other that got its number."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return str(data.parent).encode() in environ
