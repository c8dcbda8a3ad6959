"""Who answers in the tests of joined calls: what to do is asked by keys."""

from parley import Agent
from tests.interop.exchange import ledger

SAY, CONSULT, HOLD, RESUME, LEAVE = "4", "5", "7", "8", "9"
WORDS = "Here is the front desk speaking, and all of you can hear me now."
BRIEF = "A caller wants to cancel a booking."
INTRODUCTION = "I have a colleague here who will take care of you. Goodbye."
CONTEXT = {"customer": "4711", "wants": "to cancel"}


class Host(Agent):
    """Says nothing by itself."""

    async def on_dtmf_received(self, digit: str) -> None:
        if digit == SAY:
            await self.session.say(WORDS, allow_interruptions=False)
        elif digit == CONSULT:
            uri, basis = ledger().split()
            found = await self.session.consult(uri, basis=basis, brief=BRIEF)
            if found.accepted:
                await self.session.say(INTRODUCTION, allow_interruptions=False)
                await self.session.leave()
        elif digit == HOLD:
            await self.session.hold()
        elif digit == RESUME:
            await self.session.resume()

    async def on_user_away(self) -> None:
        """Stay on the line."""
