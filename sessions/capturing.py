"""Secure capture: card data by keys, while nothing is recorded, understood or written down."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from conversation.agent import ToolError
from media.client import MediaUnavailable
from recordings.tables import Recording
from runtime.errors import Refused
from sessions.consent_reducers import secure_capture_began, secure_capture_ended
from sessions.house import House
from sessions.live import LiveCall

GATE_WAIT_S = 3.0
"""How long the gate may take to close. Where it does not, nothing is asked for."""

DIGITS_MAX = 64
"""Keys that nobody has asked for yet; more are dropped."""

DIGITS_WAIT_S = 60.0

SECRET_CHARS_MIN = 3
"""What is shorter is a choice, and no secret."""


class Captured:
    """The keys that are pressed meanwhile: in memory, and nowhere else."""

    def __init__(self, live: LiveCall, keys: "asyncio.Queue[str]") -> None:
        self._live = live
        self._keys = keys

    async def digits(
        self, *, at_most: int, finish: str = "#", within_s: float = DIGITS_WAIT_S
    ) -> str:
        """The next keys, up to `at_most` or the key `finish`, which is not among them.

        Raises ToolError where they do not come in time. What they are is kept nowhere: in words
        and arguments of the agent's that hold them, they are cut out of what is kept.
        """
        found = ""
        try:
            async with asyncio.timeout(within_s):
                while len(found) < at_most:
                    key = await self._next()
                    if key == finish:
                        break
                    found += key
        except TimeoutError as error:
            raise ToolError("the keys did not come in time: ask once more") from error
        if len(found) >= SECRET_CHARS_MIN:
            self._live.secrets.add(found)
        return found

    async def _next(self) -> str:
        coming = asyncio.ensure_future(self._keys.get())
        ended = asyncio.ensure_future(self._live.ended.wait())
        try:
            await asyncio.wait((coming, ended), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                raise ToolError("the caller hung up")
            return coming.result()
        finally:
            coming.cancel()
            ended.cancel()


@asynccontextmanager
async def capture(
    house: House, live: LiveCall, why: str, step: Callable[[str], str]
) -> AsyncGenerator[Captured]:
    """Everything that keeps or understands is closed before this begins, and open after it.

    Raises ToolError where it cannot be closed.
    """
    await house.surely(secure_capture_began, live.id, request=step("capture"), why=why)
    keys: asyncio.Queue[str] = asyncio.Queue(DIGITS_MAX)
    live.capture = keys
    try:
        await _closed(house, live)
        yield Captured(live, keys)
    finally:
        live.capture = None
        with suppress(Refused):  # The call is over.
            await house.surely(secure_capture_ended, live.id, request=step("captured"))
        with suppress(MediaUnavailable):
            house.media.listen(live.id, live.words_to is not None)


async def _closed(house: House, live: LiveCall) -> None:
    """No frame of what comes next is in a recording, and none is listened to."""
    rows = await house.store.reader.rows(Recording, id=live.id)
    try:
        house.media.listen(live.id, False)
        if rows and not live.gate_closed.is_set():
            house.media.close_gate(live.id, rows[0].suspended_us)
            async with asyncio.timeout(GATE_WAIT_S):
                await live.gate_closed.wait()
    except (MediaUnavailable, TimeoutError) as error:
        raise ToolError("the recording could not be closed: ask for no card data now") from error
