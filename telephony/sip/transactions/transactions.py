"""All transactions of a user agent: found by key, bounded, woken, forgotten when over."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from telephony.address import Address
from telephony.flow import Flow
from telephony.sip.alarms import Alarms
from telephony.sip.dialog import DialogState
from telephony.sip.message import Request, Response
from telephony.sip.outputs import Output, Transmit
from telephony.sip.transactions.invite_client import InviteClient
from telephony.sip.transactions.invite_server import InviteServer
from telephony.sip.transactions.machine import Emitted, Report, State
from telephony.sip.transactions.non_invite_client import NonInviteClient
from telephony.sip.transactions.non_invite_server import NonInviteServer
from telephony.sip.via import MAGIC_COOKIE

# Over a connection which breaks, these will get no answer any more.
UNANSWERED = (State.CALLING, State.TRYING, State.PROCEEDING)

SERVER_ALARM = "server"
CLIENT_ALARM = "client"


class Way(NamedTuple):
    """By which flow, and to where if that is a connection which is gone."""

    flow: Flow
    otherwise: Address | None = None


def way_back(flow: Flow, message: Request | Response) -> Way:
    """How a response goes (RFC 3261 section 18.2.2): by the connection, or as its Via says."""
    address = message.via.response_address
    if not flow.transport.is_reliable:
        return Way(flow.to(address))
    # Where they listen, if the connection is gone: never a port which they only passed through.
    listening = message.via.port or flow.transport.default_port
    return Way(flow, Address(flow.remote.host, listening))


@dataclass(slots=True)
class Server:
    machine: InviteServer | NonInviteServer
    way: Way
    merge: str


@dataclass(slots=True)
class Client:
    """`owner` names whose request it is: of a dialog its id, otherwise the request's own.

    `state` is the row which a dialog's request was made from; `forks` the tags beyond the first.
    `trunk` says with whose credentials a challenge is answered, `answered` how many were.
    """

    machine: InviteClient | NonInviteClient
    way: Way
    owner: str
    state: DialogState | None = None
    trunk: str = ""
    answered: int = 0
    forks: set[str] = field(default_factory=set[str])


def branch_of(request: Request) -> str:
    """The branch, or what stands for it with a peer of RFC 2543 (RFC 3261 section 17.2.3)."""
    branch = request.via.branch
    if branch.startswith(MAGIC_COOKIE) and branch != MAGIC_COOKIE:
        return branch
    parts = (request.uri, request.from_.tag, request.call_id, str(request.cseq.number))
    text = "\0".join((*parts, request.required("via")))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def server_key(request: Request, method: str = "") -> str:
    """What a request shares with its repetitions; `method` to look for another's transaction."""
    via = request.via
    method = method or request.method
    return f"{branch_of(request)} {via.host}:{via.port} {'INVITE' if method == 'ACK' else method}"


def merge_key(request: Request) -> str:
    """What a request shares with itself come by another path (RFC 3261 section 8.2.2.2)."""
    return f"{request.call_id} {request.from_.tag} {request.cseq.number} {request.method}"


