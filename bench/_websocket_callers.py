"""Callers over websockets (RFC 6455), as Twilio streams media: JSON around µ-law in base64."""

import base64
import json
import os
import socket
import time
from dataclasses import dataclass, field

from bench._callers import CYCLE_FRAMES, cycle
from media.units import FRAME_US

MASK = b"\0\0\0\0"
"""A client has to mask what it sends; with zeros nothing changes."""

TEXT, SHORT_MAX = 0x81, 125
READ_BYTES = 1 << 18


def frame(text: bytes) -> bytes:
    """One masked text frame."""
    assert SHORT_MAX < len(text) < 1 << 16, "the length takes two octets"
    return bytes([TEXT, 0x80 | 126]) + len(text).to_bytes(2, "big") + MASK + text


@dataclass
class WebsocketCallers:
    """Streams of talk spurts to one server; packets that come back are counted by their bytes."""

    port: int
    calls: int
    speech_frames: int
    sent: int = 0
    received_bytes: int = 0
    _sockets: list[socket.socket] = field(default_factory=list[socket.socket])

    def connect(self) -> None:
        packets = [
            {"event": "media", "media": {"payload": base64.b64encode(octets.tobytes()).decode()}}
            for octets in cycle(self.speech_frames)
        ]
        self._frames = [frame(json.dumps(packet).encode()) for packet in packets]
        for _ in range(self.calls):
            sock = socket.create_connection(("127.0.0.1", self.port))
            key = base64.b64encode(os.urandom(16)).decode()
            sock.sendall(
                f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            assert b" 101 " in sock.recv(4_096), "the server does not speak websocket"
            sock.setblocking(False)
            self._sockets.append(sock)

    def run(self, seconds: float) -> None:
        """Send every 20 ms, each call once; read what comes back."""
        began = time.monotonic_ns() // 1_000
        for n in range(int(seconds * 1_000_000) // FRAME_US):
            for call, sock in enumerate(self._sockets):
                sock.send(self._frames[(n + 37 * call) % CYCLE_FRAMES])
                self.sent += 1
                self._read(sock)
            due = began + (n + 1) * FRAME_US
            time.sleep(max(0, due - time.monotonic_ns() // 1_000) / 1_000_000)

    def _read(self, sock: socket.socket) -> None:
        try:
            self.received_bytes += len(sock.recv(READ_BYTES))
        except BlockingIOError:
            return

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()
