"""Killing the node while the agent is in the middle of a sentence."""

import asyncio
from dataclasses import dataclass

from parley.demonstration.painting import Painter
from parley.demonstration.server import Server
from parley.demonstration.watching import Watch

MID_SENTENCE_S = 1.0
"""So long after the agent's words were committed they are being played."""


@dataclass(slots=True)
class Crash:
    """How it went: None until the node is back."""

    back_ms: int | None = None


async def crash(server: Server, watch: Watch, painter: Painter, outcome: Crash) -> None:
    """Kill the node in the agent's first sentence after the consent."""
    await watch.seen("conversation.utterance_planned")
    await asyncio.sleep(MID_SENTENCE_S)
    server.kill_node()
    painter.crash("node killed (SIGKILL) in mid-sentence")
    outcome.back_ms = round(await server.ready() * 1_000)
    painter.crash(f"node back after {outcome.back_ms} ms")
