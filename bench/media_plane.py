"""Concurrent G.711 calls on one core, with detection of speech and encrypted recording of both
legs: our media process, beside the kernel's floor, one asyncio protocol for each call, and
Pipecat's pipeline where it is installed.

Run: python -m bench.media_plane [--calls N] [--seconds S] [--only NAME] [--pipecat PYTHON]
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from bench._callers import CYCLE_FRAMES, SPEECH_FRAMES, Callers, settle, voice
from bench._measure import machine
from bench._websocket_callers import WebsocketCallers
from media.commands import LEASE_MS
from media.net import Sockets
from media.units import FRAME_US, pcm
from media.wire import Decoder, encode

PIPECAT = Path(".venv/pipecat/bin/python")
"""Where `make bench` puts it."""

HOST = "127.0.0.1"
CALLER_PORTS = 16
WARM_S = 1.5
SWITCH_S = 0.000_5
"""The threads that speak and read for the node must not hold up the callers."""

UTTERANCE_S = 3
PIPECAT_CALLS = 8
SPEAK_EVERY_S = 6.0
RENEW_S = 0.25
UP_S = 20.0
BUFFER_BYTES = 8 * 1024 * 1024
SO_RCVBUFFORCE = 33
"""Linux; Python has no name for it. It may go beyond net.core.rmem_max, where one may at all."""

KEY = "00" * 32
ENVIRONMENT = {"PYTHONPATH": os.getcwd(), "OPENBLAS_NUM_THREADS": "1"}
"""As the keeper starts it."""
HEADING = (
    f"{'':<34}{'calls':>6}{'us/call':>9}{'of core':>9}{'calls/core':>11}{'lost':>6}{'skipped':>8}"
    f"{'tick p50':>10}{'p99':>7}{'max':>7}{'late':>6}{'missed':>7}"
)


@dataclass
class Result:
    """What one run came to. `us`: CPU of all threads for one call and 20 ms."""

    calls: int
    us: float
    cores: float
    sent: int
    lost: int
    """Packets of the callers that the other side has not counted."""

    missing: int
    """Packets that the callers did not get, by their sequence numbers: also those of ticks that
    were missed, whose numbers are skipped."""

    stats: dict[str, object] = field(default_factory=dict[str, object])

    def line(self, name: str) -> str:
        times = cast(dict[str, int], self.stats.get("tick_us", {}))
        widths = {"p50": 10, "p99": 7, "max": 7}
        ticks = "".join(f"{times.get(name, ''):>{width}}" for name, width in widths.items())
        late = f"{self.stats.get('late_ticks', ''):>6}{self.stats.get('missed_ticks', ''):>7}"
        return (
            f"{name:<34}{self.calls:>6}{self.us:>9.1f}{self.cores:>9.0%}"
            f"{FRAME_US / self.us:>11,.0f}{self.lost:>6}{self.missing:>8}{ticks}{late}"
        )


def bound(port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    with suppress(PermissionError):
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    sock.bind((HOST, port))
    return sock


def bound_pair() -> tuple[socket.socket, socket.socket]:
    """RTP on an even port, RTCP on the odd one above."""
    while True:
        rtp = bound()
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            try:
                return rtp, bound(port + 1)
            except OSError:
                pass
        rtp.close()


def callers_to(targets: list[int], speech_frames: int) -> Callers:
    sockets, ports = Sockets(), list[int]()
    for _ in range(CALLER_PORTS):
        sock = bound()
        ports.append(sock.getsockname()[1])
        sockets.add(ports[-1], sock, shared=True)
    return Callers(sockets, ports, targets, speech_frames)


def cpu_us(pid: int) -> float:
    """CPU time of a process and all its threads, by the scheduler's own count."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e3


def measured(pid: int, callers: Callers, seconds: float, first: int = 0) -> Result:
    callers.run(WARM_S, first)
    settle(callers)
    callers.count_anew()
    before, began = cpu_us(pid), time.monotonic()
    callers.run(seconds, first + int(WARM_S * 50))
    took, used = time.monotonic() - began, cpu_us(pid) - before
    settle(callers)
    assert callers.received, "nothing came back"
    calls = len(callers.targets)
    frames = calls * seconds * 50
    cores = used / took / 1e6
    return Result(calls, used / frames, cores, callers.sent, callers.missing, callers.missing)


def beside(kind: str, calls: int, seconds: float, *, ports: int) -> Result:
    """The callers against another process."""
    sockets = [bound() for _ in range(ports)]
    targets = [sockets[n % ports].getsockname()[1] for n in range(calls)]
    fds = [sock.fileno() for sock in sockets]
    command = [sys.executable, "-m", "bench._media_side", kind, *map(str, fds)]
    child = subprocess.Popen(command, pass_fds=fds)
    for sock in sockets:
        sock.close()
    try:
        time.sleep(1.0)
        return measured(child.pid, callers_to(targets, SPEECH_FRAMES), seconds)
    finally:
        child.kill()
        child.wait()


