"""Media follow the rows of a bridge: gates are closed first, then parties are joined."""

import asyncio
from typing import Any

from media.client import MediaUnavailable
from media.music import hold_music
from media.units import pcm
from recordings.tables import Recording, RecordingState
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.bridge_reducers import agent_presence_changed
from sessions.house import House
from sessions.live import LiveCall
from telephony.bridge import Bridge, Hearing, Member, Part, Presence

GATE_WAIT_S = 3.0
"""How long a gate may take to close before the parties are left apart, and it is tried again."""


class Bridging:
    """Performs the effects of closing a gate for somebody who joins, and of joining."""

    def __init__(self, house: House, calls: dict[str, LiveCall]) -> None:
        self._house = house
        self._calls = calls
        self._music = pcm(hold_music())

    async def close_gate(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Somebody who did not agree is about to be heard."""
        live = self._calls.get(effect.scope or "")
        if live is not None:
            await self._gate_closed(live)
        return None

    async def leave(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """All that the agent said was played: it goes."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        return Closing(agent_presence_changed, {"call": live.id, "presence": Presence.GONE})

    async def hear(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Bring the media of all who are, or were, in a bridge to what its rows say."""
        members = await self._house.store.reader.rows(Member, bridge=args["bridge"])
        lives = [self._calls[one.call] for one in members if one.call in self._calls]
        # Not one frame of the joined conversation may get into a recording that it suspends.
        for live in lives:
            if await self._is_suspended(live):
                await self._gate_closed(live)
        for live in lives:
            await self.follow(live)
        return None

    async def follow(self, live: LiveCall) -> None:
        """Bring the media of one call to what the rows say; said again, it changes nothing."""
        part = await self._place(live)
        if live.ended.is_set() or not self._house.media.has(live.id):
            return
        rows = await self._house.store.reader.rows(Hearing, listener=live.id)
        here = self._house.media.process_of(live.id)
        if any(self._house.media.process_of(row.source) != here for row in rows):
            self._house.note("joined calls are at different media processes", call=live.id)
        self._house.media.hear(live.id, sorted((row.source, str(row.what)) for row in rows))
        self._house.media.listen(live.id, live.presence is not Presence.GONE)
        if live.presence is not Presence.PRESENT:
            self._house.media.stop(live.id)
            live.music = None
            live.hush()
        self._play_music(live, part is Part.HELD)

    async def resume(self, live: LiveCall) -> None:
        """A new media process knows no bridge and plays no music."""
        live.music = None
        if await self._house.store.reader.rows(Member, call=live.id):
            await self.follow(live)

    async def _place(self, live: LiveCall) -> Part | None:
        """Note whether the call's agent is present; answers the call's part in its bridge."""
        reader = self._house.store.reader
        for member in await reader.rows(Member, call=live.id):
            if member.left_us is None:
                (bridge,) = await reader.rows(Bridge, id=member.bridge)
                # There is one agent in a bridge: that of the call which leads it.
                leads = bridge.call == live.id
                live.presence = bridge.agent if leads else Presence.GONE
                return member.part
        live.presence = Presence.PRESENT
        return None

    def _play_music(self, live: LiveCall, on: bool) -> None:
        if on and live.music is None:
            live.music = f"{live.id}:music-{self._house.entropy(4).hex()}"
            self._house.media.play(live.id, live.music, self._music, loop=True)
        elif not on and live.music is not None:
            self._house.media.stop(live.id, live.music)
            live.music = None

    async def _is_suspended(self, live: LiveCall) -> bool:
        rows = await self._house.store.reader.rows(Recording, id=live.id)
        return bool(rows) and rows[0].state is RecordingState.SUSPENDED

    async def _gate_closed(self, live: LiveCall) -> None:
        """Raises MediaUnavailable where that cannot be known yet: the effect is tried again."""
        if live.gate_closed.is_set() or live.ended.is_set():
            return
        self._house.media.close_gate(live.id)
        try:
            async with asyncio.timeout(GATE_WAIT_S):
                await live.gate_closed.wait()
        except TimeoutError as error:
            raise MediaUnavailable(f"the gate of {live.id} was not closed in time") from error
