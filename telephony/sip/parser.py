"""Datagrams into messages. Limits come first; what is wrong still says how to answer it."""

from __future__ import annotations

from dataclasses import replace

from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.headers import Headers
from telephony.sip.message import Message, Request, Response
from telephony.sip.uri import Uri

MESSAGE_BYTES_MAX = 65_536
LINE_BYTES_MAX = 8_192
HEADERS_MAX = 200
# With continuations (RFC 3261 section 7.3.1).
LINES_MAX = 1_000
VIAS_MAX = 50
# Of a Call-ID, tag or branch: they are kept in memory and in rows.
IDENTITY_MAX = 1_024

BAD_REQUEST = 400
VERSION_NOT_SUPPORTED = 505

_SINGLE = ("call-id", "cseq", "from", "to", "content-length", "content-type", "max-forwards")
_NEEDED_TO_ANSWER = ("via", "from", "to", "call-id", "cseq")


class MessageError(ValueError):
    """A message which is not SIP. `request` is there when it can be answered with `status`."""

    def __init__(
        self, reason: str, status: int = BAD_REQUEST, request: Request | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.request = request


def parse(datagram: bytes) -> Message:
    """Read the one message of a datagram; MessageError when it is none."""
    if len(datagram) > MESSAGE_BYTES_MAX:
        raise MessageError("message too large")
    # CRLF before a start line is a keep-alive (RFC 3261 section 7.5).
    start_line, lines, body = _lines(datagram.lstrip(b"\r\n"))
    if not start_line:
        raise MessageError("empty")
    try:
        headers = _headers(lines)
    except GrammarError as error:
        raise MessageError(str(error)) from error
    if start_line[:4].upper() == "SIP/":
        return _response(start_line, headers, body)
    return _request(start_line, headers, body)


def _lines(data: bytes) -> tuple[str, list[str], bytes]:
    """Return the start line, the unfolded header lines, and what follows the empty line."""
    if data.count(b"\n", 0, data.find(b"\r\n\r\n") + 1 or len(data)) > LINES_MAX:
        raise MessageError("too many lines")
    unfolded: list[list[str]] = []
    at = 0
    while (end := data.find(b"\n", at, at + LINE_BYTES_MAX)) >= 0:
        line = data[at:end].removesuffix(b"\r").decode(errors="surrogateescape")
        at = end + 1
        if not line:
            return _joined(unfolded, data[at:])
        if line[0] in " \t" and unfolded:
            unfolded[-1].append(line.strip(grammar.LWS))
        else:
            unfolded.append([line])
        if len(unfolded) > HEADERS_MAX + 1:
            raise MessageError("too many headers")
    if len(data) - at >= LINE_BYTES_MAX:
        raise MessageError("line too long")
    # The empty line is missing: accepted where the datagram ends after a whole line.
    if at != len(data):
        raise MessageError("cut off in the headers")
    return _joined(unfolded, b"")


def _joined(unfolded: list[list[str]], body: bytes) -> tuple[str, list[str], bytes]:
    lines = [" ".join(parts) for parts in unfolded]
    if any("\r" in line or len(line) > LINE_BYTES_MAX for line in lines):
        raise MessageError("bad line")
    return (lines[0], lines[1:], body) if lines else ("", [], b"")


def _headers(lines: list[str]) -> Headers:
    pairs: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(grammar.LWS)
        if not colon or not grammar.is_token(name):
            raise GrammarError("bad header line")
        pairs.append((name, value.strip(grammar.LWS)))
    return Headers(pairs)


def _response(start_line: str, headers: Headers, body: bytes) -> Response:
    version, _, rest = start_line.partition(" ")
    status, _, reason = rest.partition(" ")
    try:
        if version.upper() != "SIP/2.0" or not grammar.number(status, 699) >= 100:
            raise GrammarError("bad status line")
        response = Response(headers, status=int(status), reason=reason)
        _check_common(response)
        return replace(response, body=_body(headers, body))
    except GrammarError as error:
        raise MessageError(str(error)) from error


def _request(start_line: str, headers: Headers, body: bytes) -> Request:
    method = start_line.partition(" ")[0]
    uri, _, version = start_line[len(method) + 1 :].rpartition(" ")
    request = Request(headers, method=method, uri=uri)
    partial = request if _can_be_answered(request) else None
    if version.upper().startswith("SIP/") and version.upper() != "SIP/2.0":
        raise MessageError("SIP version not supported", VERSION_NOT_SUPPORTED, partial)
    try:
        if version.upper() != "SIP/2.0" or not grammar.is_token(method):
            raise GrammarError("bad request line")
        _check_common(request)
        _check_request(request)
        return replace(request, body=_body(headers, body))
    except GrammarError as error:
        raise MessageError(str(error), BAD_REQUEST, partial) from error


def _can_be_answered(request: Request) -> bool:
    # An ACK is never answered (RFC 3261 section 17.1.1.2).
    if request.method == "ACK":
        return False
    return all(request.headers.get(name) for name in _NEEDED_TO_ANSWER)


def _check_common(message: Message) -> None:
    headers = message.headers
    for name in _SINGLE:
        if len(set(headers.all(name))) > 1:
            raise GrammarError(f"more than one {name}")
    vias = headers.all("via")
    if len(vias) + sum(line.count(",") for line in vias) > VIAS_MAX:
        raise GrammarError("too many Via")
    identity = (message.via.branch, message.from_.tag, message.to.tag, message.call_id)
    # These name rows and transactions, so they have to be plain text.
    if not message.call_id or not all(_is_plain(text) for text in identity):
        raise GrammarError("bad Call-ID, tag or branch")
    _ = message.cseq


def _is_plain(text: str) -> bool:
    return len(text) <= IDENTITY_MAX and text.isascii() and text.isprintable()


def _check_request(request: Request) -> None:
    if request.cseq.method != request.method:
        raise GrammarError("CSeq names another method")
    if Uri.parse(request.uri).headers:
        raise GrammarError("Request-URI has headers")
    if (forwards := request.headers.get("max-forwards")) is not None:
        grammar.number(forwards, 255)
    _ = request.contact


def _body(headers: Headers, received: bytes) -> bytes:
    """Cut the body to its Content-Length (RFC 3261 section 18.3)."""
    if (length := headers.get("content-length")) is None:
        return received
    expected = grammar.number(length, MESSAGE_BYTES_MAX)
    if expected > len(received):
        raise GrammarError("body shorter than its Content-Length")
    return received[:expected]
