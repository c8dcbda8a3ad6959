"""SIP requests and responses: their typed parts, and their bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from telephony.address import Address
from telephony.sip import grammar
from telephony.sip.errors import GrammarError, HeaderError
from telephony.sip.headers import Headers, written
from telephony.sip.name_addr import NameAddr
from telephony.sip.via import Via

CSEQ_MAX = 2**31 - 1
ROUTES_MAX = 20


class CSeq(NamedTuple):
    number: int
    method: str


@dataclass(frozen=True, slots=True)
class _Message:
    headers: Headers
    body: bytes = field(default=b"", kw_only=True)

    def required(self, name: str) -> str:
        if (value := self.headers.get(name)) is None:
            raise GrammarError(f"no {name}")
        return value

    @property
    def via(self) -> Via:
        """The topmost Via."""
        return Via.parse(grammar.first(self.required("via")))

    @property
    def from_(self) -> NameAddr:
        return NameAddr.parse(self.required("from"))

    @property
    def to(self) -> NameAddr:
        return NameAddr.parse(self.required("to"))

    @property
    def call_id(self) -> str:
        return self.required("call-id")

    @property
    def cseq(self) -> CSeq:
        parts = self.required("cseq").split()
        if len(parts) != 2 or not grammar.is_token(parts[1]):
            raise GrammarError("bad CSeq")
        return CSeq(grammar.number(parts[0], CSEQ_MAX), parts[1])

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact; none where it is absent or `*`."""
        value = self.headers.get("contact")
        if value is None or value == "*":
            return None
        return NameAddr.parse(grammar.first(value))

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return (self.headers.get("content-type") or "").partition(";")[0].strip().lower()

    def values(self, name: str) -> list[str]:
        """All values of a comma-separated header, over all its lines."""
        lines = self.headers.all(name)
        return [part for line in lines for part in grammar.split(line, ",", ROUTES_MAX) if part]

    def _bytes(self, start_line: str) -> bytes:
        if "\r" in start_line or "\n" in start_line:
            raise HeaderError("start line cannot be sent")
        lines = self.headers.without("content-length").lines
        length = ("Content-Length", str(len(self.body)))
        head = f"{start_line}\r\n{written((*lines, length))}\r\n"
        return head.encode(errors="surrogateescape") + self.body


@dataclass(frozen=True, slots=True)
class Request(_Message):
    """A request. Text holds bytes which are not UTF-8 as surrogate escapes."""

    method: str = field(kw_only=True)
    uri: str = field(kw_only=True)

    @property
    def vias(self) -> tuple[str, ...]:
        return self.headers.all("via")

    def seen_from(self, source: Address) -> Request:
        """The request with `received` and `rport` noted in its topmost Via (RFC 3581)."""
        line = self.required("via")
        top = grammar.first(line)
        rest = line[line.index(top) + len(top) :]
        marked = Via.parse(top).seen_from(source)
        return replace(self, headers=self.headers.replaced("via", f"{marked}{rest}"))

    def __bytes__(self) -> bytes:
        return self._bytes(f"{self.method} {self.uri} SIP/2.0")


@dataclass(frozen=True, slots=True)
class Response(_Message):
    status: int = field(kw_only=True)
    reason: str = field(kw_only=True)

    def __bytes__(self) -> bytes:
        return self._bytes(f"SIP/2.0 {self.status} {self.reason}")


Message = Request | Response
