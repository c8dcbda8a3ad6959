"""A stream of bytes cut into SIP messages by their Content-Length (RFC 3261 section 18.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from telephony.sip.parser import MESSAGE_BYTES_MAX

START_LINE_BYTES_MAX = 8_192

# Between messages only (RFC 5626 section 3.5.1): the first asks for the second.
KEEP_ALIVE = b"\r\n\r\n"
PONG = b"\r\n"

_END = b"\r\n\r\n"
_NAMED = re.compile(rb"\r\n(?:content-length|l)[ \t]*:", re.IGNORECASE)
# Each class ends where the next begins: nothing here can backtrack.
_LENGTH = re.compile(_NAMED.pattern + rb"(?:[ \t]|\r\n[ \t])*([0-9]{1,8})[ \t]*(?=\r\n)", re.I)
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class FramingError(ValueError):
    """This stream is no SIP, or nobody can tell where its messages end: close it."""


class KeepAlive(Enum):
    """The peer asks whether we are there: answer with `PONG`."""

    PING = "ping"


class Framer:
    """Feed it what arrives; it yields whole messages and keep-alives, in order."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        # Of the message at the head of the buffer, once its headers have ended.
        self._size: int | None = None
        self._searched = 0

    @property
    def is_within(self) -> bool:
        """Whether a message has begun which has not ended."""
        return not KEEP_ALIVE.startswith(bytes(self._buffer[: len(KEEP_ALIVE) + 1]))

    def feed(self, data: bytes) -> Iterator[bytes | KeepAlive]:
        """To be read to its end. Raises FramingError, after what was whole before it."""
        self._buffer += data
        last: bytes | KeepAlive = b""
        while (item := self._next()) is not None:
            # Many at once are one question: answering each would be work for nothing.
            if item is not KeepAlive.PING or last is not KeepAlive.PING:
                yield item
            last = item

    def _next(self) -> bytes | KeepAlive | None:
        if self._size is None:
            if self._has_keep_alive():
                return KeepAlive.PING
            self._size = self._measured()
        if self._size is None or len(self._buffer) < self._size:
            return None
        message = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._size, self._searched = None, 0
        return message

    def _has_keep_alive(self) -> bool:
        buffer = self._buffer
        if self._searched or not buffer.startswith(PONG):
            return False
        if buffer.startswith(KEEP_ALIVE):
            del buffer[: len(KEEP_ALIVE)]
            return True
        if self.is_within:
            # A single CRLF answers ours, or stands before a message (RFC 3261 section 7.5).
            del buffer[: len(PONG)]
        return False

    def _measured(self) -> int | None:
        """The size of the message which the buffer begins with; none until its headers end."""
        buffer = self._buffer
        if not self.is_within:
            return None
        _check_start(buffer)
        end = buffer.find(_END, max(0, self._searched - len(_END)))
        self._searched = len(buffer)
        if end < 0:
            if len(buffer) > MESSAGE_BYTES_MAX:
                raise FramingError("the headers do not end")
            return None
        size = end + len(_END) + _body_length(bytes(buffer[: end + 2]))
        if size > MESSAGE_BYTES_MAX:
            raise FramingError("message too large")
        return size


def _check_start(buffer: bytearray) -> None:
    """Another protocol shows in its first line, before its sender waits for an answer."""
    end = buffer.find(b"\n", 0, START_LINE_BYTES_MAX + 1)
    line = bytes(buffer[: end if end >= 0 else START_LINE_BYTES_MAX + 1])
    if len(line) > START_LINE_BYTES_MAX:
        raise FramingError("the first line does not end")
    if _NO_TEXT.search(line.removesuffix(b"\r")) or (end >= 0 and b"SIP/" not in line.upper()):
        raise FramingError("not SIP")


def _body_length(head: bytes) -> int:
    """What Content-Length says. It must be there on a stream (RFC 3261 section 20.14)."""
    # A parser which ends lines otherwise than we do would see another message than the next one.
    if _BARE_LINE_END.search(head):
        raise FramingError("a line ends without CRLF")
    lengths = [int(digits) for digits in _LENGTH.findall(head)]
    if not lengths or len(set(lengths)) > 1 or len(lengths) != len(_NAMED.findall(head)):
        raise FramingError("not one Content-Length")
    return lengths[0]
