"""The shell of name resolution: name servers, the hosts file, a clock and chance."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from telephony.dns_cache import FAILURE_S, NOTHING_S_MAX, DnsCache
from telephony.flow import Hop, is_ip
from telephony.resolving import (
    ANY_MEANS,
    QUESTIONS_MAX,
    RECORDS_MAX,
    Host,
    Kind,
    Means,
    Naptr,
    Question,
    Record,
    Srv,
    hops,
)
from telephony.sip.errors import GrammarError
from telephony.sip.uri import Uri

# For one question, over all name servers and tries; and for one URI.
QUESTION_S_MAX = 3.0
URI_S_MAX = 8.0
HOSTS_BYTES_MAX = 65_536
HOSTS_FILE = Path("/etc/hosts")


class Resolver:
    """Asks and remembers. An answer which does not come in time is as good as none."""

    def __init__(
        self,
        means: Means = ANY_MEANS,
        *,
        servers: Sequence[str] = (),
        port: int = 53,
        hosts_file: Path = HOSTS_FILE,
    ) -> None:
        """Asks `servers`, by default those of this machine."""
        self._means = means
        self._cache = DnsCache()
        self._hosts = _hosts_of(hosts_file)
        try:
            self._dns = dns.asyncresolver.Resolver(configure=not servers)
        except (dns.resolver.NoResolverConfiguration, OSError, ValueError):
            # Without a name server names lead nowhere, but addresses still do.
            self._dns = dns.asyncresolver.Resolver(configure=False)
        self.patience(QUESTION_S_MAX, URI_S_MAX)
        if servers:
            self._dns.nameservers = list(servers)
            self._dns.port = port

    def patience(self, question_s: float, uri_s: float) -> None:
        """How long one question may take, and all of them about one URI."""
        self._dns.lifetime, self._uri_s = question_s, uri_s

    async def hops(self, uri: str) -> list[Hop]:
        """Where a SIP URI leads, best first; nothing where it leads nowhere, or not in time."""
        try:
            async with asyncio.timeout(self._uri_s):
                return await self._asked(Uri.parse(uri))
        except (GrammarError, TimeoutError):
            return []

    async def _asked(self, uri: Uri) -> list[Hop]:
        if not uri.is_sip:
            return []
        asking = hops(uri, self._means, lambda most: secrets.randbelow(most + 1))
        try:
            question = next(asking)
            for _ in range(QUESTIONS_MAX):
                question = asking.send(await self._answer(question))
        except StopIteration as found:
            places: list[Hop] = found.value
            return places
        return []

    async def _answer(self, question: Question) -> Sequence[Record]:
        # An SRV question is about what follows its two labels.
        about = question.name.split(".", 2)[-1] if question.kind is Kind.SRV else question.name
        if (known := self._hosts.get(about)) is not None:
            wanted = {Kind.A: ".", Kind.AAAA: ":"}.get(question.kind, "nothing")
            return [Host(address) for address in known if wanted in address]
        now = time.monotonic()
        if (records := self._cache.get(question, now)) is None:
            records, ttl_s = await self._query(question)
            self._cache.put(question, records, ttl_s, now)
        return records

    async def _query(self, question: Question) -> tuple[tuple[Record, ...], float]:
        """The records and how long they hold, in seconds."""
        try:
            # A short name is one of this network's.
            is_short = "." not in question.name
            answer = await self._dns.resolve(question.name, question.kind.value, search=is_short)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return (), NOTHING_S_MAX
        except (dns.exception.DNSException, OSError, ValueError):
            return (), FAILURE_S
        found = [_record(each) for each in list(answer)[:RECORDS_MAX]]
        ttl_s = float(answer.rrset.ttl) if answer.rrset else FAILURE_S
        return tuple(each for each in found if each is not None), ttl_s


def _record(data: object) -> Record | None:
    match data:
        case A(address=address) | AAAA(address=address):
            return Host(str(address))
        case SRV():
            return Srv(data.priority, data.weight, data.port, data.target.to_text())
        case NAPTR():
            flags, service = _text(data.flags), _text(data.service)
            replacement = data.replacement.to_text()
            return Naptr(data.order, data.preference, flags, service, replacement)
        case _:
            return None


def _text(written: bytes) -> str:
    return written.decode("ascii", errors="replace")


def _hosts_of(path: Path) -> dict[str, list[str]]:
    """The names of the hosts file (hosts(5)), which go before those of name servers."""
    found: dict[str, list[str]] = {"localhost": ["127.0.0.1", "::1"]}
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            content = file.read(HOSTS_BYTES_MAX)
    except OSError:
        return found
    for line in content.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names if is_ip(address) else ():
            known = found.setdefault(name.lower(), [])
            if address not in known:
                known.append(address)
    return found
