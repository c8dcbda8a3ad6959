"""An agent who hands callers over: what to do is asked by keys."""

import os
from pathlib import Path

from parley import Agent
from tests.interop.agents import LEDGER

CAROL = "sip:carol@192.0.2.3"
SEND_ON, CONSULT, TRANSFER, PRESS, CONNECT = "5", "6", "7", "8", "9"
# A key twice in a row are two presses.
KEYS = "122#"
BUSY = 486


class Exchange(Agent):
    """Keys ask for a transfer, for keys, or for whom the ledger names."""

    async def on_dtmf_received(self, digit: str) -> None:
        if digit == TRANSFER:
            outcome = await self.session.transfer(CAROL)
            if outcome.status == BUSY:
                await self.session.hang_up()
        elif digit == SEND_ON:
            await self.session.say("One moment.")
            await self.session.transfer(ledger())
        elif digit == PRESS:
            await self.session.press(KEYS)
        elif digit == CONNECT:
            await self.session.transfer_to(ledger())
        elif digit == CONSULT:
            uri, basis = ledger().split()
            call = await self.session.dial(uri, basis=basis)
            if await self.session.picked_up(call):
                await self.session.transfer_to(call)

    async def on_transfer_requested(self, uri: str) -> str | None:
        """Whom the ledger names is called."""
        wanted, _, basis = ledger().partition(" ")
        return basis if basis and wanted == uri else None

    async def on_user_away(self) -> None:
        """Stay on the line."""


def ledger() -> str:
    return Path(os.environ[LEDGER]).read_text()
