"""A small name server on loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`: "name. ttl IN SRV ...", a line for each record. Notes who is asked."""

    def __init__(self, zone: str) -> None:
        self.asked: list[str] = []
        self.is_silent = False
        self._records: dict[tuple[str, str], dns.rrset.RRset] = {}
        written: dict[tuple[str, str], list[str]] = {}
        for line in zone.strip().splitlines():
            name, ttl, _, kind, data = line.split(None, 4)
            written.setdefault((name.lower(), kind), []).append(data)
            content = written[name.lower(), kind]
            rrset = dns.rrset.from_text(name, int(ttl), "IN", kind, *content)
            self._records[name.lower(), kind] = rrset
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> int:
        """Returns the port."""
        loop = asyncio.get_running_loop()
        made, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0), family=socket.AF_INET
        )
        self._transport = made
        return int(made.get_extra_info("sockname")[1])

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{kind} {name}")
        if self.is_silent or self._transport is None:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if (found := self._records.get((name, kind))) is not None:
            answer.answer.append(found)
        elif name not in {known for known, _ in self._records}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), addr)
