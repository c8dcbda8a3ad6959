"""Recording needs a node that lives: one that is stopped leaves a gap, one that dies does not."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from media.commands import LEASE_MS
from media.gates import LEASE_LOST
from parley.caller import CallEvent, CallReport, CallScript, Press, place
from tests.interop.agents import BOOK_KEY
from tests.interop.server import Server

pytestmark = [
    pytest.mark.interop,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(180),
]

AGREED = "1"
RECORDED_S = 2.0
"""After the key: the agent thanks for the consent, and is recorded."""
STOPPED_S = 3.0
BOOKED_AT_S = 20.0
"""After the answer: all that happens is over."""
TICK_US = 20_000
SECOND_US = 1_000_000


class Track(NamedTuple):
    """What is recorded of a party: from when to when under each epoch, in microseconds."""

    epochs: dict[int, tuple[int, int]]
    lost: str | None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    started.stop()


def tracks(server: Server) -> list[Track]:
    """Of the caller and of the agent. Within an epoch nothing is missing."""
    query = (
        "SELECT epoch, captured_from_us, captured_from_us + samples * 1000000 / rate FROM chunk"
        " WHERE party = ? ORDER BY epoch, n"
    )
    store = apsw.Connection(str(server.data / "parley.db"), flags=apsw.SQLITE_OPEN_READONLY)
    (row,) = store.execute("SELECT lost FROM recording").fetchall()
    lost = None if row[0] is None else str(row[0])
    found: list[Track] = []
    for party in ("caller", "agent"):
        epochs: dict[int, tuple[int, int]] = {}
        for epoch, begin, end in store.execute(query, (party,)):
            first, last = epochs.get(epoch, (begin, begin))
            assert begin == last, f"a piece of epoch {epoch} is missing"
            epochs[epoch] = (first, end)
        found.append(Track(epochs, lost))
    store.close()
    return found


async def called(server: Server, happens: Callable[[], None]) -> CallReport:
    """A whole call which is recorded, in which something happens."""
    loop = asyncio.get_running_loop()

    def told(event: CallEvent) -> None:
        if (event.name, event.detail) == ("pressing", AGREED):
            loop.call_later(RECORDED_S, happens)

    script = CallScript(server.target, (Press(AGREED), Press(BOOK_KEY, BOOKED_AT_S)))
    return await place(script, on_event=told)


async def test_what_is_said_while_the_node_is_stopped_is_not_recorded_and_the_record_says_so(
    server: Server,
) -> None:
    loop, known = asyncio.get_running_loop(), {call["id"] for call in server.calls()}
    stopped: list[int] = []
    node = server.pids()["node"]

    def stop() -> None:
        os.kill(node, signal.SIGSTOP)
        stopped.append(time.time_ns() // 1_000)
        loop.call_later(STOPPED_S, os.kill, node, signal.SIGCONT)

    report = await called(server, stop)
    assert report.completed, report
    assert server.pids()["node"] == node
    server.sealed(known)
    for track in tracks(server):
        assert track.lost == LEASE_LOST
        before, after = track.epochs.values()
        went_on_us, gap_us = before[1] - stopped[0], after[0] - before[1]
        print(f"recorded for {went_on_us / 1_000:.0f} ms more; a gap of {gap_us / 1_000:.0f} ms")
        assert 0 < went_on_us <= LEASE_MS * 1_000 + TICK_US
        assert gap_us >= STOPPED_S * SECOND_US - went_on_us
        assert after[1] - after[0] > SECOND_US, "it went on"


async def test_a_node_that_dies_and_is_replaced_leaves_no_gap(server: Server) -> None:
    known, node = {call["id"] for call in server.calls()}, server.pids()["node"]
    report = await called(server, lambda: server.kill("node"))
    assert report.completed, report
    assert server.pids()["node"] != node
    server.sealed(known)
    for track in tracks(server):
        assert len(track.epochs) == 1
        assert track.lost is None