class Transactions:
    """Server transactions have a limit; ours are as many as the calls which we make."""

    def __init__(self, outputs: deque[Output], alarms: Alarms, servers_max: int) -> None:
        self._outputs = outputs
        self._alarms = alarms
        self._servers_max = servers_max
        self._servers: dict[str, Server] = {}
        self._clients: dict[str, Client] = {}
        self._merges: set[str] = set()

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    @property
    def is_full(self) -> bool:
        return len(self._servers) >= self._servers_max

    def serve(self, request: Request, flow: Flow) -> None:
        """Begin to answer a request which `has_server` does not know yet."""
        make = InviteServer if request.method == "INVITE" else NonInviteServer
        machine = make(is_reliable=flow.transport.is_reliable)
        server = Server(machine, way_back(flow, request), merge_key(request))
        self._servers[server_key(request)] = server
        self._merges.add(server.merge)

    def has_server(self, key: str) -> bool:
        return key in self._servers

    def is_merged(self, request: Request) -> bool:
        return merge_key(request) in self._merges

    def receive_again(self, key: str, method: str, now: float) -> bool:
        """Give a request to the transaction it repeats or acknowledges, if there is one."""
        server = self._servers.get(key)
        if server is None:
            return False
        self._emit(server.machine.receive(method, now), server.way)
        self._tend_server(key, server)
        return True

    def respond(self, key: str, response: Response, flow: Flow, now: float) -> None:
        """Send a response; without a transaction it is sent once, and not repeated."""
        server = self._servers.get(key)
        if server is None:
            self._outputs.append(Transmit(bytes(response), *way_back(flow, response)))
            return
        emitted = server.machine.respond(response.status, bytes(response), now)
        self._emit(emitted, server.way)
        self._tend_server(key, server)

    def start(
        self,
        request: Request,
        way: Way,
        owner: str,
        now: float,
        state: DialogState | None = None,
        *,
        trunk: str = "",
        answered: int = 0,
    ) -> None:
        """Send a request of ours until it is answered."""
        make = InviteClient if request.method == "INVITE" else NonInviteClient
        machine = make(request, is_reliable=way.flow.transport.is_reliable)
        trunk = state.trunk if state else trunk
        client = Client(machine, way, owner, state, trunk, answered)
        key = f"{request.via.branch} {request.method}"
        self._clients[key] = client
        self._emit(client.machine.start(now), way)
        self._tend_client(key, client)

    def take_unreachable(self, flow: Flow) -> list[Client]:
        """End and return those of our requests which were on their way by this flow."""
        keys = [
            key
            for key, client in self._clients.items()
            if client.way.flow == flow and client.machine.state in UNANSWERED
        ]
        return [self._drop_client(key) for key in keys]

    def invite_of(self, branch: str) -> InviteClient | None:
        """Our INVITE with this branch, while its transaction lives."""
        client = self._clients.get(f"{branch} INVITE")
        return client.machine if client and isinstance(client.machine, InviteClient) else None

    def drop_invite(self, branch: str) -> None:
        """Forget an INVITE of ours which will get no final response."""
        if f"{branch} INVITE" in self._clients:
            self._drop_client(f"{branch} INVITE")

    def receive_response(self, response: Response, now: float) -> tuple[Client | None, bool]:
        """Return the transaction it belongs to, and whether the user is to see it."""
        key = f"{response.via.branch} {response.cseq.method}"
        client = self._clients.get(key)
        if client is None:
            return None, True
        reports = self._emit(client.machine.receive(response, now), client.way)
        self._tend_client(key, client)
        return client, Report.DELIVERED in reports

    def wake_server(self, key: str, now: float) -> None:
        if server := self._servers.get(key):
            self._emit(server.machine.wake(now), server.way)
            self._tend_server(key, server)

    def wake_client(self, key: str, now: float) -> Client | None:
        """Return the transaction if nobody answered it in time."""
        client = self._clients.get(key)
        if client is None:
            return None
        reports = self._emit(client.machine.wake(now), client.way)
        self._tend_client(key, client)
        return client if Report.TIMED_OUT in reports else None

    def _drop_client(self, key: str) -> Client:
        self._alarms.set(CLIENT_ALARM, key, None)
        return self._clients.pop(key)

    def _emit(self, emitted: Emitted, way: Way) -> list[Report]:
        reports: list[Report] = []
        for item in emitted:
            if isinstance(item, Report):
                reports.append(item)
            else:
                self._outputs.append(Transmit(item, *way))
        return reports

    def _tend_server(self, key: str, server: Server) -> None:
        if server.machine.state is State.TERMINATED:
            del self._servers[key]
            self._merges.discard(server.merge)
        self._alarms.set(SERVER_ALARM, key, server.machine.wake_at)

    def _tend_client(self, key: str, client: Client) -> None:
        if client.machine.state is State.TERMINATED:
            del self._clients[key]
        self._alarms.set(CLIENT_ALARM, key, client.machine.wake_at)
