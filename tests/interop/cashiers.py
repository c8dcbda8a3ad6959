"""Who takes card numbers in the tests."""

from parley import Agent
from tests.interop.hosts import note

GREETING = "Cash desk."
WELCOME = "Press five to pay, or nine when you are done."
ASK_CARD = "Please key in your card number now, and end with the hash key."
THANKS = "Thank you, that is paid. Is there anything else that I can do for you today?"
GOODBYE = "Goodbye."


class Cashier(Agent):
    """Takes a card number by keys, and passes on that it came."""

    greeting = GREETING

    async def on_enter(self) -> None:
        await self.session.say(WELCOME, allow_interruptions=False)

    async def on_dtmf_received(self, digit: str) -> None:
        if digit == "5":
            async with self.session.secure_capture() as card:
                await self.session.say(ASK_CARD, allow_interruptions=False)
                number = await card.digits(at_most=19)
            note(f"{len(number)} digits, {number[-1]} the last")
            # What an agent should not say is not kept either.
            await self.session.say(f"Your number {number}. {THANKS}", allow_interruptions=False)
        elif digit == "9":
            await self.session.say(GOODBYE, allow_interruptions=False)
            await self.session.hang_up()

    async def on_user_away(self) -> None:
        """Stay on the line."""
