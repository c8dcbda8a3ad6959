"""TLS of one connection in memory: bytes of the wire in and out, no socket."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

# What OpenSSL is given at a time: its memory never shrinks below the most that it held.
PIECE_BYTES = 16_384


class TlsStream:
    """What is to be sent waits in `pending`. Broken TLS raises ssl.SSLError; then it is over.

    Nothing is allocated for a peer which has not said anything yet.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        """`server_name` is whom we ask for; none where we are the server."""
        self._context = context
        self._server_name = server_name
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self.is_open = False
        """Whether the handshake is done."""
        self.is_over = False
        """Whether the peer has said that nothing more will come."""

    def begin(self) -> None:
        """Say hello, as a client."""
        self._shake_hands(self._object())

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes of the wire; what they were sent for, piece by piece, or nothing yet."""
        tls = self._object()
        for start in range(0, len(data), PIECE_BYTES):
            self._incoming.write(data[start : start + PIECE_BYTES])
            if not self.is_open:
                self._shake_hands(tls)
            yield b"".join(self._read(tls)) if self.is_open else b""

    def seal(self, data: bytes) -> None:
        """Encrypt what is to be sent."""
        left = memoryview(data)
        while left:
            # One record at a time.
            left = left[self._object().write(left) :]

    def say_goodbye(self) -> None:
        """Nothing more will come of us. What the peer still has to say is not waited for."""
        if not self.is_open:
            return
        try:
            self._object().unwrap()
        except ssl.SSLError:
            return  # They have not said the same yet.

    def pending(self) -> bytes:
        """What is to be sent now."""
        return self._outgoing.read()

    @property
    def peer_certificate(self) -> dict[str, Any]:
        """As `ssl` decodes it; empty where there is none."""
        return self._object().getpeercert() or {}

    def _object(self) -> ssl.SSLObject:
        if self._tls is None:
            self._tls = self._context.wrap_bio(
                self._incoming,
                self._outgoing,
                server_side=self._server_name is None,
                server_hostname=self._server_name,
            )
        return self._tls

    def _shake_hands(self, tls: ssl.SSLObject) -> None:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.is_open = True

    def _read(self, tls: ssl.SSLObject) -> Iterator[bytes]:
        while not self.is_over:
            try:
                data = tls.read(PIECE_BYTES)
            except ssl.SSLWantReadError:
                return
            self.is_over = not data
            if data:
                yield data
