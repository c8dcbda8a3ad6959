"""The other side of the callers, in a process of its own: an echo, or a protocol for each call.

Run: python -m bench._media_side KIND FD..., where the descriptors are bound UDP sockets.
"""

import asyncio
import secrets
import socket
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import cast

from media.appending import Appender
from media.codecs import CODECS
from media.commands import Open, OpenGate, Play
from media.leg import Leg
from media.net import Batch, Sockets
from media.recorder import Track
from media.sealer import Sealer
from media.units import FRAME_US, slot_start
from media.vad import webrtc_detector

GATHER_S = 0.005
UTTERANCE = bytes(2 * 8_000 * 3)


def echo_in_batches(sockets: list[socket.socket], *, shared: bool) -> None:
    """The floor: recvmmsg and sendmmsg through our own `media.net`, and nothing else."""
    net, batch = Sockets(), Batch()
    for sock in sockets:
        net.add(sock.getsockname()[1], sock, shared=shared)
    while True:
        while count := net.receive(batch):
            rows = slice(count)
            net.send(batch.ports[rows], batch.data[rows], batch.lengths[rows], batch.sources[rows])
        time.sleep(GATHER_S)


def echo_plainly(sockets: list[socket.socket]) -> None:
    """recvfrom and sendto, one socket."""
    (sock,) = sockets
    sock.setblocking(True)
    while True:
        data, source = sock.recvfrom(2_048)
        sock.sendto(data, source)


class Call(asyncio.DatagramProtocol):
    """One call: jitter buffer, decoder, detector, recorder, playout and encoder of its own."""

    def __init__(self, sealer: Sealer, port: int, ssrc: int) -> None:
        self._sealer = sealer
        now = _now()
        opening = Open(
            f"l{port}", f"c{port}", CODECS["PCMU"], 0, 101, ("127.0.0.1", 9), ssrc, 0, 0, now, None
        )
        self._leg = Leg(opening, port, webrtc_detector())
        tracks = tuple(Track(party, f"{port}-{party}") for party in ("caller", "agent"))
        self._leg.do(OpenGate(opening.leg, opening.call, 1, now, tracks), now)
        self._said = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._schedule()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._leg.receive(data, addr, _now())

    def _schedule(self) -> None:
        wait = FRAME_US - _now() % FRAME_US
        asyncio.get_running_loop().call_later(wait / 1_000_000, self._tick)

    def _tick(self) -> None:
        now = _now()
        if now // 1_000_000 % 6 == 0 and self._leg.playing is None:
            self._said += 1
            self._leg.do(Play("l", f"u{self._said}", 0, False, UTTERANCE), now)
        sent = self._leg.tick(slot_start(now))
        if sent is not None:
            self._transport.sendto(*sent)
        for job in self._leg.take_jobs():
            self._sealer.offer(job)
        self._leg.take_events()
        self._schedule()


async def one_protocol_each(sockets: list[socket.socket], recordings: Path) -> None:
    """How an asyncio telephony server is usually written."""
    sealer = Sealer(Appender(recordings, secrets.token_hex(8)))
    sealer.start()
    loop = asyncio.get_running_loop()
    loop.add_reader(sealer.fileno(), sealer.results)
    for ssrc, sock in enumerate(sockets, 1):
        call = Call(sealer, sock.getsockname()[1], ssrc)
        await loop.create_datagram_endpoint(partial(_same, call), sock=sock)
    await asyncio.Event().wait()


def _same(call: Call) -> Call:
    return call


def _now() -> int:
    return time.time_ns() // 1_000


def main() -> None:
    kind, sockets = sys.argv[1], [socket.socket(fileno=int(fd)) for fd in sys.argv[2:]]
    match kind:
        case "echo-shared" | "echo-ports":
            echo_in_batches(sockets, shared=kind == "echo-shared")
        case "echo-plain":
            echo_plainly(sockets)
        case _:
            with tempfile.TemporaryDirectory() as recordings:
                asyncio.run(one_protocol_each(sockets, Path(recordings)))


if __name__ == "__main__":
    main()
