"""What the media processes tell, and who is told of it."""

from typing import Any, cast

from media.client import MediaUnavailable
from media.gates import CLOSED, CONTINUED, LEASE_LOST
from runtime.errors import named
from sessions.holding import holds_going_on
from sessions.lines import end
from sessions.live import LiveCall, Played
from sessions.parts import Parts
from sessions.reducers import leg_rolled_over
from sessions.tables import Call, CallState
from sessions.voice import play_again, played, progressed
from telephony.causes import Cause

Header = dict[str, Any]
MEDIA_COUNTS = ("late_ticks", "missed_ticks", "unsent", "flooded", "dropped")


class MediaEvents:
    """Finds the call of each event; opens again what a media process lost."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._house = parts.house
        self._calls = parts.calls
        self.stats: dict[int, Header] = {}
        """What each media process said of itself last."""

    async def run(self) -> None:
        """Take every event of the media processes, for ever."""
        async for event, payload in self._house.media.events():
            header = cast("Header", event)
            if header["event"] == "hello":
                await self._media_came(header)
            elif header["event"] == "chunk":
                await self._parts.sealing.take(header)
            elif header["event"] == "stats":
                self._media_told(header)
            elif "id" in header and self._parts.recorders.has(header.get("leg", "")):
                self._house.media.ack([header["id"]])
            elif header["event"] == "quality":
                self._parts.soon(self._parts.sealing.measured(header))
            elif header.get("leg") in self._calls:
                self._media_event(self._calls[header["leg"]], header, payload)
            elif "id" in header:
                self._house.media.ack([header["id"]])

    def _media_told(self, stats: Header) -> None:
        """How punctual a media process is; the operator is told where it was not."""
        before = self.stats.get(stats["process"], {})
        self.stats[stats["process"]] = stats
        if any(stats[count] > before.get(count, 0) for count in ("missed_ticks", "unsent")):
            told = {name: stats[name] for name in ("process", "legs", *MEDIA_COUNTS, "tick_us")}
            self._house.note("media was late", **told)

    async def _media_came(self, header: Header) -> None:
        """A link to a media process: what it should have and has not is opened again."""
        media, process = self._house.media, header["process"]
        there = {leg["leg"]: leg for leg in header["legs"]}
        for live in [live for live in self._calls.values() if media.process_of(live.id) == process]:
            leg = there.pop(live.id, None)
            live.quarantine.missed()
            try:
                await self._resume(live, lost=_why_lost(leg))
            except MediaUnavailable as error:
                self._house.note("media was lost again", call=live.id, why=named(error))
        await self._parts.recorders.media_came(process, there)
        for stranger in there:
            media.close(stranger, process)

    async def _resume(self, live: LiveCall, *, lost: str | None) -> None:
        """Leg, gate and words of one call, as the media process should have them."""
        await self._parts.lines.resume(live)
        if lost is None:
            live.gate_closed.clear()
        else:
            live.gate_closed.set()
            await self._parts.sealing.reopen_gate(live, lost)
        play_again(self._house, live)
        await self._parts.bridging.resume(live)

    def _media_event(self, live: LiveCall, header: Header, payload: bytes) -> None:
        match header["event"]:
            case "played":
                outcome = Played(
                    header["played_ms"],
                    header["total_ms"],
                    header["interrupted"],
                    header["at_us"],
                )
                played(live, header["utterance"], outcome)
            case "progress":
                progressed(live, header["utterance"], header["played_ms"])
                return
            case "gate_closed" if header["reason"] == CONTINUED:
                pass  # The next one is open already.
            case "gate_closed" if live.ended.is_set() or header["reason"] == CLOSED:
                live.gate_closed.set()
            case "gate_closed":
                live.gate_closed.set()
                lost = self._parts.sealing.gate_lost(live, header["reason"], header["epoch"])
                self._parts.soon(lost)
            case "speech_started":
                self._parts.attending.touch(live)
                self._parts.attending.interrupt(live)
                live.quarantine.speaks(header["at_us"])
                return
            case "silent":
                self._parts.soon(self._silent(live))
            case "roc":
                self._parts.soon(self._rolled_over(live, header))
                return
            case "heard":
                utterance = f"{live.id}:{header['id']}"
                live.quarantine.heard(utterance, header["at_us"], header["end_us"])
                self._parts.attending.deliver(live.id, header, payload)
                return
            case "dtmf":
                self._parts.attending.deliver(live.id, header, payload)
                return
            case _:
                return
        self._house.media.ack([header["id"]])

    async def _rolled_over(self, live: LiveCall, header: Header) -> None:
        await self._house.surely(leg_rolled_over, live.id, roc=header["roc"])
        self._house.media.ack([header["id"]])

    async def _silent(self, live: LiveCall) -> None:
        """No media for so long that the line must be dead, or it rings there or is held."""
        if await holds_going_on(self._house, live.id):
            return
        (row,) = await self._house.store.reader.rows(Call, id=live.id)
        if row.direction == "outbound" and row.state is CallState.OFFERED:
            return
        await end(self._house, live.id, "no media", Cause.NO_MEDIA)
        self._parts.lines.drop(live.id)


def _why_lost(leg: Header | None) -> str | None:
    """Why a media process has no open gate for a leg; none if it has one."""
    if leg is None:
        return "the media process was replaced"
    if leg["gate_epoch"] is None:
        return LEASE_LOST if leg.get("lease_lost") else "no gate was open"
    return None
