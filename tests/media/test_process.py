"""The real process: its sockets, its death, and its successor."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.rtp import RtpPacket, sequence_delta, timestamp_delta
from media.units import FRAME_US, pcm
from media.wire import Decoder, encode
from tests.media.line import gate, lease, noise, opening, play

WAIT_S = 10.0
STALL_PACKETS_MAX = 10
"""What a busy machine may cause; a clock that waited for its node would lose far more."""

ROOT = Path(__file__).parents[2]


class Node:
    """The node's end of a link, blocking."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._decoder = Decoder()
        self._events: list[dict[str, object]] = []
        sock.settimeout(WAIT_S)

    def send(self, header: dict[str, object], payload: bytes = b"") -> None:
        self.socket.sendall(encode(header, payload))

    def wait_for(self, name: str, **fields: object) -> dict[str, object]:
        """The next event of that name whose fields match."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if event["event"] == name and fields.items() <= event.items():
                    return event
            data = self.socket.recv(65_536)
            assert data, "the media process closed the link"
            self._events += [header for header, _ in self._decoder.feed(data)]


class Keeper:
    """Holds the RTP sockets and starts media processes."""

    def __init__(self, recordings: Path) -> None:
        self._recordings = recordings
        self._children: list[subprocess.Popen[bytes]] = []
        self._open: list[socket.socket] = []
        self.rtp: dict[int, socket.socket] = {}

    def start(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(WAIT_S)
        command = [sys.executable, "-P", "-m", "media.process", "--control", str(theirs.fileno())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._children.append(
            subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
        )
        theirs.close()
        self._open.append(self.control)
        self.tell({"go": True, "recordings": str(self._recordings), "chunk_ms": 200})
        for port, sock in self.rtp.items():
            self._give(port, sock)

    def tell(self, message: dict[str, object], *socks: socket.socket) -> None:
        fds = [sock.fileno() for sock in socks]
        socket.send_fds(self.control, [json.dumps(message).encode()], fds)

    def _give(self, port: int, rtp: socket.socket) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
            self.tell({"rtp": port, "rtcp": port + 1}, rtp, rtcp)

    def give_wanted_ports(self) -> None:
        wanted = json.loads(self.control.recv(65_536))["want_rtp"]
        for _ in range(wanted):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            self.rtp[port] = sock
            self._give(port, sock)

    def link(self) -> Node:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.tell({"peer": "node"}, theirs)
        theirs.close()
        self._open.append(ours)
        return Node(ours)

    @property
    def pid(self) -> int:
        return self._children[-1].pid

    def kill(self) -> None:
        self._children[-1].kill()
        self._children[-1].wait(WAIT_S)

    def interrupt(self) -> None:
        self._children[-1].send_signal(signal.SIGINT)

    def die(self) -> int:
        """Close the control socket, as the keeper's death does; the child's exit code."""
        self.control.close()
        return self._children[-1].wait(WAIT_S)

    def close(self) -> None:
        for sock in (*self._open, *self.rtp.values()):
            sock.close()
        for child in self._children:
            with suppress(ProcessLookupError):
                child.kill()
            child.wait(WAIT_S)


class Peer:
    """The far end of the RTP."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(WAIT_S)
        self.packets: list[RtpPacket] = []

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.socket.getsockname()[1])

    def receive(self, count: int) -> list[RtpPacket]:
        packets = [RtpPacket.parse(self.socket.recv(2_048)) for _ in range(count)]
        self.packets += packets
        return packets

    def send(self, port: int, n: int) -> None:
        packet = RtpPacket(0, n, 160 * n, 5, bytes([n % 256]) * 160)
        self.socket.sendto(packet.serialize(), ("127.0.0.1", port))

    def press(self, port: int, digit: int) -> None:
        packet = RtpPacket(101, 1_000 + digit, 160_000 + digit, 5, bytes([digit, 10, 0, 160]))
        self.socket.sendto(packet.serialize(), ("127.0.0.1", port))


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path)
    keeper.start()
    keeper.give_wanted_ports()
    yield keeper
    keeper.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.socket.close()


def started(peer: Peer) -> dict[str, object]:
    epoch = time.time_ns() // 1_000 - 1_000_000
    return opening("l", peer.address, epoch_us=epoch)


def assert_one_stream(packets: list[RtpPacket]) -> None:
    """Sequence and timestamp advance together, on the clock of the first packet."""
    first = packets[0]
    for packet in packets:
        frames = sequence_delta(packet.sequence, first.sequence)
        assert timestamp_delta(packet.timestamp, first.timestamp) == 160 * frames
        assert packet.ssrc == first.ssrc


