"""Framing between our processes: two lengths, a JSON header, a raw payload."""

import json
import struct
from collections.abc import Mapping
from typing import cast

HEADER_BYTES_MAX = 1024 * 1024
"""The "hello" of a full media process names all its legs."""

PAYLOAD_BYTES_MAX = 8 * 1024 * 1024

LENGTHS = struct.Struct(">II")

TO_JSON = json.JSONEncoder(separators=(",", ":"))
"""Made once: it takes a fifth of the time that one event does."""


class WireError(ValueError):
    """The peer's bytes are no frames: the stream cannot be trusted any further."""


def encode(header: Mapping[str, object], payload: bytes = b"") -> bytes:
    """One frame. WireError if the header or the payload exceeds its limit."""
    text = TO_JSON.encode(header).encode()
    _check_lengths(len(text), len(payload))
    return LENGTHS.pack(len(text), len(payload)) + text + payload


class Decoder:
    """Bytes in, as they come; whole frames out. Holds at most one frame and one read."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[dict[str, object], bytes]]:
        """Take bytes and return the frames they complete. WireError ends the stream."""
        self._buffer += data
        frames: list[tuple[dict[str, object], bytes]] = []
        start = 0
        while (end := self._frame_end(start)) is not None:
            frames.append(self._frame(start, end))
            start = end
        # One deletion per read: a deletion per frame would copy the rest each time.
        del self._buffer[:start]
        return frames

    def _frame_end(self, start: int) -> int | None:
        if len(self._buffer) - start < LENGTHS.size:
            return None
        header, payload = LENGTHS.unpack_from(self._buffer, start)
        _check_lengths(header, payload)
        end = start + LENGTHS.size + int(header) + int(payload)
        return end if len(self._buffer) >= end else None

    def _frame(self, start: int, end: int) -> tuple[dict[str, object], bytes]:
        header_end = start + LENGTHS.size + int(LENGTHS.unpack_from(self._buffer, start)[0])
        text = bytes(self._buffer[start + LENGTHS.size : header_end])
        return _parse_header(text), bytes(self._buffer[header_end:end])


def _check_lengths(header: int, payload: int) -> None:
    if header > HEADER_BYTES_MAX:
        raise WireError(f"header of {header} bytes; the limit is {HEADER_BYTES_MAX}")
    if payload > PAYLOAD_BYTES_MAX:
        raise WireError(f"payload of {payload} bytes; the limit is {PAYLOAD_BYTES_MAX}")


def _parse_header(text: bytes) -> dict[str, object]:
    try:
        header: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("header is not JSON") from error
    if not isinstance(header, dict):
        raise WireError("header is not a JSON object")
    return cast(dict[str, object], header)
