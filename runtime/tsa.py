"""The time-stamping authority over HTTP (RFC 3161 section 3.4), within one deadline."""

import asyncio
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509 import Certificate

from runtime import timestamps
from runtime.timestamps import TOKEN_BYTES_MAX, NotStamped

ANSWER_S_MAX = 15.0
HEADER_BYTES_MAX = 16 * 1024
MEDIA_TYPE = "application/timestamp-reply"


async def stamped(url: str, certificate: Path | None, note: str) -> tuple[timestamps.Stamp, bytes]:
    """A stamp on the note, checked, and its token. NotStamped for any reason there is none."""
    trusted = [] if certificate is None else trusted_in(certificate)
    query = timestamps.query(note)
    token = await ask(url, query.der)
    return timestamps.check(token, note, trusted, query.nonce), token


def trusted_in(path: Path) -> list[Certificate]:
    """The certificates of a PEM file. NotStamped where it holds none."""
    try:
        return timestamps.certificates(path.read_bytes())
    except OSError as error:
        raise NotStamped(f"{path} cannot be read: {error.strerror}") from error


async def ask(url: str, query: bytes, within_s: float = ANSWER_S_MAX) -> bytes:
    """POST the query; answers the body of the reply. NotStamped where there is none in time."""
    try:
        async with asyncio.timeout(within_s):
            reply = await _exchange(url, query)
    except TimeoutError as error:
        raise NotStamped(f"{url} did not answer within {within_s:g} s") from error
    except (OSError, ValueError) as error:
        raise NotStamped(f"{url} cannot be asked: {error}") from error
    return _body(url, reply)


async def _exchange(url: str, query: bytes) -> bytes:
    parts = urlsplit(url)
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if secure else 80)
    if parts.hostname is None:
        raise ValueError("the address names no host")
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(_request(target, parts.netloc.rpartition("@")[2], query) + query)
        await writer.drain()
        # HTTP/1.0: the reply ends where the connection does, and comes in one piece.
        content = b""
        while len(content) <= HEADER_BYTES_MAX + TOKEN_BYTES_MAX:
            more = await reader.read(TOKEN_BYTES_MAX)
            if not more:
                return content
            content += more
        raise ValueError("it answers with too many bytes")
    finally:
        writer.transport.abort()


def _request(target: str, host: str, query: bytes) -> bytes:
    lines = [
        f"POST {target} HTTP/1.0",
        f"Host: {host}",
        "Content-Type: application/timestamp-query",
        f"Content-Length: {len(query)}",
        f"Accept: {MEDIA_TYPE}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _body(url: str, reply: bytes) -> bytes:
    head, blank, body = reply.partition(b"\r\n\r\n")
    first, *headers = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if not blank or not first.startswith("HTTP/1.") or len(words) < 2:
        raise NotStamped(f"{url} does not answer in HTTP")
    if words[1] != "200":
        raise NotStamped(f"{url} answers {' '.join(words[1:])[:80]!r}")
    named = [line.lower().partition(":")[::2] for line in headers]
    kind = next((value for name, value in named if name == "content-type"), "")
    if kind.partition(";")[0].strip() != MEDIA_TYPE:
        raise NotStamped(f"{url} answers with {kind.strip()[:80]!r}, not with a time stamp")
    return body
