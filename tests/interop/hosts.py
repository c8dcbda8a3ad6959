"""Who answers in the tests of joined calls: what to do is asked by keys."""

import os
from pathlib import Path

from parley import Agent, ChatMessage
from tests.interop.agents import LEDGER
from tests.interop.exchange import ledger

SAY, CONSULT, NOTE, HOLD, RESUME = "4", "5", "6", "7", "8"
WORDS = "Here is the front desk speaking, and all of you can hear me now."
BRIEF = "A caller wants to cancel a booking."
INTRODUCTION = "I have a colleague here who will take care of you. Goodbye."
CONTEXT = {"customer": "4711", "wants": "to cancel"}


class Host(Agent):
    """Says nothing by itself."""

    async def on_user_turn_completed(self, new_message: ChatMessage) -> None:
        note(f"{new_message.speaker or 'mine'} said something")

    async def on_dtmf_received(self, digit: str) -> None:
        if digit == NOTE:
            note(f"{self.session.speaker or 'mine'} pressed {digit}")
        elif digit == SAY:
            await self.session.say(WORDS, allow_interruptions=False)
        elif digit == CONSULT:
            uri, basis = ledger().split()
            found = await self.session.consult(uri, basis=basis, brief=BRIEF, context=CONTEXT)
            if found.accepted:
                await self.session.say(INTRODUCTION, allow_interruptions=False)
                await self.session.leave()
        elif digit == HOLD:
            await self.session.hold()
        elif digit == RESUME:
            await self.session.resume()

    async def on_user_away(self) -> None:
        """Stay on the line."""


def note(fact: str) -> None:
    """Into the ledger, where the test finds it."""
    with Path(os.environ[LEDGER]).open("a", encoding="utf-8") as file:
        file.write(f"{fact}\n")
