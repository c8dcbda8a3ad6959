"""SIP URIs (RFC 3261 section 19.1); those of other schemes are kept as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.grammar import PARSED_MAX, Params
from telephony.sip.headers import Lines

DEFAULT_PORT = 5060
HEADERS_MAX = 16
HEADER_CHARS_MAX = 2_048
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_NEVER_IN_A_URI = re.compile(r'[\x00-\x20"<>\x7f]')
_END_OF_HOST = re.compile(r"[;?]")
_NEVER_IN_A_HEADER = re.compile(r"[\x00-\x1f\x7f]")
# What stands for itself in a header of a URI (`hnv-unreserved` is left out: not all read it so).
_UNRESERVED = "-_.!~*'()"


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI and its parts. `text` is what was received; only SIP URIs have a host."""

    text: str
    scheme: str
    user: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: str = ""

    @staticmethod
    @lru_cache(PARSED_MAX)
    def parse(text: str) -> Uri:
        scheme, colon, rest = text.partition(":")
        if not colon or not _SCHEME.fullmatch(scheme) or _NEVER_IN_A_URI.search(rest) or not rest:
            raise GrammarError("bad URI")
        scheme = scheme.lower()
        return _sip(text, scheme, rest) if scheme in ("sip", "sips") else Uri(text, scheme)

    @property
    def is_sip(self) -> bool:
        return self.scheme in ("sip", "sips")

    @property
    def is_loose_router(self) -> bool:
        """Whether it has the `lr` parameter (RFC 3261 section 19.1.1)."""
        return grammar.param(self.params, "lr") is not None

    @property
    def user_unescaped(self) -> str:
        """The user part with its %HH escapes resolved."""
        return _unescaped(self.user or "")

    @property
    def header_lines(self) -> Lines:
        """The headers which a request to it is to have, unescaped (section 19.1.1).

        GrammarError where one is none, or there are too many: they come from a stranger.
        """
        if not self.headers:
            return ()
        pairs = self.headers.split("&", HEADERS_MAX)
        if len(pairs) > HEADERS_MAX or len(self.headers) > HEADER_CHARS_MAX:
            raise GrammarError("too many headers in URI")
        return tuple(_header(pair) for pair in pairs)

    @property
    def without_headers(self) -> str:
        return self.text[: -len(self.headers) - 1] if self.headers else self.text


def with_header(uri: str, name: str, value: str) -> str:
    """A URI that asks for a header in the request which is sent to it."""
    mark = "&" if "?" in uri else "?"
    return f"{uri}{mark}{name}={quote(value, safe=_UNRESERVED)}"


def _unescaped(text: str) -> str:
    escaped = text.encode(errors="surrogateescape")
    return unquote_to_bytes(escaped).decode(errors="surrogateescape")


def _header(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    name, value = _unescaped(name), _unescaped(value)
    # An escaped line end would begin a header of its own.
    if not equals or not grammar.is_token(name) or _NEVER_IN_A_HEADER.search(value):
        raise GrammarError("bad header in URI")
    return name, value


def _sip(text: str, scheme: str, rest: str) -> Uri:
    # An @ elsewhere than before the host must be escaped, so the last one is it.
    user, at, rest = rest.rpartition("@")
    if at and not user:
        raise GrammarError("empty user in URI")
    found = _END_OF_HOST.search(rest)
    end = found.start() if found else len(rest)
    host, port = grammar.host_and_port(rest[:end])
    parameters, _, headers = rest[end:].partition("?")
    return Uri(text, scheme, user if at else None, host, port, grammar.params(parameters), headers)
