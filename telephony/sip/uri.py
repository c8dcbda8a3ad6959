"""SIP URIs (RFC 3261 section 19.1); those of other schemes are kept as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.grammar import PARSED_MAX, Params

DEFAULT_PORT = 5060
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_NEVER_IN_A_URI = re.compile(r'[\x00-\x20"<>\x7f]')
_END_OF_HOST = re.compile(r"[;?]")


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
        return unquote_to_bytes(self.user or "").decode(errors="surrogateescape")


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
