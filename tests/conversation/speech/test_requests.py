import socket
import threading
from collections.abc import Iterator

import pytest

from conversation.speech.link import Link
from conversation.speech.messages import Say
from conversation.speech.requests import QUEUED_MAX, RequestQueue, Waiting


@pytest.fixture
def links() -> Iterator[tuple[Link, Link]]:
    ours, theirs = socket.socketpair()
    pair = Link(ours), Link(theirs)
    yield pair
    for link in pair:
        link.close()


def test_requests_are_taken_in_order(links: tuple[Link, Link]) -> None:
    queue = RequestQueue()
    for number in range(3):
        assert queue.offer(Waiting(links[0], Say(number, "")))

    assert [queue.take().request.req for _ in range(3)] == [0, 1, 2]


def test_who_comes_when_too_many_wait_is_turned_away(links: tuple[Link, Link]) -> None:
    queue = RequestQueue()
    for number in range(QUEUED_MAX):
        assert queue.offer(Waiting(links[0], Say(number, "")))

    assert not queue.offer(Waiting(links[0], Say(QUEUED_MAX, "")))


def test_a_cancelled_request_is_never_taken(links: tuple[Link, Link]) -> None:
    queue = RequestQueue()
    for number in (1, 2):
        queue.offer(Waiting(links[0], Say(number, "")))

    queue.cancel(links[0], 1)

    assert queue.take().request.req == 2


def test_the_same_number_on_another_link_is_another_request(links: tuple[Link, Link]) -> None:
    queue = RequestQueue()
    for link in links:
        queue.offer(Waiting(link, Say(1, "")))

    queue.cancel(links[0])

    assert queue.take().link is links[1]


def test_who_takes_waits_for_a_request(links: tuple[Link, Link]) -> None:
    queue = RequestQueue()
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.append(queue.take().request.req))
    thread.start()
    queue.offer(Waiting(links[0], Say(7, "")))
    thread.join()

    assert taken == [7]
