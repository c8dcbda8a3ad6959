"""What a call leaves in memory once it is over: nothing."""

import asyncio

import pytest

from media.units import pcm
from parley.caller import CallScript, Press, Say, place
from tests.interop.server import Server
from tests.interop.speech import caller_speech
from tests.listening import voiced

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

CALLS = 4
"""What they say at once takes longer to understand than to say."""
HANG_UP_S = 20.5
"""Just after they have spoken."""
TOLD_S = 6.0


async def test_who_hangs_up_while_being_understood_leaves_nothing_waiting(server: Server) -> None:
    known = {call["id"] for call in server.calls()}
    steps = (Press("1"), Say(pcm(voiced(caller_speech())), "speech"))
    scripts = [CallScript(server.target, steps, HANG_UP_S, user=f"u{n}") for n in range(CALLS)]
    reports = await asyncio.gather(*(place(script) for script in scripts))
    assert all(report.completed for report in reports), reports
    assert len(server.sealed(known)) == CALLS
    # A media process tells its figures every five seconds: one more call is as long.
    await place(CallScript(server.target, (), TOLD_S))
    assert server.metric("parley_media_received") > 0
    waiting = server.metric("parley_media_unacknowledged")
    assert waiting < CALLS, f"{waiting:.0f} events wait for calls that are over"
