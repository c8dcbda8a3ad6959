"""Who answers in the interop tests."""

import fcntl
import os
from pathlib import Path

from parley import Agent, RunContext, function_tool

GREETING = "Front desk."
WELCOME = "Thank you. Please tell me what you want, or press five to book."
BOOKED = "You are booked for Monday morning. Goodbye."
LEDGER = "LEDGER_FILE"
BOOK_KEY = "5"
HOLD_KEY, RESUME_KEY = "7", "8"


class Clerk(Agent):
    """Asks, books on a key press, says goodbye."""

    greeting = GREETING

    async def on_enter(self) -> None:
        await self.session.say(WELCOME, allow_interruptions=False)

    async def on_dtmf_received(self, digit: str) -> None:
        if digit == BOOK_KEY:
            await self.session.call(self.book, day="Monday")
            await self.session.say(BOOKED, allow_interruptions=False)
            await self.session.hang_up()
        elif digit == HOLD_KEY:
            await self.session.hold()
        elif digit == RESUME_KEY:
            await self.session.resume()

    async def on_user_away(self) -> None:
        await self.session.say("Are you still there?")

    @function_tool(idempotent=True)
    async def book(self, ctx: RunContext, day: str) -> str:
        """Book once for each key: an order that is there already is not made again."""
        _write_once(Path(os.environ[LEDGER]), ctx.idempotency_key)
        return f"booked for {day}"


def _write_once(path: Path, key: str) -> None:
    """A line on disk when this returns, however often it is called."""
    with path.open("a+", encoding="utf-8") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        ledger.seek(0)
        if key not in ledger.read().splitlines():
            ledger.write(f"{key}\n")
            ledger.flush()
            os.fsync(ledger.fileno())
