"""How the outside reaches this server: its listeners, and the addresses told of them."""

import resource
import socket
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

from parley.config import Config
from telephony.address import Address
from telephony.endpoint import Held
from telephony.flow import Listener, Transport
from telephony.occupancy import LIMITS, Limits
from telephony.resolving import Kind, Means

DESCRIPTORS_WANTED = 16_384
DESCRIPTORS_RESERVED = 768


def listeners(config: Config, held: Sequence[Held]) -> list[Listener]:
    """Where peers are told that they reach these sockets."""
    return [
        Listener(
            each.transport,
            each.local,
            Address(advertised(config, each.local.host), each.local.port),
            Address(specified(each.local.host), each.local.port),
        )
        for each in held
    ]


def means(held: Sequence[Held]) -> Means:
    """What we can send by: connections are made without a listener, datagrams are not."""
    transports = [one for one in Transport if one.is_reliable or one in {h.transport for h in held}]
    hosts = [each.local.host for each in held]
    families = {Kind.A: any(":" not in host for host in hosts)}
    families[Kind.AAAA] = any(":" in host for host in hosts)
    return Means(tuple(transports), tuple(kind for kind, has in families.items() if has))


def calls_max(config: Config) -> int:
    """Live calls at once: as configured, and none without a port for its media."""
    if any(trunk.shared_port for trunk in config.trunk):
        return config.sip.calls_max
    return min(config.sip.calls_max, len(config.media.ports.even))


def connection_limits() -> Limits:
    """As many connections as leave descriptors for the rest of the process.

    It may have as many as it can get: the usual 1,024 are a default, and no measure.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return limits_within(max(soft, wanted))


def limits_within(descriptors: int) -> Limits:
    """Theirs and ours each get half of what is left beside the store, the media and the web."""
    total = min(LIMITS.total, max(0, descriptors - DESCRIPTORS_RESERVED) // 2)
    per_address = min(LIMITS.per_address, total)
    return replace(LIMITS, total=total, strangers=total // 2, per_address=per_address)


def advertised(config: Config, bound: str) -> str:
    """The address that peers are told: the public one of this family, or where we listen."""
    public = config.sip.public_address
    return public if public and (":" in public) == (":" in bound) else specified(bound)


def specified(bound: str) -> str:
    """An address of ours: who listens everywhere has that of the default route.

    Nothing is sent to find it out.
    """
    if not ip_address(bound).is_unspecified:
        return bound
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("2001:db8::1" if ":" in bound else "192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "::1" if ":" in bound else "127.0.0.1"
