"""Why an effect failed stands in the log: of what went wrong its name and place, no words."""

from typing import Any

from runtime.errors import Refused, named
from runtime.outbox import Effect
from runtime.performer import Closing, Perform


class EffectFailed(Exception):
    """An effect of a call was not performed; what it was about is left out."""


def discreet(perform: Perform) -> Perform:
    """`perform`, whose errors quote nobody. What is refused comes with words of our own."""

    async def performed(effect: Effect, args: dict[str, Any]) -> Closing | None:
        try:
            return await perform(effect, args)
        except Refused:
            raise
        except Exception as error:
            raise EffectFailed(named(error)) from error

    return performed
