"""The speech process's end of one link to a node."""

import socket
import struct
import threading
from collections.abc import Iterator

from conversation.speech.messages import Header
from media.wire import Decoder, WireError, encode

READ_BYTES = 256 * 1024
# A node which does not read for so long is lost; the next one asks again.
SEND_TIMEOUT_MS = 5_000


class Link:
    def __init__(self, sock: socket.socket, send_timeout_ms: int = SEND_TIMEOUT_MS) -> None:
        sock.settimeout(None)
        # For sending only: to wait for the next request may take for ever.
        timeout = struct.pack("ll", send_timeout_ms // 1000, send_timeout_ms % 1000 * 1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        self._socket = sock
        self._sending = threading.Lock()
        self._lost = False

    def read(self) -> Iterator[tuple[dict[str, object], bytes]]:
        """Frames as they come, until the node is gone or talks nonsense."""
        decoder = Decoder()
        try:
            while data := self._socket.recv(READ_BYTES):
                yield from decoder.feed(data)
        except (OSError, WireError):
            return  # The keeper brings the next link.

    def send(self, header: Header, payload: bytes = b"") -> None:
        """One frame from any thread. Dropped if the node is lost: it will ask again."""
        frame = encode(header, payload)
        with self._sending:
            if self._lost:
                return
            try:
                self._socket.sendall(frame)
            except OSError:
                # Part of the frame may be out: nothing can follow it.
                self._end()

    def close(self) -> None:
        with self._sending:
            self._end()

    def _end(self) -> None:
        if not self._lost:
            self._lost = True
            self._socket.close()
