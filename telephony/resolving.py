"""Where a SIP URI leads (RFC 3263): which questions to ask, and in which order to try the answers.

`hops` asks by yielding a `Question` and is sent the records which answer it, of the kind asked
for; none where there are none. So it is tried without a name server, and without chance.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from telephony.address import Address
from telephony.flow import Hop, Transport, is_ip
from telephony.sip.dialog import transport_of
from telephony.sip.grammar import param
from telephony.sip.uri import Uri

HOPS_MAX = 16
# Of one answer, and of all answers about one URI.
RECORDS_MAX = 64
QUESTIONS_MAX = 24


class Kind(StrEnum):
    NAPTR = "NAPTR"
    SRV = "SRV"
    A = "A"
    AAAA = "AAAA"


class Question(NamedTuple):
    name: str
    kind: Kind


class Naptr(NamedTuple):
    """RFC 3403 section 4.1, as far as SIP uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(NamedTuple):
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    target: str


class Host(NamedTuple):
    """An A or AAAA record."""

    address: str


Record = Naptr | Srv | Host
Asking = Generator[Question, Sequence[Record], list[Hop]]

SERVICES: Mapping[str, Transport] = MappingProxyType(
    {"SIP+D2U": Transport.UDP, "SIP+D2T": Transport.TCP, "SIPS+D2T": Transport.TLS}
)
# Where a domain does not say what it prefers, this is asked for in turn.
PREFIXES: Mapping[Transport, str] = MappingProxyType(
    {Transport.UDP: "_sip._udp", Transport.TCP: "_sip._tcp", Transport.TLS: "_sips._tcp"}
)


@dataclass(frozen=True, slots=True)
class Means:
    """What we can send by: transports, and kinds of addresses in the order of preference."""

    transports: tuple[Transport, ...] = tuple(Transport)
    families: tuple[Kind, ...] = (Kind.A, Kind.AAAA)


ANY_MEANS = Means()


class Service(NamedTuple):
    """What a transport of a domain is found under."""

    transport: Transport
    name: str


def hops(uri: Uri, means: Means, chance: Callable[[int], int]) -> Asking:
    """All places to try, best first. `chance(n)` is one of 0 to n, each as likely."""
    name = uri.host.strip("[]").rstrip(".").lower()
    named = transport_of(uri)
    if is_ip(name):
        return [Hop(named, Address(name, uri.port or named.default_port))]
    if uri.port is not None:
        found = yield from _at(name, means)
        return [_hop(named, host, uri.port, name) for host in found][:HOPS_MAX]
    services = yield from _services(uri, name, means)
    places: list[Hop] = []
    is_served = False
    for service in services:
        answer = yield Question(service.name, Kind.SRV)
        records = [record for record in answer if isinstance(record, Srv)][:RECORDS_MAX]
        is_served = is_served or bool(records)
        for record in by_priority(records, chance):
            found = yield from _at(record.target, means)
            places += [_hop(service.transport, at, record.port, name) for at in found]
        if len(places) >= HOPS_MAX:
            break
    if not is_served:
        # No SRV record at all: the domain's own address (section 4.2).
        found = yield from _at(name, means)
        places = [_hop(named, host, named.default_port, name) for host in found]
    return places[:HOPS_MAX]


def _services(
    uri: Uri, name: str, means: Means
) -> Generator[Question, Sequence[Record], list[Service]]:
    """The transports to try, in order (section 4.1)."""
    allowed = [Transport.TLS] if uri.scheme == "sips" else list(means.transports)
    if param(uri.params, "transport") is not None:
        allowed = [transport_of(uri)]
    else:
        answer = yield Question(name, Kind.NAPTR)
        chosen = by_order([record for record in answer if isinstance(record, Naptr)], allowed)
        if chosen:
            return chosen
    return [Service(transport, f"{PREFIXES[transport]}.{name}") for transport in allowed]


def _at(name: str, means: Means) -> Generator[Question, Sequence[Record], list[str]]:
    if is_ip(name):
        return [name]
    found: list[str] = []
    for family in means.families:
        answer = yield Question(name, family)
        found += [record.address for record in answer if isinstance(record, Host)]
    return found[:RECORDS_MAX]


def by_order(records: Sequence[Naptr], allowed: Sequence[Transport]) -> list[Service]:
    """Of NAPTR records those which lead to SRV records of transports that we have."""
    usable = [
        record
        for record in sorted(records[:RECORDS_MAX], key=lambda one: (one.order, one.preference))
        if record.flags.lower() == "s" and SERVICES.get(record.service.upper()) in allowed
    ]
    named = (Service(SERVICES[one.service.upper()], _host(one.replacement)) for one in usable)
    return list(dict.fromkeys(named))


def by_priority(records: Iterable[Srv], chance: Callable[[int], int]) -> list[Srv]:
    """The lowest priority first; among equals each is drawn by its weight (RFC 2782)."""
    # A record which names the root says that the service is not there.
    there = [one._replace(target=_host(one.target)) for one in records if _host(one.target)]
    ordered: list[Srv] = []
    for priority in sorted({one.priority for one in there}):
        # Those without a weight come first, so that they have a chance at all.
        equals = sorted((one for one in there if one.priority == priority), key=lambda r: r.weight)
        while equals:
            drawn = _drawn(equals, chance(sum(one.weight for one in equals)))
            ordered.append(equals.pop(drawn))
    return ordered


def _drawn(equals: Sequence[Srv], mark: int) -> int:
    total = 0
    for at, record in enumerate(equals):
        total += record.weight
        if total >= mark:
            return at
    return len(equals) - 1


def _hop(transport: Transport, host: str, port: int, name: str) -> Hop:
    """Whatever the name led to, it is the name which a certificate proves (RFC 5922 section 4)."""
    return Hop(transport, Address(host, port), name if transport is Transport.TLS else "")


def _host(written: str) -> str:
    return written.rstrip(".").lower()
