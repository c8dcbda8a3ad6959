"""Strangers who send rubbish do not harm a call."""

import asyncio
import os
import socket

import pytest

from parley.caller import CallEvent, CallReport, CallScript, Press, place
from tests.interop import fuzz
from tests.interop.agents import BOOK_KEY
from tests.interop.server import Server, options

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.slow, pytest.mark.anyio]

SEED = int(os.environ.get("FUZZ_SEED", "4711"))
DATAGRAMS = 10_000
BATCH = 50
PAUSE_S = 0.04
"""Between two batches, so that all of it takes most of a call."""
GROWTH_BYTES_MAX = 32 * 1024 * 1024
GAP_MS_MAX = 60
ANSWER_SECONDS_MAX = 2.0


async def attack(
    call: asyncio.Task[CallReport], media: tuple[str, int], sip: tuple[str, int]
) -> None:
    """Send rubbish to both ports, in batches spread over the call; ask for an answer after each."""
    to_sip, to_media = fuzz.sip(SEED, DATAGRAMS), fuzz.rtp(SEED, DATAGRAMS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        for _ in range(DATAGRAMS // BATCH):
            for _ in range(BATCH):
                stranger.sendto(next(to_sip), sip)
                stranger.sendto(next(to_media), media)
            answer = await asyncio.to_thread(options, sip[1], ANSWER_SECONDS_MAX)
            assert answer == "SIP/2.0 200 OK"
            await asyncio.wait((call,), timeout=PAUSE_S)
            assert not call.done(), call.result()


async def test_rubbish_on_both_ports_leaves_the_call_as_it_is(server: Server) -> None:
    media: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def told(event: CallEvent) -> None:
        if event.name == "answered":
            media.set_result(event.detail.split()[-1])

    steps = (Press("1"), Press(BOOK_KEY))
    call = asyncio.create_task(place(CallScript(server.target, steps), on_event=told))
    # From the first packet on: a stranger may well be quicker than the caller.
    host, _, port = (await media).rpartition(":")
    before = {role: server.rss(role) for role in ("node", "media")}
    pids = server.pids()
    await attack(call, (host, int(port)), ("127.0.0.1", server.port))
    report = await call
    growth = {role: server.rss(role) - size for role, size in before.items()}
    print(f"grown by {growth}; longest gap {report.longest_gap_ms} ms; {report}")
    assert server.pids() == pids, "nothing had to be started again"
    assert report.completed
    assert report.ended == "the far side hung up"
    assert report.longest_gap_ms <= GAP_MS_MAX
    assert max(growth.values()) <= GROWTH_BYTES_MAX


def test_the_same_seed_makes_the_same_rubbish() -> None:
    assert list(fuzz.sip(1, 100)) == list(fuzz.sip(1, 100))
    assert list(fuzz.rtp(1, 100)) != list(fuzz.rtp(2, 100))
