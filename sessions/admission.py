"""Taking a call into memory: one that is offered, and one that a row tells of."""

from conversation.agent import Agent
from conversation.tables import Memory
from runtime.errors import Refused
from sessions.attending import Attending
from sessions.callers import Callers
from sessions.house import House
from sessions.lines import Lines
from sessions.live import LiveCall
from sessions.reducers import call_offered
from sessions.sealing import Sealing
from sessions.tables import Call, CallState
from sessions.turns import Turns


class Admission:
    """Makes the agent of each call, once."""

    def __init__(
        self,
        house: House,
        calls: dict[str, LiveCall],
        *,
        callers: Callers,
        lines: Lines,
        turns: Turns,
        attending: Attending,
        sealing: Sealing,
    ) -> None:
        self._house = house
        self._calls = calls
        self._callers = callers
        self._lines = lines
        self._turns = turns
        self._attending = attending
        self._sealing = sealing
        self._agents: dict[str, tuple[str, Agent]] = {}

    async def offered(
        self, call: str, remote: str, local: str, replaces: str | None = None
    ) -> None:
        """Somebody calls. A repetition of the same INVITE is the same call."""
        house = self._house
        if len(self._calls) >= house.settings.calls_max:
            self._lines.reject(call, 503)
            return
        try:
            self.prepare_agent(call)
        except Refused as why:
            house.note("nobody can answer", why=str(why))
            self._lines.reject(call, 503)
            return
        except Exception as error:  # The agent's code is not ours.
            house.note("the agent can not be made", error=f"{type(error).__name__}: {error}")
            self._lines.reject(call, 500)
            return
        key = await house.prepare_key(call)
        used = ""
        try:
            used = await house.surely(
                call_offered,
                call,
                request=f"{call}/offered",
                line="sip",
                remote=await self._callers.seal(call, remote),
                local=await self._callers.seal(call, local),
                agent=house.settings.agent,
                words_key=key,
                replaces=replaces,
            )
        except Refused as why:
            house.note("the call is not taken", call=call, why=str(why))
            self._lines.reject(call, 503)
        if used != key:
            await house.discard_key(key)

    def prepare_agent(self, call: str, named: str = "") -> str:
        """Make the agent of a call that has no row yet; what its row is to name.

        Raises Refused where there is none.
        """
        app = named or self._house.agent_for(call)
        self._agents[call] = app, self._house.new_agent(app)
        return named or self._house.settings.agent

    def admit(self, row: Call, memory: Memory | None) -> LiveCall:
        """Take a call into memory, with the agent that serves it and what it remembers."""
        app, agent = self._agents.pop(row.id, (None, None))
        if agent is None or app != row.agent:
            agent = self._house.new_agent(row.agent)
        live = LiveCall(row.id, row.words_key, agent, row.direction == "outbound")
        live.turns_idle.set()
        self._house.adopt(row.id, row.words_key)
        if row.state is CallState.ENDED:
            live.ended.set()
        self._calls[row.id] = live
        self._turns.admit(live, memory)
        self._attending.begin(live)
        self._sealing.attend(live)
        return live
