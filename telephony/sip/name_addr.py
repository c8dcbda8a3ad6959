"""From, To, Contact, Route: a URI with a display name and parameters (RFC 3261 section 20.10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.grammar import LWS, PARSED_MAX, Params
from telephony.sip.uri import Uri

_NOT_UNQUOTED = frozenset(',;"<>@')


@dataclass(frozen=True, slots=True)
class NameAddr:
    """`"display" <uri>;params`, or `uri;params`."""

    display: str
    uri: Uri
    params: Params = ()

    @staticmethod
    @lru_cache(PARSED_MAX)
    def parse(text: str) -> NameAddr:
        text = text.strip(LWS)
        after_display = grammar.end_of_quoted(text, 0) if text.startswith('"') else 0
        opening = text.find("<", after_display)
        return _addr_spec(text) if opening < 0 else _name_addr(text, opening, after_display)

    @property
    def tag(self) -> str:
        """The tag, or "" when there is none."""
        return grammar.param(self.params, "tag") or ""

    def __str__(self) -> str:
        display = grammar.quote(self.display) + " " if self.display else ""
        return f"{display}<{self.uri.text}>{grammar.written(self.params)}"


def _name_addr(text: str, opening: int, after_display: int) -> NameAddr:
    if after_display:
        if text[after_display:opening].strip(LWS):
            raise GrammarError("text after the display name")
        display = grammar.unquote(text)
    else:
        display = text[:opening].rstrip(LWS)
        if not _NOT_UNQUOTED.isdisjoint(display):
            raise GrammarError("display name must be quoted")
    end = grammar.end_of_angle(text, opening)
    return NameAddr(display, Uri.parse(text[opening + 1 : end - 1]), grammar.params(text[end:]))


def _addr_spec(text: str) -> NameAddr:
    address, semicolon, parameters = text.partition(";")
    # A URI with a comma or question mark must stand in angle brackets (section 20.10).
    if "," in address or "?" in address:
        raise GrammarError("URI must be in angle brackets")
    return NameAddr("", Uri.parse(address.rstrip(LWS)), grammar.params(semicolon + parameters))
