"""Connections on loopback: torn, slow, silent, too many, and lost."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from telephony.address import Address
from telephony.connection import WRITE_BYTES_MAX
from telephony.connections import Connections
from telephony.flow import Flow, Transport
from telephony.occupancy import LIMITS, Limits
from telephony.tls import Tls, TlsError, contexts
from telephony.tls_stream import TlsStream
from tests.ipv6 import needs_ipv6

from .authority import Authority
from .sip.wire import request

pytestmark = pytest.mark.anyio

WAIT_S = 10.0
TURNS_MAX = 1_000_000
OPTIONS = request("OPTIONS")
HOST = "127.0.0.1"
NOWHERE = Address(HOST, 1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Line:
    """One end: what came, and what could not be reached."""

    def __init__(self, transport: Transport, tls: Tls | None, limits: Limits, host: str) -> None:
        self.peers: set[str] = set()
        self.received = asyncio.Queue[tuple[bytes, Flow]]()
        self.lost = asyncio.Queue[Flow]()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind((host, 0))
        self.socket.listen(1_024)
        self.address = Address(*self.socket.getsockname()[:2])
        self.connections = Connections(
            lambda data, flow: self.received.put_nowait((data, flow)),
            self.lost.put_nowait,
            tls,
            limits,
            lambda flow: not self.peers or flow.remote.host in self.peers,
        )
        self.connections.listen(self.socket, transport, self.address)

    async def next(self) -> tuple[bytes, Flow]:
        async with asyncio.timeout(WAIT_S):
            return await self.received.get()

    async def next_lost(self) -> Flow:
        async with asyncio.timeout(WAIT_S):
            return await self.lost.get()


@asynccontextmanager
async def line(
    transport: Transport = Transport.TCP,
    tls: Tls | None = None,
    limits: Limits = LIMITS,
    host: str = HOST,
) -> AsyncIterator[Line]:
    made = Line(transport, tls, limits, host)
    yield made
    made.connections.close()
    made.socket.close()
    await until(lambda: not any("_open_in_time" in repr(task) for task in asyncio.all_tasks()))


async def until(claim: Callable[[], bool]) -> None:
    """Let the loop do its work until this is so."""
    for _ in range(TURNS_MAX):
        if claim():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")


async def dialled(peer: Line) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*peer.address)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What was left to read before the other end closed."""
    async with asyncio.timeout(WAIT_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_torn_frames_and_keep_alives_are_understood_and_answers_go_back() -> None:
    async with line() as ours:
        reader, writer = await dialled(ours)
        for part in (b"\r\n\r\n", OPTIONS[:40], OPTIONS[40:] + OPTIONS):
            writer.write(part)
            await writer.drain()
        assert await reader.readexactly(2) == b"\r\n"
        (first, flow), (second, _) = await ours.next(), await ours.next()
        assert (first, second) == (OPTIONS, OPTIONS)
        assert flow == Flow(
            Transport.TCP, ours.address, Address(*writer.get_extra_info("sockname"))
        )
        ours.connections.send(b"an answer", flow)
        assert await reader.readexactly(9) == b"an answer"
        writer.close()


async def test_garbage_ends_the_connection() -> None:
    async with line() as ours:
        reader, writer = await dialled(ours)
        writer.write(b"GET / HTTP/1.1\r\n")
        assert await ended(reader) == b""
        assert len(ours.connections) == 0
        writer.close()


async def test_one_connection_serves_both_directions() -> None:
    async with line() as ours, line() as theirs:
        flow = Flow(Transport.TCP, ours.address, theirs.address)
        ours.connections.send(OPTIONS, flow)
        ours.connections.send(OPTIONS, flow)
        _, seen = await theirs.next()
        theirs.connections.send(OPTIONS, seen)
        assert await ours.next() == (OPTIONS, flow)
        assert (len(ours.connections), len(theirs.connections)) == (1, 1)


async def test_a_lost_connection_is_made_anew_to_where_the_peer_listens() -> None:
    async with line() as ours, line() as theirs:
        gone = Flow(Transport.TCP, ours.address, NOWHERE)
        ours.connections.send(b"", gone, theirs.address)
        ours.connections.send(OPTIONS, gone, theirs.address)
        _, seen = await theirs.next()
        assert len(ours.connections) == 1
        assert ours.lost.empty()
        theirs.connections.close()
        lost = {await ours.next_lost(), await ours.next_lost()}
        assert lost == {gone, gone.to(theirs.address)}
        assert seen.remote.host == HOST


async def test_who_takes_no_connection_is_unreachable() -> None:
    async with line() as ours, line(limits=Limits(total=0)) as full:
        refused = Flow(Transport.TCP, ours.address, NOWHERE)
        ours.connections.send(OPTIONS, refused)
        assert await ours.next_lost() == refused
        elsewhere = Flow(Transport.TCP, full.address, ours.address)
        full.connections.send(OPTIONS, elsewhere)
        assert await full.next_lost() == elsewhere


async def test_ten_thousand_idle_connections_are_refused_beyond_the_limit() -> None:
    limits = Limits(total=100, per_address=60)
    async with line(limits=limits) as ours:
        kept: list[socket.socket] = []
        for n in range(10_000):
            made = socket.socket()
            made.bind((f"127.0.0.{1 + n % 2}", 0))
            made.connect(ours.address)
            kept.append(made)
            if len(kept) >= 200:
                # The accepting end gets its turn; what it refused is closed.
                while len(kept) > limits.total:
                    await asyncio.sleep(0)
                    kept = [one for one in kept if not is_closed(one)]
        for one in kept:
            one.close()
        assert len(kept) == 100
        assert len(ours.connections) == 100


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_who_comes_when_no_descriptor_is_left_is_accepted_later() -> None:
    async with line() as ours:
        with socket.create_connection(ours.address) as early:
            with no_descriptors():
                for _ in range(50):
                    await asyncio.sleep(0)
                assert len(ours.connections) == 0
            early.sendall(OPTIONS)
            assert (await ours.next())[0] == OPTIONS


async def test_strangers_leave_room_for_peers() -> None:
    async with line(limits=Limits(total=10, strangers=3)) as ours:
        ours.peers = {"127.0.0.2"}
        kept: list[socket.socket] = []
        for host, count in (("127.0.0.1", 5), ("127.0.0.2", 5), ("127.0.0.1", 1)):
            for _ in range(count):
                made = socket.socket()
                made.bind((host, 0))
                made.connect(ours.address)
                kept.append(made)
        await until(lambda: sum(one.fileno() < 0 or is_closed(one) for one in kept) == 3)
        left = [one.getsockname()[0] for one in kept if one.fileno() >= 0]
        assert sorted(left) == ["127.0.0.1"] * 3 + ["127.0.0.2"] * 5
        for one in kept:
            one.close()
        await until(lambda: len(ours.connections) == 0)
        with socket.create_connection(ours.address, source_address=("127.0.0.1", 0)):
            await until(lambda: len(ours.connections) == 1)


async def test_a_stranger_hears_nothing_and_is_sent_away() -> None:
    async with line(limits=Limits(first_s=-1)) as ours:
        ours.peers = {"127.0.0.2"}
        reader, writer = await dialled(ours)
        writer.write(b"\r\n\r\n" + OPTIONS + b"\r\n\r\n")
        await ours.next()
        assert swept(ours) == 0
        assert await ended(reader) == b""
        writer.close()


async def test_a_stranger_who_was_answered_stays() -> None:
    async with line(limits=Limits(first_s=-1)) as ours:
        ours.peers = {"127.0.0.2"}
        reader, writer = await dialled(ours)
        writer.write(OPTIONS)
        _, flow = await ours.next()
        ours.connections.send(b"an answer", flow)
        writer.write(b"\r\n\r\n")
        assert await reader.readexactly(11) == b"an answer\r\n"
        assert swept(ours) == 1
        writer.close()


def is_closed(made: socket.socket) -> bool:
    """Whether the other end has closed it; then so do we."""
    made.setblocking(False)
    try:
        assert made.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    made.close()
    return True


@pytest.mark.parametrize(
    ("sent", "limits"),
    [
        (b"", Limits(first_s=-1)),
        (b"\r\n\r\n", Limits(first_s=-1)),
        (OPTIONS + b"INVITE", Limits(message_s=-1)),
        (OPTIONS, Limits(idle_s=-1)),
    ],
)
async def test_who_keeps_us_waiting_is_cut_off(sent: bytes, limits: Limits) -> None:
    async with line(limits=limits) as ours:
        reader, writer = await dialled(ours)
        writer.write(sent)
        if OPTIONS in sent:
            await ours.next()
        await until(lambda: len(ours.connections) == 1)
        await until(lambda: swept(ours) == 0)
        await ended(reader)
        writer.close()


def swept(ours: Line) -> int:
    ours.connections.sweep()
    return len(ours.connections)


async def test_who_talks_stays() -> None:
    async with line() as ours:
        _, writer = await dialled(ours)
        writer.write(OPTIONS)
        await ours.next()
        assert swept(ours) == 1
        writer.close()


async def test_a_peer_which_does_not_read_is_cut_off() -> None:
    async with line() as ours:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            lazy.connect(ours.address)
            lazy.sendall(OPTIONS)
            _, flow = await ours.next()
            sent = 0
            while ours.lost.empty():
                ours.connections.send(bytes(65_536), flow, NOWHERE)
                sent += 65_536
                assert sent < 100 * WRITE_BYTES_MAX
            assert len(ours.connections) == 0


async def test_nothing_is_read_or_accepted_while_we_are_behind() -> None:
    async with line() as ours:
        _, writer = await dialled(ours)
        writer.write(OPTIONS)
        await ours.next()
        ours.connections.pause(paused=True)
        writer.write(OPTIONS)
        _, later = await dialled(ours)
        later.write(OPTIONS)
        await later.drain()
        for _ in range(50):
            await asyncio.sleep(0)
        assert ours.received.empty()
        ours.connections.pause(paused=False)
        await ours.next()
        await ours.next()
        for each in (writer, later):
            each.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def proving(authority: Authority, *names: str, verify_clients: bool = False) -> Tls:
    return contexts(authority.sign(*names), authorities=authority.ca, verify_clients=verify_clients)


def secure(local: Line, remote: Line, name: str = "") -> Flow:
    return Flow(Transport.TLS, local.address, remote.address, name)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(["carrier.example"], "carrier.example"), (["sip:c.example"], "c.example"), ([HOST], "")],
)
async def test_a_server_which_proves_its_name_is_talked_with(
    authority: Authority, names: list[str], wanted: str
) -> None:
    async with (
        line(Transport.TLS, contexts(authorities=authority.ca)) as ours,
        line(Transport.TLS, proving(authority, *names)) as theirs,
    ):
        ours.connections.send(OPTIONS, secure(ours, theirs, wanted))
        data, flow = await theirs.next()
        assert data == OPTIONS
        theirs.connections.send(OPTIONS, flow)
        assert await ours.next() == (OPTIONS, secure(ours, theirs, wanted))


