"""Killing the node while the agent is in the middle of a sentence."""

import asyncio

from parley.demonstration.painting import Painter
from parley.demonstration.server import Server
from parley.demonstration.watching import Watch

MID_SENTENCE_S = 1.0
"""So long after the agent's words were committed they are being played."""


async def crash(server: Server, watch: Watch, painter: Painter) -> int:
    """Kill the node in the agent's first sentence after the consent.

    Answers the milliseconds until the next node took up the line. Raises NotReady.
    """
    await watch.seen("conversation.utterance_planned")
    await asyncio.sleep(MID_SENTENCE_S)
    server.kill_node()
    painter.crash("node killed (SIGKILL) in mid-sentence")
    back_ms = round(await server.ready() * 1_000)
    painter.crash(f"node back after {back_ms} ms")
    return back_ms