def pipecat(python: str, calls: int, seconds: float, *, vad: bool) -> Result:
    """Pipecat's pipeline for each call, over the websocket it is made for."""
    port = bound().getsockname()[1]
    command = [python, "-m", "bench._pipecat_side", str(port), *(["vad"] if vad else [])]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    callers = WebsocketCallers(port, calls, SPEECH_FRAMES)
    try:
        _wait_for(partial(_answers, port), 60.0)
        callers.connect()
        callers.run(WARM_S)
        before, began = cpu_us(child.pid), time.monotonic()
        callers.run(seconds)
        took, used = time.monotonic() - began, cpu_us(child.pid) - before
        assert callers.received_bytes > callers.sent * 160, "Pipecat did not answer"
        return Result(calls, used / (calls * seconds * 50), used / took / 1e6, callers.sent, 0, 0)
    finally:
        callers.close()
        child.kill()
        child.wait()


def _answers(port: int) -> bool:
    with suppress(ConnectionRefusedError):
        socket.create_connection((HOST, port)).close()
        return True
    return False


class Media:
    """Our media process, and the ends of the keeper and of the node."""

    def __init__(
        self, recordings: Path, told: Callable[[dict[str, object]], None] | None = None
    ) -> None:
        """`told`: who else hears of each event."""
        self._told = told
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-P", "-m", "media.process", "--control", str(theirs.fileno())]
        self.child = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env={**os.environ, **ENVIRONMENT}
        )
        theirs.close()
        self._tell({"go": True, "recordings": str(recordings), "chunk_ms": 1_000})
        ours, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._tell({"peer": "node"}, peer)
        peer.close()
        self.link, self._decoder = ours, Decoder()
        self._sending = threading.Lock()
        self.opened: dict[str, int] = {}
        self.stats: dict[str, object] = {}
        self.chunks = 0
        self.failed: list[object] = []
        self._closed, self._is_up = threading.Event(), threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        assert self._is_up.wait(UP_S), "the media process did not come"
        self._renew()
        threading.Thread(target=self._keep_leased, daemon=True).start()

    def give(self, name: str, rtp: socket.socket, rtcp: socket.socket) -> int:
        port: int = rtp.getsockname()[1]
        self._tell({name: port, "rtcp": port + 1}, rtp, rtcp)
        return port

    def send(self, header: Mapping[str, object], payload: bytes = b"") -> None:
        with self._sending:
            self.link.sendall(encode(header, payload))

    def open(self, n: int, remote: int, port: int | None) -> None:
        leg = f"leg-{n}"
        stream = {"ssrc": n + 1, "seq0": 0, "ts0": 0, "epoch_us": time.time_ns() // 1_000}
        codec = {"codec": "PCMU", "payload_type": 0, "dtmf_payload_type": 101}
        where = {"remote": [HOST, remote], "port": port, "shared": port is None}
        self.send({"cmd": "open", "leg": leg, "call": leg} | stream | codec | where)

    def record(self, n: int) -> None:
        """Of a leg that has opened: its port may have been on the way longer than a command is."""
        leg = f"leg-{n}"
        tracks = [
            {"party": party, "key_id": f"{leg}-{party}", "key": KEY}
            for party in ("caller", "agent")
        ]
        grant = {"epoch": 1, "granted_at_us": time.time_ns() // 1_000, "tracks": tracks}
        self.send({"cmd": "gate", "leg": leg, "call": leg} | grant)
        self.send({"cmd": "listen", "leg": leg, "on": True})

    def has_opened(self, legs: int) -> bool:
        return len(self.opened) >= legs

    def _renew(self) -> None:
        self.send({"cmd": "lease", "since_us": time.monotonic_ns() // 1_000, "ms": LEASE_MS})

    def _keep_leased(self) -> None:
        """As a node whose store commits."""
        while not self._closed.wait(RENEW_S):
            with suppress(OSError):
                self._renew()

    def close(self) -> None:
        self._closed.set()
        self.child.kill()
        self.child.wait()
        self.link.close()
        self._control.close()

    def _tell(self, message: dict[str, object], *held: socket.socket) -> None:
        socket.send_fds(self._control, [json.dumps(message).encode()], [s.fileno() for s in held])

    def _read(self) -> None:
        try:
            while data := self.link.recv(1 << 18):
                ids: list[object] = []
                for header, _ in self._decoder.feed(data):
                    self._take(header, ids)
                if ids:
                    self.send({"cmd": "ack", "ids": ids})
        except OSError:
            return

    def _take(self, header: dict[str, object], ids: list[object]) -> None:
        if "id" in header:
            ids.append(header["id"])
        if self._told is not None:
            self._told(header)
        match header["event"]:
            case "hello":
                self._is_up.set()
            case "opened":
                self.opened[str(header["leg"])] = int(str(header["port"]))
            case "stats":
                self.stats = header
            case "chunk":
                self.chunks += 1
            case "refused" | "gate_closed":
                self.failed.append(header)
            case _:
                return


def our_plane(calls: int, seconds: float, *, shared: bool, speech_frames: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        media = Media(Path(folder))
        try:
            return _our_plane(media, calls, seconds, shared=shared, speech_frames=speech_frames)
        finally:
            media.close()


def _our_plane(
    media: Media, calls: int, seconds: float, *, shared: bool, speech_frames: int
) -> Result:
    sockets = [bound_pair() for _ in range(1 if shared else calls)]
    ports = [media.give("shared" if shared else "rtp", *pair) for pair in sockets]
    for pair in sockets:
        for sock in pair:
            sock.close()
    targets = [ports[n % len(ports)] for n in range(calls)]
    callers = callers_to(targets, speech_frames)
    for n in range(0, calls, CALLER_PORTS):
        some = range(n, min(n + CALLER_PORTS, calls))
        for call in some:
            port = None if shared else ports[call]
            media.open(call, callers.ports[call % CALLER_PORTS], port)
        _wait_for(partial(media.has_opened, some[-1] + 1))
        for call in some:
            media.record(call)
        # On a shared port, the first packet of each binds its SSRC to its leg.
        only = np.zeros(calls, np.bool_)
        only[some.start : some.stop] = True
        callers.send(0, only)
        time.sleep(0.006)
    speaking = threading.Event()
    speaker = threading.Thread(target=_speak, args=(media, calls, speaking), daemon=True)
    speaker.start()
    result = measured(media.child.pid, callers, seconds, 1)
    speaking.set()
    speaker.join()
    media.stats = {}
    _wait_for(lambda: media.stats.get("legs") == calls)
    time.sleep(0.5)
    _wait_for(lambda: media.chunks > calls * seconds)
    assert not media.failed, media.failed[:3]
    result.stats = media.stats
    result.lost = callers.sent_ever - int(str(media.stats["received"]))
    return result


def _speak(media: Media, calls: int, over: threading.Event) -> None:
    """Every agent says three seconds every six."""
    audio = pcm(voice(UTTERANCE_S * 50))
    said = 0
    while not over.is_set():
        for n in range(calls):
            utterance = {"utterance": f"u{said}", "from_ms": 0, "interruptible": False}
            media.send({"cmd": "play", "leg": f"leg-{n}", "rate": 8_000} | utterance, audio)
            if over.wait(SPEAK_EVERY_S / calls):
                return
        said += 1


def _wait_for(true: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "the media process did not answer"
        time.sleep(0.001)


def runs(calls: int, seconds: float, python: str) -> dict[str, Callable[[], Result]]:
    few = calls // 10

    def ours(shared: bool, speech: int = SPEECH_FRAMES, count: int = calls) -> Callable[[], Result]:
        return lambda: our_plane(count, seconds, shared=shared, speech_frames=speech)

    return {
        "floor: echo, one shared port": lambda: beside("echo-shared", calls, seconds, ports=1),
        "floor: echo, a port a call": lambda: beside("echo-ports", calls, seconds, ports=calls),
        "floor: recvfrom, sendto": lambda: beside("echo-plain", calls, seconds, ports=1),
        "Parley, one shared port": ours(shared=True),
        "Parley, a port a call": ours(shared=False),
        "Parley, all speak always": ours(shared=True, speech=CYCLE_FRAMES),
        "an asyncio protocol a call": lambda: beside("asyncio", few, seconds, ports=few),
    } | {
        f"Pipecat, websocket{title}": partial(pipecat, python, PIPECAT_CALLS, seconds, vad=vad)
        for title, vad in ((", no detection", False), (", Silero", True))
        if python
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", default="")
    parser.add_argument(
        "--pipecat",
        default=str(PIPECAT) if PIPECAT.exists() else "",
        metavar="PYTHON",
        help="a Python which has pipecat-ai and uvicorn, to be compared with",
    )
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    print(f"{machine()}. G.711, callers talk {SPEECH_FRAMES / CYCLE_FRAMES:.0%} of the time,")
    print("agents half of it; detection of speech and encrypted recording of both legs are on.")
    print(HEADING)
    for name, run in runs(options.calls, options.seconds, options.pipecat).items():
        if options.only in name:
            print(run().line(name), flush=True)


if __name__ == "__main__":
    main()
