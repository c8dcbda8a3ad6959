"""One call to the server of the demo, from the first ring to the last row."""

import asyncio
from dataclasses import dataclass

from parley.caller import CallReport, CallScript, Press, Say, place
from parley.commands.place import Place
from parley.demonstration.crashing import crash
from parley.demonstration.painting import Painter
from parley.demonstration.server import NotReady, Server
from parley.demonstration.watching import Watch

CALL_S_MAX = 50.0
SEAL_S_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Called:
    """`back_ms`: how long the node was gone, if it was killed and came back."""

    report: CallReport
    back_ms: int | None


async def call(
    server: Server, here: Place, answers: list[Say], crashes: bool, painter: Painter
) -> Called:
    """Agree by key, give the answers, show the rows. Raises NotReady, CallError."""
    watch = Watch(here.database, here.keystore().key, painter.tell)
    watching = asyncio.create_task(watch.run())
    crashing = asyncio.create_task(crash(server, watch, painter)) if crashes else None
    try:
        script = CallScript(server.uri, (Press("1"), *answers), seconds=CALL_S_MAX)
        report = await place(script)
        if not report.answered:
            raise NotReady(f"the server did not answer the call: {report.ended}")
        await _sealed(watch)
        done = crashing is not None and crashing.done()
        return Called(report, crashing.result() if crashing and done else None)
    finally:
        tasks = [task for task in (watching, crashing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _sealed(watch: Watch) -> None:
    """Wait for the last row of the call."""
    try:
        async with asyncio.timeout(SEAL_S_MAX):
            await watch.seen("sessions.call_sealed")
    except TimeoutError as error:
        raise NotReady(f"the call was not sealed within {SEAL_S_MAX:.0f} s") from error
