"""Pausing a call from our side, and knowing that it is paused."""

from collections.abc import Awaitable, Callable
from typing import Any

from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.hold_reducers import hold_settled
from sessions.house import House
from sessions.live import LiveCall
from sessions.tables import Hold
from telephony.sdp.directions import SENDONLY, SENDRECV

Reoffer = Callable[[LiveCall, str], Awaitable[bool]]


class Holding:
    """Performs the effect of a pause, and of its end."""

    def __init__(self, calls: dict[str, LiveCall], reoffer: Reoffer) -> None:
        self._calls = calls
        self._reoffer = reoffer

    async def hold(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Ask the other side. Asked once more after a crash, it is told nothing new."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        agreed = await self._reoffer(live, SENDONLY if args["on"] else SENDRECV)
        return Closing(hold_settled, {"hold": args["hold"], "on": args["on"], "agreed": agreed})


async def holds_going_on(house: House, call: str, by: str | None = None) -> list[Hold]:
    """The pauses of a call that have begun and not ended; of one side, or of both."""
    rows = await house.store.reader.rows(Hold, call=call)
    return [
        row
        for row in rows
        if row.since_us is not None and row.until_us is None and by in (None, row.by)
    ]


def settled(live: LiveCall, hold: str) -> None:
    """A pause began, ended or was refused: whoever waits for that looks at its row."""
    waiting = live.paused.pop(hold, None)
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
