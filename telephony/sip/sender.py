"""Our side of every message: who we are, and where we are reached on each flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telephony.flow import Flow, Hop, Listener, Transport
from telephony.sip.errors import NoListener


@dataclass(frozen=True, slots=True)
class Sender:
    """`listeners` has at least one."""

    listeners: Sequence[Listener]
    user: str

    def listener(self, flow: Flow) -> Listener:
        """The one that a flow goes by; after a change of configuration, the nearest to it."""
        return min(self.listeners, key=lambda listener: _distance(listener, flow))

    def towards(self, hop: Hop) -> Flow:
        """A flow to somebody new. NoListener where they could not answer."""
        same_family = [
            listener
            for listener in self.listeners
            if (":" in listener.bound.host) == (":" in hop.address.host)
        ]
        # One who is called by TCP can call back by UDP, but nothing is sent by UDP without it.
        own = [listener for listener in same_family if listener.transport is hop.transport]
        chosen = own or (same_family if hop.transport.is_reliable else [])
        if not chosen:
            family = "IPv6" if ":" in hop.address.host else "IPv4"
            raise NoListener(
                f"no listener for {hop.transport} over {family}: add one to sip.listen"
            )
        return Flow(hop.transport, chosen[0].bound, hop.address)

    def via(self, flow: Flow, branch: str) -> str:
        sent_by = self.listener(flow).sent_by
        return f"SIP/2.0/{flow.transport.upper()} {sent_by};branch={branch};rport"

    def contact(self, flow: Flow) -> str:
        listener = self.listener(flow)
        # UDP is what a SIP URI means without a word (RFC 3263 section 4.1).
        is_udp = listener.transport is Transport.UDP
        transport = "" if is_udp else f";transport={listener.transport}"
        return f"<sip:{self.user}@{listener.sent_by}{transport}>"


def _distance(listener: Listener, flow: Flow) -> tuple[bool, bool, bool]:
    other_family = (":" in listener.bound.host) != (":" in flow.remote.host)
    return (
        other_family,
        listener.transport is not flow.transport,
        listener.bound != flow.local,
    )
