"""Agents for measurements: they answer, and add nothing of their own to what is measured."""

from parley import Agent


class Quiet(Agent):
    """Says nothing, does nothing, and stays on the line."""

    async def on_user_away(self) -> None:
        """The caller hangs up when it likes."""
