"""The Via header (RFC 3261 section 20.42, RFC 3581)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from telephony.address import Address
from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.grammar import LWS, PARSED_MAX, Params
from telephony.sip.uri import DEFAULT_PORT

MAGIC_COOKIE = "z9hG4bK"


@dataclass(frozen=True, slots=True)
class Via:
    """One hop: the transport, the sent-by host and port, and parameters."""

    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    @staticmethod
    @lru_cache(PARSED_MAX)
    def parse(text: str) -> Via:
        protocol, *parameters = text.split(";", 1)
        name, version, rest = _protocol(protocol)
        if name.upper() != "SIP" or not grammar.is_token(version):
            raise GrammarError("bad Via protocol")
        transport, *sent_by = rest.split(None, 1)
        if not grammar.is_token(transport) or not sent_by:
            raise GrammarError("bad Via sent-by")
        host, port = grammar.host_and_port(sent_by[0].strip(LWS))
        values = grammar.params(";" + parameters[0]) if parameters and parameters[0].strip() else ()
        return Via(transport.upper(), host, port, values)

    @property
    def branch(self) -> str:
        return grammar.param(self.params, "branch") or ""

    @property
    def asks_for_rport(self) -> bool:
        return grammar.param(self.params, "rport") is not None

    @property
    def response_address(self) -> Address:
        """Where a response goes: RFC 3261 section 18.2.2 and RFC 3581 section 4.

        The `maddr` parameter is not honoured: it would let a stranger aim our responses.
        """
        host = grammar.param(self.params, "received") or self.host
        port = grammar.param(self.params, "rport") or ""
        return Address(
            host.strip("[]"),
            grammar.number(port, grammar.PORT_MAX) if port else self.port or DEFAULT_PORT,
        )

    def seen_from(self, source: Address) -> Via:
        """Note the address which the request really came from."""
        # What the sender wrote into `received` must never direct our response.
        kept = tuple(pair for pair in self.params if pair[0].lower() not in ("received", "rport"))
        if self.asks_for_rport:
            noted: Params = (("received", source.host), ("rport", str(source.port)))
        elif self.host.strip("[]") != source.host:
            noted = (("received", source.host),)
        else:
            noted = ()
        return replace(self, params=kept + noted)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{grammar.written(self.params)}"


def _protocol(text: str) -> tuple[str, str, str]:
    name, first, rest = text.partition("/")
    version, second, rest = rest.partition("/")
    if not first or not second or not rest.strip(LWS):
        raise GrammarError("bad Via protocol")
    return name.strip(LWS), version.strip(LWS), rest.strip(LWS)
