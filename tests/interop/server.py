"""The real server in processes of its own, and its commands."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import apsw
import httpx2

from parley import history, record
from parley.commands import finding
from parley.commands.place import Place, reading
from parley.config import Config
from runtime.tables import select
from tests.interop.starting import TICK_S, last_words, on_free_ports, wait_until
from tests.ports import free_ports

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
PARLEY = (sys.executable, "-P", "-m", "parley.cli")
STOP_SECONDS_MAX = 20.0
WAIT_SECONDS_MAX = 60.0
COMMAND_SECONDS_MAX = 120.0
PROBE_SECONDS = 0.2
RTP_PORTS = 200

NO_QUESTION = """
[consent]
policy = "never"
"""
UDP = "udp:127.0.0.1:{sip}"
CONFIG = """\
[http]
listen = "127.0.0.1:{http}"
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

    port: int
    tls_port: int
    rtp_first: int
    _http_port: int

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

        `listen` has `{sip}` for the port, and `{tls}` for that of TLS, where it listens by that.
        `friend` is an address of this machine that is answered.
        """
        self.friend = friend
        self.data = folder / "data"
        self.ledger = folder / "ledger.txt"
        self.ledger.touch()
        self.log = folder / "server.log"
        self._config = folder / "parley.toml"
        self._pids: set[int] = set()

        def start() -> "subprocess.Popen[bytes]":
            self.port, self.tls_port, self._http_port = free_ports(3)
            rtp = free_ports(RTP_PORTS)
            self.rtp_first = rtp[0]
            self._config.write_text(
                CONFIG.format(
                    http=self._http_port,
                    listen=", ".join(f'"{one}"' for one in listen).format(
                        sip=self.port, tls=self.tls_port
                    ),
                    keys=sip,
                    rtp_first=rtp[0],
                    rtp_last=rtp[-1],
                    drain_s=drain_s,
                    app=app,
                    codecs=", ".join(f'"{name}"' for name in codecs),
                    media=media,
                    early_media=str(early_media).lower(),
                )
                + more
            )
            return self._started()

        self._process = on_free_ports(start)

    @property
    def target(self) -> str:
        return f"sip:desk@127.0.0.1:{self.port}"

    def _started(self) -> "subprocess.Popen[bytes]":
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [*PARLEY, "serve", "--config", str(self._config), "--data", str(self.data)],
                env=self._environment(),
                cwd=self.data.parent,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(
                lambda: options(self.port, friend=self.friend) is not None, process, self.log
            )
        except BaseException:
            self._stop(process)
            raise
        return process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http_port}"

    def terminate(self) -> None:
        """Ask it to stop, and do not wait."""
        self._pids |= set(self.pids().values())
        self._process.terminate()

    def ended(self) -> int:
        """Wait until it has stopped; its exit code."""
        return self._process.wait(STOP_SECONDS_MAX)

    def stop(self) -> None:
        """Ask it to stop; then see to it, for every process it ever had."""
        self._stop(self._process)

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        self._pids |= set(self.pids().values()) if (self.data / "pids.json").exists() else set()
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
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
        told = httpx2.get(f"{self.url}/metrics").text.splitlines()
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
        """Every call in outline, the newest first, as `parley calls` prints it."""
        with self._reading() as rows:
            found: list[dict[str, Any]] = _plain(record.calls(rows, self._place.keystore().key))
        return found

    def shown(self, call: str) -> dict[str, Any]:
        """All that is known of a call, as `parley show` prints it."""
        with self._reading() as rows:
            found: dict[str, Any] = _plain(record.record(rows, self._place.keystore().key, call))
        return found

    def rows(self, table: type[T], **where: Any) -> list[T]:
        """Rows with these values, in the order of the primary key."""
        with self._reading() as rows:
            return select(rows, table, tuple(where), tuple(where.values()))

    def replayed(self, call: str | None = None) -> history.Audit:
        """The reducers run again in a fresh process, as by `parley replay`; of all, or a call."""
        return history.replay(self._place.database, call)

    def until(self, ready: Callable[[], T], what: str) -> T:
        """Look again each 50 ms, until there is something to be seen."""
        ends = monotonic() + WAIT_SECONDS_MAX
        while not (found := ready()):
            assert monotonic() < ends, f"{what}; the server said: {last_words(self.log)}"
            assert self._process.poll() is None, f"the server ended: {last_words(self.log)}"
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(TICK_S)
        return found

    def new(self, known: set[str], *states: str) -> list[dict[str, Any]]:
        """The calls beside the known ones; of these states only, where some are given."""
        return [
            call
            for call in self.calls()
            if call["id"] not in known and (not states or call["state"] in states)
        ]

    def sealed(self, known: set[str]) -> list[dict[str, Any]]:
        """The calls beside the known ones, once all of them are sealed."""

        def over() -> list[dict[str, Any]]:
            new = self.new(known)
            return new if all(call["state"] == "sealed" for call in new) else []

        return self.until(over, "not sealed")

    @property
    def _place(self) -> Place:
        return Place(Config().in_directory(self.data), self.data)

    def _reading(self) -> AbstractContextManager[apsw.Connection]:
        """Its rows, read in this process: to start one for each look takes a second."""
        return reading(self._place)

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PARLEY_")}
        return {**kept, "PYTHONPATH": str(ROOT), "LEDGER_FILE": str(self.ledger)}


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


def _plain(value: object) -> Any:
    """As it comes out of a command's --json."""
    return json.loads(finding.as_json(value))


def _is_ours(pid: int, data: Path) -> bool:
    """Whether a pid still is a process of this server, and no other that got its number."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return str(data.parent).encode() in environ
