"""Real sockets; the same claims with the kernel's batches and without them."""

import select
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from media.net import BATCH_MAX, DATAGRAM_BYTES_MAX, Batch, Sockets, pack, unpack
from media.net.messages import CALLS, Calls, find_calls

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
BUFFER_BYTES = 4 * 1024 * 1024
WAIT_MS = 10_000


@pytest.fixture(params=[CALLS, None], ids=["batched", "plain"])
def sockets(request: pytest.FixtureRequest) -> Iterator[Sockets]:
    calls: Calls | None = request.param
    sockets = Sockets(calls)
    yield sockets
    sockets.close()


@pytest.fixture
def far() -> Iterator[socket.socket]:
    with bound() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        yield sock


def bound(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((LOOPBACK[family], 0))
    sock.settimeout(WAIT_MS / 1_000)
    return sock


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def held(sockets: Sockets, *, shared: bool = False) -> int:
    """Another port, whose number it is."""
    sock = bound()
    sockets.add(port_of(sock), sock, shared=shared)
    return port_of(sock)


def received(sockets: Sockets, batch: Batch) -> list[tuple[int, bytes, tuple[str, int]]]:
    """All that is there: local port, content, source."""
    found: list[tuple[int, bytes, tuple[str, int]]] = []
    while count := sockets.receive(batch):
        found += [
            (
                int(batch.ports[row]),
                batch.data[row, : batch.lengths[row]].tobytes(),
                unpack(batch.sources[row].tobytes()),
            )
            for row in range(count)
        ]
    return found


def send(sockets: Sockets, ports: list[int], contents: list[bytes], *to: tuple[str, int]) -> int:
    data = np.zeros((len(contents), max(map(len, contents))), np.uint8)
    for row, content in enumerate(contents):
        data[row, : len(content)] = np.frombuffer(content, np.uint8)
    destinations = np.frombuffer(b"".join(map(pack, to)), np.uint8).reshape(-1, 28)
    lengths = np.array([len(content) for content in contents], np.int32)
    return sockets.send(np.array(ports, np.int32), data, lengths, destinations)


def test_this_machine_has_the_calls_and_another_may_not() -> None:
    assert CALLS is not None
    assert find_calls(object()) is None


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("family", LOOPBACK)
def test_datagrams_come_in_as_they_were_sent(
    sockets: Sockets, family: socket.AddressFamily, shared: bool
) -> None:
    with bound(family) as far:
        near = bound(family)
        sockets.add(port_of(near), near, shared=shared)
        contents = [b"first", b"", bytes(DATAGRAM_BYTES_MAX), b"last"]
        for content in contents:
            far.sendto(content, near.getsockname())
        source = (LOOPBACK[family], port_of(far))
        assert received(sockets, Batch()) == [(port_of(near), one, source) for one in contents]


def test_the_family_of_a_row_may_change_from_batch_to_batch(sockets: Sockets) -> None:
    batch = Batch(1)
    for family in (socket.AF_INET6, socket.AF_INET, socket.AF_INET6):
        near = bound(family)
        sockets.add(port_of(near), near)
        with bound(family) as far:
            far.sendto(b"x", near.getsockname())
            assert sockets.receive(batch) == 1
            assert batch.sources[0].tobytes() == pack(far.getsockname()[:2])


def test_one_who_calls_over_ipv4_is_known_by_it_on_a_socket_of_both(
    sockets: Sockets, far: socket.socket
) -> None:
    both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    both.bind(("::", 0))
    sockets.add(port_of(both), both)
    far.sendto(b"call", ("127.0.0.1", port_of(both)))
    ((_, _, source),) = received(sockets, Batch())
    assert source == far.getsockname()
    assert send(sockets, [port_of(both)], [b"answer"], source) == 1
    assert far.recv(100) == b"answer"


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_cut_short_is_left_out(sockets: Sockets, far: socket.socket, shared: bool) -> None:
    port = held(sockets, shared=shared)
    too_long = bytes(DATAGRAM_BYTES_MAX + 1)
    for content in (b"before", too_long, b"after", too_long):
        far.sendto(content, ("127.0.0.1", port))
    batch = Batch()
    found: list[bytes] = []
    while select.select([sockets.fileno()], [], [], 0)[0]:
        found += [content for _, content, _ in received(sockets, batch)]
    assert found == [b"before", b"after"]


def test_a_port_that_is_flooded_leaves_room_for_the_others(
    sockets: Sockets, far: socket.socket
) -> None:
    flooded, shared, quiet = held(sockets), held(sockets, shared=True), held(sockets)
    for port in (flooded, shared):
        for _ in range(100):
            far.sendto(b"flood", ("127.0.0.1", port))
    far.sendto(b"hello", ("127.0.0.1", quiet))
    batch = Batch(4)
    seen: list[int] = []
    for _ in range(3):
        assert 0 < sockets.receive(batch) <= 4
        seen += batch.ports[: batch.count].tolist()
    assert quiet in seen
    assert flooded in seen


def test_all_of_many_ports_come_in(sockets: Sockets, far: socket.socket) -> None:
    ports = [held(sockets) for _ in range(40)]
    for turn in range(3):
        for port in ports:
            far.sendto(b"%d %d" % (port, turn), ("127.0.0.1", port))
    found = received(sockets, Batch(16))
    source = far.getsockname()
    expected = [(port, b"%d %d" % (port, turn), source) for port in ports for turn in range(3)]
    assert sorted(found) == sorted(expected)
    for port in ports:
        mine = [content for p, content, _ in found if p == port]
        assert mine == sorted(mine), "the datagrams of a port keep their order"


def test_nothing_is_there_and_nothing_is_waited_for(sockets: Sockets) -> None:
    held(sockets)
    batch = Batch()
    assert sockets.receive(batch) == batch.count == 0
    assert select.select([sockets.fileno()], [], [], 0)[0] == []


def test_its_descriptor_says_that_something_came(sockets: Sockets, far: socket.socket) -> None:
    port = held(sockets)
    far.sendto(b"x", ("127.0.0.1", port))
    assert select.select([sockets.fileno()], [], [], WAIT_MS / 1_000)[0]


def test_each_row_is_sent_from_its_port_to_its_destination(sockets: Sockets) -> None:
    one, other = held(sockets), held(sockets, shared=True)
    with bound() as left, bound() as right:
        ports = [one, other, other, other, one]
        contents = [b"a", b"bb", b"", b"dddd", b"e"]
        ends = [left, left, right, left, right]
        assert send(sockets, ports, contents, *(end.getsockname() for end in ends)) == 5
        for end in (left, right):
            rows = zip(ports, contents, ends, strict=True)
            expected = [(content, ("127.0.0.1", port)) for port, content, e in rows if e is end]
            assert sorted(end.recvfrom(100) for _ in expected) == sorted(expected)


def test_more_rows_than_one_call_takes_are_all_sent(sockets: Sockets, far: socket.socket) -> None:
    port, count = held(sockets, shared=True), BATCH_MAX + 10
    contents = [b"%d" % row for row in range(count)]
    assert send(sockets, [port] * count, contents, *[far.getsockname()] * count) == count
    far.setblocking(False)
    # As many as its buffer holds, from the first on.
    heard: list[bytes] = []
    while select.select([far], [], [], 0)[0]:
        heard.append(far.recv(100))
    assert heard == contents[: len(heard)]
    assert heard


@pytest.mark.parametrize("shared", [False, True])
def test_a_bad_destination_does_not_stop_the_rest(
    sockets: Sockets, far: socket.socket, shared: bool
) -> None:
    port, good = held(sockets, shared=shared), far.getsockname()
    # A broadcast, which this socket may not send, and IPv6 from a socket of IPv4.
    to = [good, ("255.255.255.255", 9), good, ("::1", 9), ("::1", 9), good]
    contents = [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert send(sockets, [port] * 6, contents, *to) == 3
    assert [far.recv(100) for _ in range(3)] == [b"0", b"2", b"5"]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("rows", [1, 3])
def test_the_error_of_an_earlier_packet_costs_no_later_one(
    sockets: Sockets, shared: bool, rows: int
) -> None:
    with bound() as gone:
        nobody = gone.getsockname()
    near = bound()
    near.connect(nobody)  # Linux tells an ICMP error to a connected socket only.
    sockets.add(port_of(near), near, shared=shared)
    assert send(sockets, [port_of(near)], [b"into the void"], nobody) == 1
    assert select.select([sockets.fileno()], [], [], WAIT_MS / 1_000)[0], "the error came back"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(nobody)
        late.settimeout(WAIT_MS / 1_000)
        contents = [b"%d" % row for row in range(rows)]
        assert send(sockets, [port_of(near)] * rows, contents, *[nobody] * rows) == rows
        assert [late.recv(100) for _ in contents] == contents


def test_an_icmp_error_is_no_datagram(sockets: Sockets) -> None:
    with bound() as gone:
        nobody = gone.getsockname()
    near = bound()
    near.connect(nobody)
    sockets.add(port_of(near), near)
    send(sockets, [port_of(near)], [b"into the void"], nobody)
    assert select.select([sockets.fileno()], [], [], WAIT_MS / 1_000)[0]
    assert sockets.receive(Batch()) == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(nobody)
        late.sendto(b"x", near.getsockname())
        assert [content for _, content, _ in received(sockets, Batch())] == [b"x"]


def test_rows_may_be_a_part_of_a_wider_array(sockets: Sockets, far: socket.socket) -> None:
    port = held(sockets)
    wide = np.arange(64, dtype=np.uint8).reshape(4, 16)
    to = np.frombuffer(pack(far.getsockname()), np.uint8)[None]
    lengths = np.array([4], np.int32)
    assert sockets.send(np.array([port], np.int32), wide[1:2, 2:8], lengths, to) == 1
    assert sockets.send(np.array([port], np.int32), wide[1:2, ::2], lengths, to) == 1
    assert [far.recv(100), far.recv(100)] == [bytes([18, 19, 20, 21]), bytes([16, 18, 20, 22])]


def test_a_port_that_is_gone_sends_and_receives_nothing(
    sockets: Sockets, far: socket.socket
) -> None:
    stays, leaves = held(sockets), held(sockets)
    for port in (stays, leaves):
        far.sendto(b"1", ("127.0.0.1", port))
        far.sendto(b"2", ("127.0.0.1", port))
    batch = Batch(1)
    assert sockets.receive(batch) == 1
    with sockets.remove(leaves) as sock:
        assert {port for port, _, _ in received(sockets, batch)} <= {stays}
        assert sock.fileno() >= 0
    to = far.getsockname()
    assert send(sockets, [leaves, stays], [b"a", b"b"], to, to) == 1
    assert far.recv(100) == b"b"


def test_what_waits_for_the_port_before_is_thrown_away(
    sockets: Sockets, far: socket.socket
) -> None:
    port, other = held(sockets), held(sockets)
    for _ in range(50):
        far.sendto(b"stale", ("127.0.0.1", port))
    far.sendto(b"good", ("127.0.0.1", other))
    sockets.flush_stale(port)
    assert [(p, content) for p, content, _ in received(sockets, Batch())] == [(other, b"good")]
