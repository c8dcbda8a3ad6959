"""A call's media moves to another media process, so that it can be joined with a call there."""

from typing import Any

from media.client import MediaUnavailable
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.bridging import Bridging
from sessions.house import House
from sessions.joining_reducers import Joining, joining_settled
from sessions.lines import Lines
from sessions.live import LiveCall
from sessions.voice import play_again

GONE = "they hung up meanwhile"
NO_MEDIA = "the other media process has no room or does not answer: try again"
NOT_AGREED = "the other side did not agree to send its media to another port"


class Moving:
    """Performs the effect of bringing a call to another."""

    def __init__(
        self, house: House, calls: dict[str, LiveCall], lines: Lines, bridging: Bridging
    ) -> None:
        self._house = house
        self._calls = calls
        self._lines = lines
        self._bridging = bridging

    async def move(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Open the leg there, offer the new port, close the leg here. Performed again after a
        crash, what was committed is not done twice."""
        (row,) = await self._house.store.reader.rows(Joining, id=args["joining"])
        live = self._calls.get(row.other)
        refused = GONE
        if live is not None and not live.ended.is_set() and row.settled_us is None:
            refused = await self._moved(live, row)
        return Closing(joining_settled, {"joining": row.id, "refused": refused or None})

    async def _moved(self, live: LiveCall, row: Joining) -> str:
        """Why not, or ""."""
        target = self._house.media.process_of(row.call)
        if target == row.process:
            return ""  # Whom it joins has come here meanwhile.
        try:
            await self._bridging.gate_closed(live)
            await self._lines.legs.open_elsewhere(live.id, target)
        except MediaUnavailable:
            await self._lines.legs.go_back(live, target, row.process, row.port)
            return NO_MEDIA
        if not await self._lines.reoffer_as_is(live):
            await self._lines.legs.go_back(live, target, row.process, row.port)
            return GONE if live.ended.is_set() else NOT_AGREED
        self._house.media.close(live.id, row.process)
        live.music = None
        self._house.media.listen(live.id, True)
        play_again(self._house, live)
        return ""
