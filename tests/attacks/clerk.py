"""Who answers in these tests: a clerk that is told a card number, and reads it back."""

from conversation.agent import ChatMessage
from parley import Agent

CARD = "4242 4242 4242 4242"
CARD_WORDS = " ".join(["four two"] * 8)
SAID = f"my card number is {CARD_WORDS} thank you"
READ_BACK = f"I have read {CARD} from you. Please go on, or press five."
WELCOME = "Thank you. Please tell me your card number."
GOODBYE = "Thank you for calling. Goodbye."


class CardClerk(Agent):
    greeting = "Card desk."

    def expects(self) -> tuple[str, ...]:
        return (SAID, "i want to change my booking")

    async def on_enter(self) -> None:
        await self.session.say(WELCOME, allow_interruptions=False)

    async def on_user_turn_completed(self, new_message: ChatMessage) -> None:
        if "card" in new_message.text_content:
            await self.session.say(READ_BACK, allow_interruptions=False)

    async def on_dtmf_received(self, digit: str) -> None:
        await self.session.say(GOODBYE, allow_interruptions=False)
        await self.session.hang_up()
