"""What one can do to a server by connections, without it losing a call or its head."""

import resource
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from telephony.connection import WRITE_BYTES_MAX
from telephony.occupancy import LIMITS
from telephony.sip.framing import Framer
from telephony.sip.message import Message, Request, Response
from telephony.sip.parser import parse
from tests.interop.server import UDP, Server, options
from tests.ports import free_port
from tests.telephony.authority import Authority
from tests.telephony.sip.wire import OFFER

pytestmark = [pytest.mark.interop, pytest.mark.slow]

HOST = "127.0.0.1"
WAIT_S = 20.0
IDLE = 2_000
# Each costs some 50 KB while it lasts; what the first wave took the second one has to do with.
HALF_OPEN = 200
HALF_OPEN_BYTES_MAX = 80 * 1024
HALF_OPEN_AGAIN_BYTES_MAX = 16 * 1024
GROWTH_BYTES_MAX = 48 * 1024 * 1024
# Of those who do not read: what the kernel takes from us on both ends, with room to spare.
UNREAD_BYTES_MAX = 64 * 1024 * 1024
OVER = ("ended", "sealed")
# The first bytes of a TLS handshake which goes no further.
HELLO = bytes.fromhex("16030102000100")
# Close with a reset, whatever is on its way (SO_LINGER: on, 0 seconds).
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE + 500:
        pytest.skip(f"a process may have {most} files only: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    started = Server(
        tmp_path_factory.mktemp("server"),
        listen=(UDP, "tcp:127.0.0.1:{sip}", "tls:127.0.0.1:{tls}"),
        sip=f'tls_certificate = "{authority.sign(HOST)}"\ntls_ca = "{authority.ca}"',
    )
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def unharmed(server: Server) -> Iterator[None]:
    """No process of it died, it answers, and is no larger than before."""
    pids, before = server.pids(), server.rss("node")
    yield
    assert options(server.port, WAIT_S) == "SIP/2.0 200 OK"
    assert server.pids() == pids
    assert server.rss("node") - before < GROWTH_BYTES_MAX


class Peer:
    """One end of a connection, which speaks SIP or something like it."""

    def __init__(self, made: socket.socket) -> None:
        made.settimeout(WAIT_S)
        self.socket = made
        self._framer = Framer()
        self._messages: list[Message] = []

    def hear(self) -> Message | None:
        """The next message; none once they have closed."""
        while not self._messages:
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._messages += [
                parse(one) for one in self._framer.feed(data) if isinstance(one, bytes)
            ]
        return self._messages.pop(0)

    def status(self) -> int | None:
        message = self.hear()
        assert message is None or isinstance(message, Response)
        return None if message is None else message.status

    def final(self) -> Response:
        while isinstance(message := self.hear(), Response) and message.status < 200:
            continue
        assert isinstance(message, Response), message
        return message


def dialled(port: int, source: str = HOST) -> Peer:
    return Peer(socket.create_connection((HOST, port), WAIT_S, source_address=(source, 0)))


def request(method: str, number: int, own: int = 9, tag: str = "", body: bytes = b"") -> bytes:
    to_tag = f";tag={tag}" if tag else ""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"{method} sip:desk@{HOST} SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP {HOST}:{own};branch=z9hG4bK{method}{number}-{own}\r\n"
        f"From: <sip:x@{HOST}>;tag=f\r\nTo: <sip:desk@{HOST}>{to_tag}\r\nCall-ID: attack-{own}\r\n"
        f"CSeq: {number} {method}\r\nContact: <sip:x@{HOST}:{own};transport=tcp>\r\n{kind}"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


OPTIONS = request("OPTIONS", 1)


def test_who_does_not_read_is_cut_off(server: Server) -> None:
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.settimeout(WAIT_S)
        lazy.connect((HOST, server.port))
        sent = 0
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while sent < UNREAD_BYTES_MAX:
                lazy.sendall(OPTIONS * 100)
                sent += len(OPTIONS) * 100
        assert sent > WRITE_BYTES_MAX, "it was cut off for another reason"


def test_handshakes_which_go_no_further_are_ended(server: Server) -> None:
    for most in (HALF_OPEN_BYTES_MAX, HALF_OPEN_AGAIN_BYTES_MAX):
        before = server.rss("node")
        half_open(server.tls_port)
        assert (server.rss("node") - before) / HALF_OPEN < most


def half_open(port: int) -> None:
    """Begin many; a telephone which comes after them does not wait for their end."""
    with ExitStack() as stack:
        strangers = [
            stack.enter_context(socket.create_connection((HOST, port), WAIT_S))
            for _ in range(HALF_OPEN)
        ]
        for number, stranger in enumerate(strangers):
            stranger.sendall(HELLO[: number % len(HELLO)])
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(socket.create_connection((HOST, port), WAIT_S)) as telephone:
            telephone.sendall(OPTIONS.replace(b"/TCP", b"/TLS"))
            assert Peer(telephone).status() == 200
        assert all(is_ended(stranger) for stranger in strangers)


