"""What a call leaves in memory once it is over: nothing."""

import asyncio

import pytest

from media.units import SAMPLE_RATE, pcm
from parley.caller import CallEvent, CallReport, CallScript, Press, Say, place
from tests.interop.server import Server
from tests.interop.speech import caller_speech
from tests.listening import voiced

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

CALLS = 4
"""What they say at once takes longer to understand than to say."""
HANG_UP_S = 1.0
"""So soon after they have spoken."""
TOLD_S = 6.0


async def test_who_hangs_up_while_being_understood_leaves_nothing_waiting(server: Server) -> None:
    known = {call["id"] for call in server.calls()}
    speech = voiced(caller_speech())
    steps = (Press("1"), Say(pcm(speech), "speech"))

    async def called(user: str) -> CallReport:
        spoken = asyncio.Event()

        def told(event: CallEvent) -> None:
            if event.name == "saying":
                wait_s = len(speech) / SAMPLE_RATE + HANG_UP_S
                asyncio.get_running_loop().call_later(wait_s, spoken.set)

        return await place(CallScript(server.target, steps, user=user), on_event=told, stop=spoken)

    reports = await asyncio.gather(*(called(f"u{n}") for n in range(CALLS)))
    assert all(report.completed for report in reports), reports
    assert len(server.sealed(known)) == CALLS
    # A media process tells its figures every five seconds: one more call is as long.
    await place(CallScript(server.target, (), TOLD_S))
    assert server.metric("parley_media_received") > 0
    waiting = server.metric("parley_media_unacknowledged")
    assert waiting < CALLS, f"{waiting:.0f} events wait for calls that are over"
