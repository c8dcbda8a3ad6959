"""Our side of every message: who we are, and where we are reached on each flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telephony.flow import Flow, Hop, Listener, Network, Transport, is_within
from telephony.sip.errors import NoListener


@dataclass(frozen=True, slots=True)
class Sender:
    """`listeners` has at least one. Who is in `local_networks` is on our side of a NAT."""

    listeners: Sequence[Listener]
    user: str
    local_networks: Sequence[Network] = ()

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
        return Flow(hop.transport, chosen[0].bound, hop.address, hop.name)

    def via(self, flow: Flow, branch: str) -> str:
        return f"SIP/2.0/{flow.transport.upper()} {self.sent_by(flow)};branch={branch};rport"

    def contact(self, flow: Flow, uri: str = "", *, user: str = "") -> str:
        """Where we are reached by this flow, in a dialog which was begun with `uri`.

        `user` where it is not the one of all.
        """
        listener = self.listener(flow)
        if uri.lower().startswith("sips:") and listener.transport is Transport.TLS:
            # What began securely goes on so (RFC 3261 sections 8.1.1.8 and 12.1.1).
            return f"<sips:{user or self.user}@{self.sent_by(flow)}>"
        # UDP is what a SIP URI means without a word (RFC 3263 section 4.1).
        is_udp = listener.transport is Transport.UDP
        transport = "" if is_udp else f";transport={listener.transport}"
        return f"<sip:{user or self.user}@{self.sent_by(flow)}{transport}>"

    def sent_by(self, flow: Flow) -> str:
        """Host and port of ours, as the peer at the other end of this flow can reach them."""
        return self.listener(flow).sent_by(is_within(flow.remote.host, self.local_networks))


def _distance(listener: Listener, flow: Flow) -> tuple[bool, bool, bool]:
    other_family = (":" in listener.bound.host) != (":" in flow.remote.host)
    return (
        other_family,
        listener.transport is not flow.transport,
        listener.bound != flow.local,
    )