@pytest.mark.slow
def test_the_call_goes_on_while_the_node_is_away_and_kept_events_wait(
    keeper: Keeper, peer: Peer
) -> None:
    node = keeper.link()
    assert node.wait_for("hello")["legs"] == []
    node.send(started(peer))
    port = node.wait_for("opened", leg="l")["port"]
    assert isinstance(port, int)
    node.send(play("l", "u", False), pcm(noise(600)))
    node.send(play("l", "v", False), pcm(noise(60_000)))
    peer.receive(5)
    peer.send(port, 1)
    node.socket.close()
    peer.press(port, 7)
    packets = peer.receive(40)
    assert all(len(set(packet.payload)) > 1 for packet in packets), "the utterances go on"
    node = keeper.link()
    (leg,) = _legs(node.wait_for("hello"))
    gone_on = {"leg": "l", "port": port, "playing": "v"}
    assert leg == {**gone_on, "gate_epoch": None, "lease_lost": False}
    digit = node.wait_for("dtmf")
    played = node.wait_for("played", utterance="u")
    assert (digit["digit"], played["played_ms"]) == ("7", 600)
    node.send({"cmd": "ack", "ids": [digit["id"], played["id"]]})
    peer.receive(5)
    deltas = [
        sequence_delta(later.sequence, earlier.sequence)
        for earlier, later in zip(peer.packets, peer.packets[1:], strict=False)
    ]
    assert sum(deltas) - len(deltas) <= STALL_PACKETS_MAX
    assert_one_stream(peer.packets)
    node = keeper.link()
    node.wait_for("hello")
    node.send({"cmd": "stop", "leg": "l", "utterance": "v"})
    assert node.wait_for("played")["utterance"] == "v"  # What was acknowledged is not sent again.


def _legs(hello: dict[str, object]) -> list[dict[str, object]]:
    legs = hello["legs"]
    assert isinstance(legs, list)
    return legs


@pytest.mark.slow
def test_a_killed_process_is_followed_by_another_in_the_same_stream(
    keeper: Keeper, peer: Peer
) -> None:
    node = keeper.link()
    command = started(peer)
    node.send(command)
    port = node.wait_for("opened")["port"]
    assert isinstance(port, int)
    peer.receive(5)
    peer.send(port, 1)
    keeper.kill()
    keeper.start()
    peer.press(port, 3)  # While nobody is there: the socket keeps it.
    node = keeper.link()
    assert _legs(node.wait_for("hello")) == []
    node.send({**command, "port": port})
    assert node.wait_for("opened")["port"] == port
    assert node.wait_for("dtmf")["digit"] == "3"
    peer.receive(20)
    assert_one_stream(peer.packets)


@pytest.mark.slow
def test_a_recording_is_sealed_on_disk_before_it_is_told(
    keeper: Keeper, peer: Peer, tmp_path: Path
) -> None:
    node = keeper.link()
    node.send(started(peer))
    node.send(lease(time.monotonic_ns() // 1_000))
    node.send(gate("l", 9, time.time_ns() // 1_000))
    chunk = node.wait_for("chunk", party="agent", n=0)
    begin = int(str(chunk["offset"]))
    sealed = (tmp_path / str(chunk["path"])).read_bytes()[begin : begin + int(str(chunk["bytes"]))]
    assert hashlib.sha256(sealed).hexdigest() == chunk["sha256"]
    opened = AESGCM(bytes.fromhex(str(chunk["key"]))).decrypt(
        (9).to_bytes(4, "big") + bytes(8), sealed, b"call-1|agent|9|0"
    )
    assert opened == bytes(3_200)
    node.send({"cmd": "close_gate", "leg": "l"})
    assert node.wait_for("gate_closed")["reason"] == "closed"
    node.send({"cmd": "close", "leg": "l"})


@pytest.mark.slow
def test_a_node_which_talks_nonsense_or_does_not_read_does_not_stop_the_clock(
    keeper: Keeper, peer: Peer
) -> None:
    node = keeper.link()
    node.send(started(peer))
    node.wait_for("opened")
    deaf = keeper.link()
    for n in range(3_000):
        deaf.send({"cmd": "no such thing", "leg": "x" * 1_000, "n": n})
    peer.receive(20)
    mad = keeper.link()
    mad.send({"cmd": "ack", "ids": []})
    mad.socket.sendall(b"\xff" * 1_000)
    peer.receive(20)
    assert _legs(keeper.link().wait_for("hello"))[0]["leg"] == "l"
    deltas = sequence_delta(peer.packets[-1].sequence, peer.packets[0].sequence)
    assert deltas * FRAME_US < WAIT_S * 1_000_000


@pytest.mark.slow
def test_ctrl_c_is_the_keepers_affair_and_the_keepers_death_ends_all(keeper: Keeper) -> None:
    node = keeper.link()
    node.wait_for("hello")
    keeper.interrupt()
    node = keeper.link()
    node.wait_for("hello")
    assert keeper.die() == 0


@pytest.mark.slow
def test_what_callers_said_is_in_no_core_dump(keeper: Keeper) -> None:
    keeper.link().wait_for("hello")
    limits = Path(f"/proc/{keeper.pid}/limits").read_text().splitlines()
    (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"]
