"""What we agreed with a carrier, or with a telephone system of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from telephony.sip.challenges import OFFERED
from telephony.sip.credentials import Credentials
from telephony.sip.digest import Algorithm
from telephony.sip.uri import Uri


class Auth(StrEnum):
    """How a call of a trunk proves whose it is."""

    ACL = "acl"
    """It comes from one of the trunk's networks."""
    DIGEST = "digest"
    """It knows the password, wherever it comes from."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Trunk:
    """`registrar` and `proxy` are hosts, with or without a port, or SIP URIs; empty for none.

    0 as `calls_max` or `cps` (new calls a second) is no limit, as `keepalive_s` no OPTIONS.
    They are challenged with `algorithms`, the first one preferred. Calls go out by the trunk
    with the lowest `prefer` first.
    """

    name: str
    peers: tuple[IPv4Network | IPv6Network, ...] = ()
    registrar: str = ""
    proxy: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    realm: str = ""
    auth: Auth = Auth.ACL
    algorithms: tuple[Algorithm, ...] = OFFERED
    calls_max: int = 0
    cps: int = 0
    srtp: str = "optional"
    codecs: tuple[str, ...] = ()
    expires_s: int = 3_600
    keepalive_s: int = 0
    prefer: int = 0
    identity: str = ""

    @property
    def credentials(self) -> Credentials | None:
        """Who we are to them."""
        if not self.username:
            return None
        return Credentials(self.username, self.password, self.realm)

    @property
    def next_hop(self) -> str:
        """The URI that our requests are sent to; empty where none can be."""
        return sip_uri(self.proxy or self.registrar)

    @property
    def domain(self) -> str:
        """The host and port in the URIs of whom we call, and of ours."""
        uri = Uri.parse(sip_uri(self.registrar or self.proxy))
        return uri.host if uri.port is None else f"{uri.host}:{uri.port}"

    @property
    def scheme(self) -> str:
        return Uri.parse(sip_uri(self.registrar or self.proxy)).scheme

    @property
    def own_uri(self) -> str:
        """Whom we say we are when we call: `identity` is a URI, a number or a user."""
        if ":" in self.identity:
            return self.identity
        return f"{self.scheme}:{self.identity or self.username or 'anonymous'}@{self.domain}"


def sip_uri(text: str) -> str:
    """`sip:example.org` for `example.org`; a SIP URI and nothing stay as they are."""
    return text if not text or text.lower().startswith(("sip:", "sips:")) else f"sip:{text}"
