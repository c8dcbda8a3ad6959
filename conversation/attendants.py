"""Agents of the house: on lines that another call's agent had dialled."""

from conversation.agent import Agent, ChatMessage

OFFER = "Press one to take the call, or two to decline."
YES, NO = ("yes", "yes please", "i will take it"), ("no", "no thanks", "not now")


class Consultant(Agent):
    """Tells a colleague what a caller wants, and asks whether they take the call."""

    def expects(self) -> tuple[str, ...]:
        return (*YES, *NO)

    async def on_enter(self) -> None:
        brief = await self.session.brief()
        await self.session.say(f"{brief} {OFFER}", allow_interruptions=False)

    async def on_dtmf_received(self, digit: str) -> None:
        if digit in ("1", "2"):
            await self._answer(digit == "1")

    async def on_user_turn_completed(self, new_message: ChatMessage) -> None:
        said = new_message.text_content.lower().strip(" .")
        if new_message.confident and said in (*YES, *NO):
            await self._answer(said in YES)
        else:
            await self.session.say(OFFER)

    async def on_user_away(self) -> None:
        await self._answer(False)

    async def _answer(self, accepted: bool) -> None:
        await self.session.answer_consultation(accepted)
        if not accepted:
            await self.session.say("Thank you. Goodbye.", allow_interruptions=False)
            await self.session.hang_up()


HINT = "Four to listen, five to whisper, six to speak to all."
PARTS = {"4": "listens", "5": "whispers", "6": "barges"}


class Attendant(Agent):
    """The line of a supervisor, who says by keys what they are in the call they supervise."""

    async def on_enter(self) -> None:
        await self.session.say(HINT)

    async def on_dtmf_received(self, digit: str) -> None:
        if digit in PARTS:
            await self.session.supervise(PARTS[digit])

    async def on_user_away(self) -> None:
        """Whoever supervises may be silent as long as they like."""
