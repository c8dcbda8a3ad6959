"""Where a test call goes, and the sockets it goes from."""

import errno
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from parley.caller.script import CallError
from telephony.address import Address
from telephony.endpoint import Held
from telephony.flow import Hop, Transport
from telephony.resolver import Resolver
from telephony.sip.errors import GrammarError
from telephony.sip.uri import Uri

PORT_TRIES_MAX = 20
BACKLOG = 8
HINT = "Write it as sip:NAME@HOST:PORT, such as sip:desk@127.0.0.1:5060."


async def hops_of(target: str, resolver: Resolver) -> list[Hop]:
    """Where a SIP URI leads, best first, all of one address family. Raises CallError."""
    try:
        uri = Uri.parse(target)
    except GrammarError as error:
        raise CallError(f"{target!r} is no SIP URI. {HINT}") from error
    if not uri.is_sip:
        raise CallError(f"{target!r} is no sip: or sips: URI. {HINT}")
    found = await resolver.hops(target)
    if not found:
        raise CallError(f"{uri.host} cannot be resolved: no name server knows it. {HINT}")
    return [hop for hop in found if _family(hop.address) == _family(found[0].address)]


def local_host(remote: Address) -> str:
    """Our own address on the route to `remote`. Raises CallError."""
    with socket.socket(_family(remote), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(remote)
        except OSError as error:
            raise CallError(
                f"There is no route to {remote.host}: {error.strerror}. Check the network."
            ) from error
        return str(probe.getsockname()[0])


@contextmanager
def listening(host: str, hops: Sequence[Hop]) -> Generator[list[Held]]:
    """Where we can be called back: by UDP, and on the same port by TCP if we call by it."""
    wants_tcp = any(hop.transport is Transport.TCP for hop in hops)
    with bound(host) as datagrams:
        if not wants_tcp:
            yield [Held(Transport.UDP, datagrams)]
            return
        with _listening(host, datagrams.getsockname()[1]) as stream:
            yield [Held(Transport.UDP, datagrams), Held(Transport.TCP, stream)]


def bound(host: str) -> socket.socket:
    """A UDP socket on a port which TCP has free too."""
    for _ in range(PORT_TRIES_MAX):
        made = socket.socket(_family(Address(host, 0)), socket.SOCK_DGRAM)
        made.bind((host, 0))
        try:
            _listening(host, made.getsockname()[1]).close()
        except OSError as error:
            made.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        return made
    raise CallError(f"There is no free port on {host}. End another program.")


def _listening(host: str, port: int) -> socket.socket:
    made = socket.socket(_family(Address(host, port)), socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET
