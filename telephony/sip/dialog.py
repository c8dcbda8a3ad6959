"""A dialog (RFC 3261 section 12) as one flat row: all that a restarted process needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from telephony.address import Address
from telephony.flow import Flow, Hop, Transport, is_ip
from telephony.sip.errors import GrammarError
from telephony.sip.grammar import param
from telephony.sip.headers import Lines
from telephony.sip.message import Request, Response
from telephony.sip.name_addr import NameAddr
from telephony.sip.uri import Uri

EARLY = "early"
CONFIRMED = "confirmed"
TERMINATED = "terminated"

UAS = "uas"
UAC = "uac"

# Of a peer which has sent no request yet; 0 is a number it may use.
NO_CSEQ = -1


@dataclass(frozen=True, slots=True)
class DialogState:
    """Lists are joined by newlines. Times are microseconds, 0 for what has not happened."""

    id: str
    role: str
    status: str
    call_id: str
    local_tag: str
    remote_tag: str
    # Name-addr without tags: `"Display" <sip:...>`.
    local_uri: str
    remote_uri: str
    local_cseq: int
    remote_cseq: int
    # Route header values, the next hop first.
    route_set: str
    remote_target: str
    # Where requests within the dialog are sent: over a connection, its other end.
    destination_host: str
    destination_port: int
    transport: str = Transport.UDP
    # The listener which it goes by.
    local_host: str = ""
    local_port: int = 0
    # The trunk whose call it is.
    trunk: str = ""
    # Of our INVITE: where else it may be tried (`written_hop`), and header lines of its own.
    hops: str = ""
    invite_headers: str = ""
    # The last INVITE which we serve: while it is unanswered what is needed to answer it,
    # afterwards the final response. An ACK of a 2xx makes it acknowledged.
    server_branch: str = ""
    server_cseq: int = 0
    server_request: bytes = b""
    final_response: bytes = b""
    acknowledged: bool = True
    # The INVITE which we sent, and the ACK to repeat for each of its 2xx.
    client_branch: str = ""
    client_cseq: int = 0
    client_ack: bytes = b""
    local_sdp: bytes = b""
    remote_sdp: bytes = b""
    # From the o= line of local_sdp: the version rises with each change (RFC 3264 section 8).
    sdp_origin_id: int = 0
    sdp_version: int = 0
    created_us: int = 0
    answered_us: int = 0
    ended_us: int = 0
    # Where offer and answer stand, and the offer which waits for its answer; see exchange.py.
    exchange: str = "none"
    pending_sdp: bytes = b""
    # Methods and option tags of the peer, as it last named them.
    peer_allow: str = ""
    peer_supported: str = ""
    # An UPDATE or PRACK with an offer, while it is unanswered; the CSeq of the last we agreed to.
    server_update: bytes = b""
    agreed_cseq: int = 0
    # Provisional responses of ours which must arrive (RFC 3262): the number of the last, the
    # response itself until it is acknowledged, and whether the 2xx waits for that.
    rseq: int = 0
    reliable_response: bytes = b""
    answers_when_pracked: bool = False
    # The session timer (RFC 4028): its interval, who refreshes, from when it runs. `min_se_s`
    # is the least which the other side would take.
    session_expires_s: int = 0
    is_refresher: bool = False
    session_from_us: int = 0
    min_se_s: int = 0
    # Of our INVITE: redirections which may still be followed, where else it was sent to
    # meanwhile and is to be tried, and every place which it was or will be.
    redirects_left: int = 0
    targets: str = ""
    tried: str = ""
    # The dialog which this one takes the place of once it is answered (RFC 3891).
    replaces: str = ""
    # The REFER we sent last: whose order it was, its CSeq, its bytes until it is answered, how
    # the transfer ended (a SIP status, 0 while nobody knows), and until when that is waited for.
    refer_id: str = ""
    refer_cseq: int = 0
    refer_request: bytes = b""
    refer_status: int = 0
    refer_until_us: int = 0
    # The REFER we accepted and tell the peer about: its CSeq, and until when.
    referred_cseq: int = 0
    referred_until_us: int = 0
    # What a TLS server at the destination has to prove that it is.
    server_name: str = ""
    # Where the name of the next hop was found (`written_hop`); empty: it is none, or not yet.
    resolved_hop: str = ""
    # The header lines which answered a challenge to our INVITE: its ACK has them too.
    authorization: str = ""
    # Of our INVITE: by which other trunks it may be tried (`ways.written`).
    otherwise: str = ""
    # Header lines of the INVITE that we were offered: who they say is calling.
    caller_headers: str = ""
    # What goes beside each description of ours (a part as `multipart` has it), and what our
    # Contact says of us (RFC 3840): of a session with a recorder (RFC 7866).
    enclosed: bytes = b""
    features: str = ""

    @property
    def destination(self) -> Address:
        return Address(self.destination_host, self.destination_port)

    @property
    def flow(self) -> Flow:
        local = Address(self.local_host, self.local_port)
        return Flow(Transport(self.transport), local, self.destination, self.server_name)

    @property
    def headers(self) -> Lines:
        """The INVITE's own header lines."""
        return read_lines(self.invite_headers) + self.credentials

    @property
    def credentials(self) -> Lines:
        return read_lines(self.authorization)

    @property
    def routes(self) -> list[str]:
        return self.route_set.split("\n") if self.route_set else []

    @property
    def has_reinvite(self) -> bool:
        """Whether an INVITE of ours within the dialog has not come to its ACK yet."""
        return self.status == CONFIRMED and bool(self.client_branch) and not self.client_ack


def written_lines(lines: Lines) -> str:
    """Header lines as a row holds them."""
    return "\n".join(f"{name}: {value}" for name, value in lines)


def read_lines(text: str) -> Lines:
    lines = (line.partition(": ") for line in text.split("\n") if line)
    return tuple((name, value) for name, _, value in lines)


def microseconds(now: float) -> int:
    return round(now * 1_000_000)


def plain(value: NameAddr) -> str:
    """Write a name-addr as row text: without parameters, and valid UTF-8."""
    return readable(str(replace(value, params=())))


def readable(text: str) -> str:
    """Valid UTF-8: bytes which are none become U+FFFD."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def target_of(message: Request | Response) -> str:
    """The remote target which a Contact names; GrammarError when there is none to use."""
    contact = message.contact
    if contact is None or not contact.uri.is_sip or not contact.uri.text.isascii():
        raise GrammarError("no Contact to send requests to")
    return contact.uri.text


def routes_of(message: Request | Response) -> list[str]:
    """The Record-Route values in their order; GrammarError when they are no SIP URIs."""
    routes = message.values("record-route")
    for route in routes:
        if not NameAddr.parse(route).uri.is_sip or not route.isascii():
            raise GrammarError("bad Record-Route")
    return routes


def travelling(state: DialogState, flow: Flow) -> DialogState:
    """The dialog with its requests going by this flow."""
    return replace(
        state,
        transport=str(flow.transport),
        local_host=flow.local.host,
        local_port=flow.local.port,
        destination_host=flow.remote.host,
        destination_port=flow.remote.port,
        server_name=flow.name,
    )


def next_hop(routes: list[str], target: str, flow: Flow) -> Flow:
    """Where requests go: the first route or the target, if it names an IP address.

    Until a name is resolved, what the peer itself sent by is used. So is a connection to the same
    host, as long as it is open: the peer may listen nowhere.
    """
    hop = contact_hop(routes, target)
    if hop is None:
        return flow
    if flow.transport.is_reliable and hop.address.host == flow.remote.host:
        return flow
    if hop.transport is not flow.transport:
        # Where we can be reached by it is for the sender to say.
        return Flow(hop.transport, Address("", 0), hop.address)
    return flow.to(hop.address)


def next_uri(routes: list[str], target: str) -> Uri:
    """What names the next hop."""
    return NameAddr.parse(routes[0]).uri if routes else Uri.parse(target)


def contact_hop(routes: list[str], target: str) -> Hop | None:
    """The next hop as the first route or the target names it; none where it names no IP."""
    uri = next_uri(routes, target)
    if not is_ip(uri.host):
        return None
    transport = transport_of(uri)
    return Hop(transport, Address(uri.host.strip("[]"), uri.port or transport.default_port))


def transport_of(uri: Uri) -> Transport:
    """What a URI asks for (RFC 3263 section 4.1); UDP where we do not know it."""
    named = (param(uri.params, "transport") or "").lower()
    if uri.scheme == "sips" or named == Transport.TLS:
        return Transport.TLS
    return Transport.TCP if named == Transport.TCP else Transport.UDP


def next_hop_of_caller(invite: Request, routes: list[str], target: str, flow: Flow) -> Flow:
    """The same, but back to the source for a caller behind a NAT, whose Contact is private."""
    return flow if is_behind_nat(invite, flow) else next_hop(routes, target, flow)


def is_behind_nat(request: Request, flow: Flow) -> bool:
    """Whether its sender knows itself by another address than we do."""
    sent_by = request.via.host
    return is_ip(sent_by) and sent_by.strip("[]") != flow.remote.host


def written_hop(hop: Hop) -> str:
    return f"{hop.transport} {hop.address.port} {hop.address.host} {hop.name}"


def read_hop(line: str) -> Hop:
    transport, port, host, *name = line.split(" ")
    return Hop(Transport(transport), Address(host, int(port)), "".join(name))
