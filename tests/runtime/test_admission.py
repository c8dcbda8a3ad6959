"""The queue: bounded, first come first served within a scope, fair between all."""

import pytest

from runtime.admission import QUEUE_MAX, RETRY_MS_MAX, RETRY_MS_MIN, SCOPE_MAX, FairQueue
from runtime.errors import Busy


def test_what_one_scope_sends_stays_in_order() -> None:
    queue: FairQueue[int] = FairQueue()
    for n in range(10):
        queue.put(n, "t", "s")

    assert queue.take(4) + queue.take(100) == list(range(10))


def test_who_comes_after_a_flood_is_served_next() -> None:
    queue: FairQueue[str] = FairQueue()
    for n in range(100):
        queue.put(f"flood {n}", "acme", f"call {n}")
    queue.put("one", "other", "call")

    assert queue.take(2) == ["flood 0", "one"]


def test_scopes_of_a_tenant_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for scope in ("a", "a", "a", "b"):
        queue.put(scope, "t", scope)

    assert queue.take(4) == ["a", "b", "a", "a"]


def test_a_scope_that_floods_is_refused_and_its_neighbour_is_not() -> None:
    queue: FairQueue[int] = FairQueue()
    for n in range(SCOPE_MAX):
        queue.put(n, "t", "loud")

    with pytest.raises(Busy, match="loud") as refused:
        queue.put(0, "t", "loud")
    queue.put(0, "t", "quiet")

    assert RETRY_MS_MIN <= refused.value.retry_after_ms <= RETRY_MS_MAX


def test_a_tenant_that_floods_leaves_room_for_every_other() -> None:
    queue: FairQueue[int] = FairQueue()
    accepted: list[int] = []
    for tenant in ("first", "second", "third"):
        accepted.append(0)
        with pytest.raises(Busy):
            for n in range(QUEUE_MAX):
                queue.put(n, tenant, f"{n}")
                accepted[-1] += 1

    assert accepted[0] == QUEUE_MAX // 2
    assert all(few > 500 for few in accepted)
    assert sum(accepted) == len(queue) < QUEUE_MAX


def test_the_slower_the_writer_the_later_one_should_come_again() -> None:
    waits: list[int] = []
    for us_each in (10, 10_000):
        queue: FairQueue[int] = FairQueue()
        for _ in range(64):
            queue.took(1, us_each)
        for n in range(SCOPE_MAX):
            queue.put(n, "t", "s")
        with pytest.raises(Busy) as refused:
            queue.put(0, "t", "s")
        waits.append(refused.value.retry_after_ms)

    assert waits[0] < waits[1]


def test_a_closed_queue_hands_out_what_is_left_and_then_nothing() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.put(1, "t", "s")
    queue.close()

    assert (queue.take(10), queue.take(10)) == ([1], [])
