"""The shell of the trunks: registers, asks whether they are there, finds the ways out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from telephony.flow import Hop
from telephony.sip import UserAgent
from telephony.sip.core import OutOfDialog
from telephony.sip.dialog import contact_hop
from telephony.sip.message import Response
from telephony.sip.outputs import Event, Responded
from telephony.sip.ways import HOPS_MAX, WayOut
from telephony.trunks.choosing import Choice, choose
from telephony.trunks.gate import TrunkGate
from telephony.trunks.probing import AWAY, Probe
from telephony.trunks.registering import Registration
from telephony.trunks.tables import TrunkState
from telephony.trunks.trunk import Trunk

# A clock that is put back must not have us sleep for a day.
NAP_S_MAX = 30.0
CALL_ID_BYTES = 16
ANONYMOUS = "sip:anonymous@anonymous.invalid"

T = TypeVar("T")
Resolve = Callable[[str], Awaitable[Sequence[Hop]]]


class NoTrunk(Exception):
    """No trunk can take a call now."""


class Line(Protocol):
    """What gives commands to the user agent."""

    def do(self, command: Callable[[UserAgent, float], T]) -> T: ...


class TrunkLines:
    """`run` keeps all trunks until it is cancelled. Names are found by `resolve`.

    `save` commits how a trunk stands; `clock` is in microseconds, UTC.
    """

    def __init__(
        self,
        trunks: Sequence[Trunk],
        gate: TrunkGate | None,
        resolve: Resolve,
        *,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        save: Callable[[TrunkState], Awaitable[None]],
    ) -> None:
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._gate = gate
        self._resolve = resolve
        self._clock = clock
        self._entropy = entropy
        self._save = save
        self._line: Line | None = None
        self._waiting: dict[str, asyncio.Future[Response]] = {}
        self.states: dict[str, TrunkState] = {}
        self._registrations = {t.name: self._registration(t) for t in trunks if t.registrar}
        self._probes = {
            t.name: Probe(t, entropy(CALL_ID_BYTES).hex(), self._chance)
            for t in trunks
            if t.keepalive_s and t.next_hop
        }
        for trunk in trunks:
            if trunk.next_hop and (hop := contact_hop([], trunk.next_hop)) is not None:
                self._found(trunk, [hop])

    def recall(self, rows: Iterable[TrunkState]) -> None:
        """How the trunks stood before a restart."""
        for row in rows:
            if row.id in self._trunks:
                self.states[row.id] = replace(row, changed_us=0)
            if (probe := self._probes.get(row.id)) is not None:
                probe.failures = row.failures

    def attach(self, line: Line) -> None:
        """The line is open."""
        self._line = line

    async def run(self) -> None:
        """Keep every trunk, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for registration in self._registrations.values():
                tasks.create_task(self._keep(registration))
            for probe in self._probes.values():
                tasks.create_task(self._keep(probe))
            await asyncio.get_running_loop().create_future()

    def heard(self, event: Event) -> bool:
        """Whether the event was the answer to one of ours."""
        if not isinstance(event, Responded):
            return False
        answer = self._waiting.pop(event.request_id, None)
        if answer is not None and not answer.done():
            answer.set_result(event.response)
        return answer is not None

    async def ways(self, to: str, from_uri: str = ANONYMOUS) -> list[WayOut]:
        """How to call somebody, the best way first. NoTrunk when there is none.

        `to` is a number or a URI: ValueError when it is neither. Without any trunk a SIP URI is
        called where it leads, as `from_uri`.
        """
        if not self._trunks:
            hops = await self._hops(to)
            found = [WayOut("", to, from_uri, tuple(hops))] if hops else []
        else:
            trunks = list(self._trunks.values())
            choices = choose(trunks, self.states, self._calls_of, to, self._clock())
            found = [way for way in await asyncio.gather(*map(self._way, choices)) if way.hops]
        if not found:
            raise NoTrunk("no way out leads there: parley check says how the trunks stand")
        return found

    async def way_by(self, name: str, uri: str, from_uri: str) -> WayOut:
        """To a SIP URI by the trunk of that name; by none where it is empty. NoTrunk."""
        if not name:
            hops, way = await self._hops(uri), WayOut("", uri, from_uri, ())
        elif (trunk := self._trunks.get(name)) is not None and trunk.next_hop:
            hops, way = await self._hops(trunk.next_hop), WayOut(name, uri, trunk.own_uri, ())
        else:
            raise NoTrunk(f"no trunk {name!r} leads out: name one with a proxy or a registrar")
        if not hops:
            raise NoTrunk("no way leads to the recorder: its host is not found")
        return replace(way, hops=tuple(hops))

    async def _way(self, choice: Choice) -> WayOut:
        hops = await self._hops(choice.trunk.next_hop)
        name, headers = choice.trunk.name, choice.headers
        return WayOut(name, choice.target_uri, choice.from_uri, tuple(hops), headers)

    def _calls_of(self, trunk: str) -> int:
        assert self._line is not None, "ways out are asked for once the line is open"
        return self._line.do(lambda agent, _: agent.calls_of(trunk))

    async def _keep(self, errand: Registration | Probe) -> None:
        while True:
            if (wait_s := errand.due_at - self._clock() / 1e6) > 0:
                await asyncio.sleep(min(wait_s, NAP_S_MAX))
                continue
            response = await self._anywhere(errand)
            errand.answered(response, self._clock() / 1e6)
            await self._noted(errand.trunk)

    async def _anywhere(self, errand: Registration | Probe) -> Response | None:
        """Ask one hop after the other, until one answers (RFC 3263 section 4.3)."""
        response: Response | None = None
        hops = await self._hops(errand.trunk.next_hop)
        self._found(errand.trunk, hops)
        for hop in hops:
            response = await self._asked(errand.request(), hop) or response
            if response is not None and response.status not in AWAY:
                break
        return response

    async def _asked(self, asked: OutOfDialog, hop: Hop) -> Response | None:
        """The final answer, 408 where none comes; None where nothing of ours leads there."""
        assert self._line is not None, "trunks are kept once the line is open"
        try:
            request_id = self._line.do(lambda agent, now: agent.request(asked, hop, now))
        except ValueError:
            return None
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        return await answer

    async def _hops(self, uri: str) -> Sequence[Hop]:
        if (hop := contact_hop([], uri)) is not None:
            return [hop]
        try:
            return [*await self._resolve(uri)][:HOPS_MAX]
        except (ValueError, OSError):
            # A name that leads nowhere now may do so later: it counts as a trunk that is away.
            return []

    def _found(self, trunk: Trunk, hops: Sequence[Hop]) -> None:
        """Who is named by its own addresses is let in from these only."""
        if self._gate is not None and hops and not trunk.peers:
            self._gate.reached_at(trunk.name, hops)

    async def _noted(self, trunk: Trunk) -> None:
        """Have it on disk, where it changed."""
        registration, probe = self._registrations.get(trunk.name), self._probes.get(trunk.name)
        state = TrunkState(
            id=trunk.name,
            registered_until_us=round(registration.until * 1e6) if registration else 0,
            up=probe is None or probe.is_up,
            failures=probe.failures if probe else 0,
            why=registration.why if registration else "",
            changed_us=0,
        )
        if self.states.get(trunk.name) != state:
            self.states[trunk.name] = state
            await self._save(state)

    def _registration(self, trunk: Trunk) -> Registration:
        return Registration(trunk, self._entropy(CALL_ID_BYTES).hex(), self._chance)

    def _chance(self) -> float:
        return int.from_bytes(self._entropy(4), "big") / 2**32
