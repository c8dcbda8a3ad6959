"""Answers the phone; a key is an hour."""

from parley import Agent, RunContext, ToolError, function_tool
from parley.module import Refused

from .reducers import slot_taken


class Bookings(Agent):
    """Books the hour whose digit the caller presses."""

    greeting = "Hello, this is the booking desk."

    async def on_enter(self) -> None:
        """Ask for the hour."""
        await self.session.say("Which hour would you like? Press eight or nine.")

    async def on_dtmf_received(self, digit: str) -> None:
        """A digit is an hour."""
        try:
            taken = await self.session.call(self.book, hour=int(digit), name="the caller")
        except (ToolError, ValueError) as error:
            await self.session.say(f"I am sorry, {error}. Press another key.")
            return
        await self.session.say(f"You have {taken}. Goodbye.")
        await self.session.hang_up()

    @function_tool(idempotent=True)
    async def book(self, ctx: RunContext, hour: int, name: str) -> str:
        """Book an hour, once: the action has the tool call's own id."""
        try:
            return str(await ctx.act(slot_taken, hour=hour, who=name))
        except Refused as why:
            raise ToolError(str(why)) from why
