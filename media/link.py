"""The media process's end of the link to the node: it never waits, and never grows."""

import socket
from contextlib import suppress

from media.outbox import Event, Outbox
from media.wire import Decoder, WireError, encode

READ_BYTES = 256 * 1024
WRITE_BYTES = 64 * 1024
BUFFER_BYTES_MAX = 1024 * 1024
"""Above this nothing is added: transient events are dropped, kept ones wait in the outbox."""


class LinkLost(Exception):
    """The node is gone, or talks nonsense."""


class NodeLink:
    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.dropped = 0
        self._decoder = Decoder()
        self._buffer = bytearray()
        self._last_kept = 0

    @property
    def wants_to_write(self) -> bool:
        return bool(self._buffer)

    def read(self) -> list[tuple[dict[str, object], bytes]]:
        """The commands that have come in. LinkLost if there will be no more."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            raise LinkLost(str(error)) from error
        if not data:
            raise LinkLost("closed by the node")
        try:
            return self._decoder.feed(data)
        except WireError as error:
            raise LinkLost(str(error)) from error

    def send(self, event: Event) -> None:
        """Queue a transient event, or drop it if the node does not keep up."""
        if len(self._buffer) >= BUFFER_BYTES_MAX:
            self.dropped += 1
        else:
            self._buffer += encode(event.header, event.payload)

    def send_kept(self, outbox: Outbox) -> None:
        """Queue the kept events this link has not sent yet, as far as there is room."""
        for name, event in outbox.after(self._last_kept):
            if len(self._buffer) >= BUFFER_BYTES_MAX:
                return
            self._buffer += encode(event.header, event.payload)
            self._last_kept = name

    def flush(self) -> None:
        """Write what the socket takes. LinkLost if the node is gone."""
        while self._buffer:
            try:
                sent = self.socket.send(self._buffer[:WRITE_BYTES])
            except BlockingIOError:
                return
            except OSError as error:
                raise LinkLost(str(error)) from error
            del self._buffer[:sent]

    def close(self) -> None:
        with suppress(OSError):
            self.socket.close()