async def test_a_server_with_another_name_or_authority_is_not(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    for tls, name in (
        (contexts(authorities=authority.ca), "carrier.example"),
        (contexts(authorities=authority.ca), ""),
        (contexts(authorities=stranger.ca), "b.example"),
        (contexts(authorities=authority.ca), "..b.example"),
        (contexts(authorities=authority.ca), "b" * 300),
        (contexts(), "b.example"),
        (None, "b.example"),
    ):
        async with (
            line(Transport.TLS, tls) as ours,
            line(Transport.TLS, proving(authority, "b.example")) as theirs,
        ):
            flow = secure(ours, theirs, name)
            ours.connections.send(OPTIONS, flow)
            assert await ours.next_lost() == flow
            assert theirs.received.empty()


async def test_a_connection_to_one_name_is_not_used_for_another(authority: Authority) -> None:
    async with (
        line(Transport.TLS, contexts(authorities=authority.ca)) as ours,
        line(Transport.TLS, proving(authority, "one.example")) as theirs,
    ):
        ours.connections.send(OPTIONS, secure(ours, theirs, "one.example"))
        await theirs.next()
        ours.connections.send(OPTIONS, secure(ours, theirs, "two.example"))
        assert await ours.next_lost() == secure(ours, theirs, "two.example")
        assert theirs.received.empty()


async def test_clients_show_a_certificate_where_they_must(authority: Authority) -> None:
    server = proving(authority, HOST, verify_clients=True)
    async with line(Transport.TLS, server) as theirs:
        async with line(Transport.TLS, proving(authority, "us.example")) as ours:
            ours.connections.send(OPTIONS, secure(ours, theirs))
            assert (await theirs.next())[0] == OPTIONS
        async with line(Transport.TLS, contexts(authorities=authority.ca)) as nobody:
            nobody.connections.send(OPTIONS, secure(nobody, theirs))
            assert await nobody.next_lost() == secure(nobody, theirs)
            assert theirs.received.empty()


async def test_old_versions_of_tls_are_refused(authority: Authority) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    # OpenSSL itself warns of what this is about.
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with line(Transport.TLS, proving(authority, HOST)) as theirs:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(*theirs.address, ssl=old)


@needs_ipv6
async def test_six_works_like_four() -> None:
    async with line(host="::1") as ours, line(host="::1") as theirs:
        ours.connections.send(OPTIONS, Flow(Transport.TCP, ours.address, theirs.address))
        _, flow = await theirs.next()
        assert flow.remote.host == "::1"


def test_files_which_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    for certificate, authorities in ((none, None), (authority.ca, None), (None, none)):
        with pytest.raises(TlsError, match=r"(none|ca)\.pem.* cannot be used: .*Name a PEM"):
            contexts(certificate, authorities=authorities)


def shaken(context: ssl.SSLContext, server: ssl.SSLContext) -> tuple[TlsStream, TlsStream]:
    """Both ends of one connection, once they have agreed."""
    ours, theirs = TlsStream(context, "a.example"), TlsStream(server, None)
    ours.begin()
    while not (ours.is_open and theirs.is_open):
        assert list(theirs.feed(ours.pending())) == [b""] or theirs.is_open
        list(ours.feed(theirs.pending()))
    return ours, theirs


def test_tls_takes_large_messages_torn_anywhere_and_ends_with_a_goodbye(
    authority: Authority,
) -> None:
    proven = proving(authority, "a.example")
    assert proven.server is not None
    ours, theirs = shaken(proven.client, proven.server)
    ours.seal(message := bytes(range(256)) * 400)
    sealed = ours.pending()
    torn = [*theirs.feed(sealed[:1_000]), *theirs.feed(sealed[1_000:])]
    assert b"".join(torn) == message
    ours.say_goodbye()
    assert not theirs.is_over
    assert b"".join(theirs.feed(ours.pending())) == b"" and theirs.is_over


def test_tls_which_was_touched_on_the_way_is_an_error(authority: Authority) -> None:
    proven = proving(authority, "a.example")
    assert proven.server is not None
    ours, theirs = shaken(proven.client, proven.server)
    ours.seal(b"a message")
    sealed = bytearray(ours.pending())
    sealed[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        list(theirs.feed(bytes(sealed)))


async def test_a_handshake_which_goes_no_further_is_ended(authority: Authority) -> None:
    proven = proving(authority, HOST)
    async with line(Transport.TLS, proven, Limits(connect_s=0.2)) as ours:
        stranger = TlsStream(contexts(authorities=authority.ca).client, HOST)
        stranger.begin()
        reader, writer = await dialled(ours)
        writer.write(stranger.pending())
        # Our half of it, and then the end.
        assert len(await ended(reader)) > 0
        assert len(ours.connections) == 0
        writer.close()
