"""How a message travels: the transport, where of ours, where of theirs (RFC 3261 section 18)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from telephony.address import Address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def is_reliable(self) -> bool:
        """Whether it repeats what is lost, so that we need not."""
        return self is not Transport.UDP

    @property
    def default_port(self) -> int:
        return 5061 if self is Transport.TLS else 5060


class Hop(NamedTuple):
    """Where a request can be sent: an address which a name was resolved to (RFC 3263).

    `name` is what a TLS server there has to prove that it is; empty: the address itself.
    """

    transport: Transport
    address: Address
    name: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A path between two addresses. `local` is the listener's: of a connection which we opened,
    the listener we are reached at. Of one which they opened, `remote` may be a passing port.
    `name` is the hop's.
    """

    transport: Transport
    local: Address
    remote: Address
    name: str = ""

    def to(self, remote: Address) -> Flow:
        return replace(self, remote=remote)


@dataclass(frozen=True, slots=True)
class Listener:
    """Where we are reached: the address that is bound, and what peers are told of it.

    Those on this side of a NAT are told `inside` instead, where there is one.
    """

    transport: Transport
    bound: Address
    advertised: Address
    inside: Address | None = None

    @staticmethod
    def udp(address: Address) -> Listener:
        """One that is told of as it is bound."""
        return Listener(Transport.UDP, address, address)

    def sent_by(self, is_inside: bool = False) -> str:
        return written(self.inside or self.advertised if is_inside else self.advertised)


def is_within(host: str, networks: Sequence[Network]) -> bool:
    """Whether an address belongs to one of these networks; a name belongs to none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def written(address: Address) -> str:
    """Host and port as SIP writes them: an IPv6 address stands in brackets."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def is_ip(host: str) -> bool:
    """Whether it is an address, so that sending to it asks no name server."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
