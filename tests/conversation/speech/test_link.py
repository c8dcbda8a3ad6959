import socket

from conversation.speech.link import Link
from media.wire import encode


def pair(send_timeout_ms: int = 5_000) -> tuple[Link, socket.socket]:
    ours, theirs = socket.socketpair()
    return Link(ours, send_timeout_ms), theirs


def test_frames_arrive_until_the_node_is_gone() -> None:
    link, node = pair()
    with node:
        node.sendall(encode({"req": 1}, b"ab") + encode({"req": 2}))

    assert list(link.read()) == [({"req": 1}, b"ab"), ({"req": 2}, b"")]
    link.close()


def test_nonsense_ends_the_link() -> None:
    link, node = pair()
    with node:
        node.sendall(b"\xff" * 64)
        assert list(link.read()) == []
    link.close()


def test_what_is_sent_to_a_node_that_is_gone_is_dropped() -> None:
    link, node = pair()
    node.close()

    link.send({"req": 1})
    link.send({"req": 2})
    link.close()


def test_a_node_that_does_not_read_is_given_up() -> None:
    link, node = pair(send_timeout_ms=10)
    with node:
        link.send({"req": 1}, bytes(4 * 1024 * 1024))
        link.send({"req": 2})
        link.close()
        received = b""
        while data := node.recv(1024 * 1024):
            received += data

    assert b'"req":2' not in received
