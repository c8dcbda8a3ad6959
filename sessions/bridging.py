"""Media follow the rows of a bridge: gates are closed first, then parties are joined."""

import asyncio
from typing import Any

from consent.machine import Reason
from consent.reducers import RECORDING
from conversation.attendants import Attendant
from media.client import MediaUnavailable
from recordings.tables import Recording
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.asking import Asking
from sessions.bridge_reducers import agent_presence_changed
from sessions.hold_reducers import AGENT
from sessions.holding import holds_going_on
from sessions.house import House
from sessions.joining_reducers import Joining
from sessions.live import LiveCall
from sessions.tables import Hold
from telephony.bridge import (
    SUPERVISES,
    Bridge,
    Hearing,
    Member,
    Part,
    Presence,
    is_attended,
)

GATE_WAIT_S = 3.0
"""How long a gate may take to close before the parties are left apart, and it is tried again."""


class Bridging:
    """Performs the effects of closing a gate for somebody who joins, and of joining."""

    def __init__(self, house: House, calls: dict[str, LiveCall], asking: Asking) -> None:
        self._house = house
        self._calls = calls
        self._asking = asking

    async def close_gate(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Somebody who did not agree is about to be heard, or who agreed has withdrawn."""
        live = self._calls.get(effect.scope or "")
        if live is not None:
            await self.gate_closed(live, drop=bool(args.get("drop")))
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
            if await self._suspended_us(live) is not None:
                await self.gate_closed(live)
        for live in lives:
            await self.follow(live)
        return None

    async def follow(self, live: LiveCall) -> None:
        """Bring the media of one call to what the rows say; said again, it changes nothing."""
        house = self._house
        is_held = await self._place(live)
        if live.ended.is_set() or not house.media.has(live.id):
            return
        rows = await house.store.reader.rows(Hearing, listener=live.id)
        here = house.media.process_of(live.id)
        if any(house.media.process_of(row.source) != here for row in rows):
            house.note("joined calls are at different media processes", call=live.id)
        house.media.hear(live.id, sorted((row.source, str(row.what)) for row in rows))
        is_asked = await self._asking.is_asked(live.id)
        heard = live.capture is None and (live.words_to is not None or is_asked)
        house.media.listen(live.id, heard)
        if live.presence is not Presence.PRESENT:
            self._hush(live)
        self._play_music(live, is_held)

    async def resume(self, live: LiveCall) -> None:
        """A new media process knows no bridge and plays no music; a new node knows not which."""
        live.music = None
        reader = self._house.store.reader
        joined = await reader.rows(Member, call=live.id)
        held = await reader.rows(Hold, call=live.id)
        if joined or held or await reader.rows(Joining, other=live.id):
            await self.follow(live)

    async def _place(self, live: LiveCall) -> bool:
        """Note whose agent hears and is heard on the line; whether the party is held."""
        reader = self._house.store.reader
        is_held = bool(await holds_going_on(self._house, live.id, AGENT))
        live.presence, live.is_joined = Presence.PRESENT, False
        live.keys_to, live.words_to = live.id, None if is_held else live.id
        for member in await reader.rows(Member, call=live.id):
            if member.left_us is None:
                (bridge,) = await reader.rows(Bridge, id=member.bridge)
                self._place_member(live, bridge, member)
                is_held = is_held or member.part is Part.HELD
        if any(row.settled_us is None for row in await reader.rows(Joining, other=live.id)):
            # On its way to another call, it is with nobody.
            live.presence, live.is_joined, is_held = Presence.GONE, True, True
            live.keys_to = live.words_to = None
        return is_held

    def _place_member(self, live: LiveCall, bridge: Bridge, member: Member) -> None:
        live.is_joined = True
        attended = bridge.call if is_attended(bridge, member) else None
        live.words_to = live.keys_to = attended
        if member.part in SUPERVISES and isinstance(live.agent, Attendant):
            # Nobody else hears what it says, and it is told of keys only.
            live.keys_to = live.id
        elif bridge.call == live.id:
            live.presence = bridge.agent
            # Who is held may press a key all the same.
            live.keys_to = None if bridge.agent is Presence.GONE else live.id
        else:
            # There is one agent in a bridge: that of the call which leads it.
            live.presence = Presence.GONE

    def _hush(self, live: LiveCall) -> None:
        """The agent is silent; the question about recording is not the agent's."""
        if not live.question:
            self._house.media.stop(live.id)
            live.music = None
        for utterance, playing in live.playing.items():
            if utterance != live.question:
                self._house.media.stop(live.id, utterance)
                playing.cut_off()

    def _play_music(self, live: LiveCall, on: bool) -> None:
        name = f"{live.id}:music"
        if on and not live.music:
            self._house.media.play(live.id, name, self._house.settings.hold_music, loop=True)
        elif not on and live.music is not False:
            self._house.media.stop(live.id, name)
        live.music = on

    async def _suspended_us(self, live: LiveCall) -> int | None:
        """Since when its recording is suspended; none where it is not."""
        rows = await self._house.store.reader.rows(Recording, id=live.id)
        return rows[0].suspended_us if rows else None

    async def gate_closed(self, live: LiveCall, *, drop: bool = False) -> None:
        """Close it, as of the moment in which the recording was suspended, and wait for that.

        `drop`: what is not sealed yet never is.
        Raises MediaUnavailable where it cannot be known yet: the effect is tried again.
        """
        if live.gate_closed.is_set() or live.ended.is_set():
            return
        self._house.media.close_gate(live.id, await self._suspended_us(live), drop=drop)
        try:
            async with asyncio.timeout(GATE_WAIT_S):
                await live.gate_closed.wait()
        except TimeoutError as error:
            raise MediaUnavailable(f"the gate of {live.id} was not closed in time") from error
        standing = (await self._asking.standings(live.id)).get(RECORDING)
        # What was said before card data are entered may be about them: it waits for its words.
        if standing is not None and Reason.CAPTURE not in standing.closed_by:
            live.quarantine.release()