def is_ended(stranger: socket.socket) -> bool:
    """Wait until the other end has closed it; an alert may go before that."""
    with suppress(ConnectionResetError):
        while stranger.recv(65_536):
            continue
    return True


def test_two_thousand_idle_connections_leave_room(server: Server) -> None:
    each = LIMITS.per_address - 6
    with ExitStack() as stack:
        for number in range(IDLE):
            source = f"127.0.1.{1 + number // each}"
            idle = dialled(server.port, source).socket
            stack.enter_context(idle)
            if number % 2:
                idle.sendall(OPTIONS[:50])
        with dialled(server.port).socket as made:
            made.sendall(OPTIONS)
            assert Peer(made).status() == 200
        # One address has as many as it may, and no more.
        crowd = [stack.enter_context(dialled(server.port, "127.0.1.1").socket) for _ in range(10)]
        assert is_ended(crowd[-1])


@pytest.mark.parametrize(
    "lie",
    [
        b"Content-Length: -1",
        b"Content-Length: 99999999999",
        b"Content-Length: 70000",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: 0\r\nl: 3",
        b"Content-Length: 0, 1",
        b"Content-Length: 0x10",
        b"Content-Length:",
        b"X: y",
        b"X: y\nContent-Length: 0",
    ],
)
def test_who_lies_about_a_length_is_not_listened_to(server: Server, lie: bytes) -> None:
    with dialled(server.port).socket as made:
        made.sendall(OPTIONS.replace(b"Content-Length: 0", lie) + OPTIONS)
        assert Peer(made).hear() is None


def test_what_is_longer_than_it_says_spoils_the_next(server: Server) -> None:
    with dialled(server.port).socket as made:
        peer = Peer(made)
        made.sendall(request("OPTIONS", 1, body=b"v=0 x").replace(b"h: 5", b"h: 3") + OPTIONS)
        assert (peer.status(), peer.status()) == (200, 400)


def test_rubbish_between_messages_ends_the_connection(server: Server) -> None:
    with dialled(server.port).socket as made:
        peer = Peer(made)
        made.sendall(OPTIONS * 3)
        assert [peer.status() for _ in range(3)] == [200, 200, 200]
        made.sendall(bytes(range(256)) * 20)
        assert peer.hear() is None


def test_a_message_may_come_in_single_bytes(server: Server) -> None:
    with dialled(server.port).socket as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(made)
        for number in range(2):
            for byte in request("OPTIONS", number):
                made.send(bytes([byte]))
        assert [peer.status() for _ in range(2)] == [200, 200]


def test_an_answer_finds_whoever_was_cut_off_meanwhile(server: Server) -> None:
    """The INVITE's connection is reset: the 200 goes to where its Via says (section 18.2.2)."""
    known = {call["id"] for call in server.calls()}
    with socket.create_server((HOST, 0)) as listening:
        listening.settimeout(WAIT_S)
        own = listening.getsockname()[1]
        offer = OFFER.replace(b"s=-\r\n", b"s=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n")
        first = dialled(server.port)
        first.socket.sendall(request("INVITE", 1, own, body=offer + b"m=audio 9 RTP/AVP 0\r\n"))
        assert first.status() == 100
        first.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        first.socket.close()
        made, _ = listening.accept()
        second = Peer(made)
        with made:
            answer = second.final()
            assert answer.status == 200
            made.sendall(request("ACK", 1, own, answer.to.tag))
            made.sendall(request("BYE", 2, own, answer.to.tag))
            while isinstance(message := second.hear(), Response) and message.cseq.number < 2:
                continue
            assert isinstance(message, Response) and message.status == 200
    (call,) = server.sealed(known)
    assert call["ended_by"] == "caller"


def test_who_is_gone_for_good_is_hung_up_on(server: Server) -> None:
    """Cut off after the 200, and nowhere to be reached: no ACK comes, and the call ends."""
    known = {call["id"] for call in server.calls()}
    nowhere = free_port()
    peer = dialled(server.port)
    offer = OFFER.replace(b"s=-\r\n", b"s=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n")
    peer.socket.sendall(request("INVITE", 1, nowhere, body=offer + b"m=audio 9 RTP/AVP 0\r\n"))
    assert peer.final().status == 200
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.socket.close()
    (call,) = server.until(lambda: server.new(known, *OVER), "it goes on without an ACK")
    assert call["ended_by"] != "agent"


def test_a_request_is_no_answer_to_anything(server: Server) -> None:
    """Responses to nothing, and requests in dialogs of others, over one connection."""
    with dialled(server.port).socket as made:
        peer = Peer(made)
        made.sendall(b"SIP/2.0 200 OK\r\n" + request("INVITE", 1).partition(b"\r\n")[2])
        made.sendall(request("ACK", 1, tag="x") + request("BYE", 2, tag="x"))
        answer = peer.hear()
        assert isinstance(answer, Response) and (answer.status, answer.cseq.number) == (481, 2)
        made.sendall(OPTIONS)
        answered = peer.hear()
        assert not isinstance(answered, Request | None) and answered.status == 200
