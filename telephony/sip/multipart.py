"""A body of several parts (RFC 2046 section 5.1, RFC 5621): a description, and what is beside."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TypeVar

from telephony.sip.message import Request, Response

SDP = "application/sdp"
MIXED = "multipart/mixed"
PARTS_MAX = 16
BOUNDARY_CHARS_MAX = 70
CRLF = b"\r\n"

M = TypeVar("M", Request, Response)


def composed(sdp: bytes, enclosed: bytes) -> tuple[str, bytes]:
    """The content type and the body of a message of ours; no type where it has no body.

    `enclosed` is a whole part: its header lines, an empty line, its content.
    """
    if not enclosed:
        return (SDP if sdp else ""), sdp
    described = b"Content-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n" + sdp
    parts = [described, enclosed] if sdp else [enclosed]
    # The same parts again are the same bytes, as a request sent again after a restart has to be;
    # and no part can hold the hash of itself.
    boundary = hashlib.sha256(CRLF.join(parts)).hexdigest()[:32]
    line = b"--" + boundary.encode()
    body = b"".join(line + CRLF + part + CRLF for part in parts)
    return f'{MIXED};boundary="{boundary}"', body + line + b"--" + CRLF


def part(content_type: str, disposition: str, content: bytes) -> bytes:
    """A part to be enclosed."""
    head = f"Content-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + content


def opened(message: M) -> tuple[M, dict[str, bytes]]:
    """The message with its description alone for a body, and what was beside it, by media type.

    What is no well-formed multipart/mixed is left as it is: it is refused where it is understood.
    """
    if message.content_type != MIXED:
        beside = {message.content_type: message.body} if message.body else {}
        return message, {kind: body for kind, body in beside.items() if kind != SDP}
    found = _parts(message.headers.get("content-type") or "", message.body)
    if found is None:
        return message, {}
    body = found.pop(SDP, b"")
    headers = message.headers.replaced("content-type", SDP)
    return replace(message, headers=headers, body=body), found


def _parts(content_type: str, body: bytes) -> dict[str, bytes] | None:
    boundary = _boundary(content_type)
    if not boundary:
        return None
    line = b"--" + boundary.encode(errors="surrogateescape")
    _, *pieces = (CRLF + body).split(CRLF + line, PARTS_MAX + 1)
    if not pieces or len(pieces) > PARTS_MAX or not pieces[-1].startswith(b"--"):
        return None
    parts: dict[str, bytes] = {}
    for piece in pieces[:-1]:
        head, empty, content = piece.partition(CRLF + CRLF)
        if empty:
            # Of two of a kind the first counts.
            parts.setdefault(_type(head), content)
    return parts


def _boundary(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "boundary":
            text = value.strip().strip('"')
            return text if len(text) <= BOUNDARY_CHARS_MAX else ""
    return ""


def _type(head: bytes) -> str:
    """The media type that the header lines of a part name; text is what it is by default."""
    for line in head.decode(errors="replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return "text/plain"
