"""Calling somebody: the order is performed once, and what becomes of it is committed."""

from collections.abc import Callable
from typing import Any

from consent.policy.plan import Start
from consent.tables import Basis
from media.client import MediaUnavailable
from runtime.errors import Refused
from runtime.keystore import KeyDestroyed
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.callers import Callers
from sessions.house import House
from sessions.lines import Lines as CallLines
from sessions.lines import end
from sessions.live import LiveCall
from sessions.outbound import call_placed, dial_failed, dial_rang
from sessions.plans import by_name, facts_of_order
from sessions.reducers import call_answered
from sessions.routing import Route
from sessions.tables import Call, Dial, DialState
from telephony import causes
from telephony.causes import Cause
from telephony.sip import DialogState
from telephony.sip.headers import Lines

AI_CALLS = "outbound_ai_voice"
"""What somebody agrees to who may be called by an agent."""


class NotCalled(Exception):
    """Nobody is called, for a cause that stands in the order's row."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


class Dialling:
    """Performs the effect of calling, and takes what the line says of it."""

    def __init__(
        self,
        house: House,
        calls: dict[str, LiveCall],
        dialogs: dict[str, DialogState],
        *,
        callers: Callers,
        lines: CallLines,
        prepare_agent: Callable[[str, str], str],
    ) -> None:
        self._house = house
        self._calls = calls
        self._dialogs = dialogs
        self._callers = callers
        self._lines = lines
        self._prepare_agent = prepare_agent

    async def dial(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Send the INVITE, after the call's row. The dialog has the id that the order drew:
        performed again, it is found, and nobody is called twice."""
        call = args["call"]
        (order,) = await self._house.store.reader.rows(Dial, id=call)
        if order.state is DialState.ORDERED:
            try:
                await self._place(order)
            except NotCalled as why:
                return Closing(dial_failed, {"call": call, "cause": why.cause.value})
        live = self._calls.get(call)
        if live is not None and not live.ended.is_set() and call not in self._dialogs:
            await self._invite(live, order)
        return None

    async def _place(self, order: Dial) -> None:
        house = self._house
        if len(self._calls) >= house.settings.calls_max:
            raise NotCalled(Cause.CONGESTION)
        (basis,) = await house.store.reader.rows(Basis, id=order.basis)
        try:
            uri = house.unseal(basis.party)
        except KeyDestroyed as erased:
            raise NotCalled(Cause.NOT_PERMITTED) from erased
        await self._must_be_lawful(order, uri)
        route = await self._route(order.id, uri)
        try:
            agent = self._prepare_agent(order.id, order.agent)
        except Exception as error:  # The agent's code is not ours.
            house.note("nobody can speak", call=order.id, error=type(error).__name__)
            raise NotCalled(Cause.FAILED) from error
        key = await house.prepare_key(order.id)
        try:
            await house.surely(
                call_placed,
                order.id,
                request=f"{order.id}/placed",
                line="sip",
                remote=await self._callers.seal(order.id, uri),
                local=await self._callers.seal(order.id, route.from_uri),
                agent=agent,
                words_key=key,
            )
        except Refused as why:
            await house.discard_key(key)
            house.note("the call is not made", call=order.id, why=str(why))
            raise NotCalled(Cause.NOT_PERMITTED) from why

    async def _must_be_lawful(self, order: Dial, uri: str) -> None:
        """By the law of where they are, an AI may call them: asked before the first INVITE.

        Raises NotCalled. Policies that are not by the law have no such scope.
        """
        house = self._house
        facts = await facts_of_order(house.store.reader, house.keystore, order, uri)
        terms = await (house.terms_for or by_name(house.settings.policy))(facts)
        for term in terms:
            if term.scope == AI_CALLS and term.start is Start.DISABLED:
                why = "the law of where they are wants their consent to calls by an AI first"
                house.note(why, call=order.id, rules=", ".join(term.rules))
                raise NotCalled(Cause.NOT_PERMITTED)

    async def _route(self, call: str, uri: str) -> Route:
        try:
            return await self._house.route(uri)
        except (Refused, ValueError) as why:
            self._house.note("no way leads to who is called", call=call)
            raise NotCalled(Cause.NO_ROUTE) from why

    async def _invite(self, live: LiveCall, order: Dial) -> None:
        (row,) = await self._house.store.reader.rows(Call, id=live.id)
        assert self._house.sip is not None, "effects are performed once the line is open"
        try:
            uri = self._house.unseal(row.remote)
            route = await self._route(live.id, uri)
            headers = (*route.headers, *self._replacing(order))
            body = await self._lines.offer(live, route.hops[0].address.host, route.trunk)
            self._house.sip.do(
                lambda ua, now: ua.invite(
                    route.uri or uri,
                    body,
                    route.from_uri,
                    route.hops,
                    now,
                    headers=headers,
                    trunk=route.trunk,
                    otherwise=route.otherwise,
                    dialog_id=live.id,
                    redirects_max=route.redirects_max,
                )
            )
        except NotCalled as why:
            await self._failed(live.id, why.cause)
        except MediaUnavailable:
            await self._failed(live.id, Cause.NO_MEDIA)
        except (KeyDestroyed, ValueError):
            # Erased meanwhile, or nothing of ours leads there.
            await self._failed(live.id, Cause.NO_ROUTE)
        else:
            await self._house.sip.flushed()

    def _replacing(self, order: Dial) -> Lines:
        """Raises KeyDestroyed."""
        if order.replaces is None:
            return ()
        return (("Require", "replaces"), ("Replaces", self._house.unseal(order.replaces)))

    async def _failed(self, call: str, cause: Cause) -> None:
        await end(self._house, call, f"network: {causes.WORDS[cause]}", cause)

    async def rang(self, live: LiveCall) -> None:
        """It rings there."""
        if live.has_rung:
            return
        live.has_rung = True
        await self._house.surely(dial_rang, live.id)

    async def answered(self, live: LiveCall, body: bytes | None) -> None:
        """Somebody picked up: their media is known, and from here on it is a call like any."""
        house = self._house
        try:
            if not await self._lines.agreed(live, body or b""):
                await end(house, live.id, "no codec in common", Cause.INCOMPATIBLE)
                self._lines.drop(live.id)
                return
            request = f"{live.id}/answered"
            owed = await house.owed(live.id, self._dialogs[live.id].trunk)
            await house.surely(call_answered, live.id, request=request, **owed)
        except Refused:
            return  # They have hung up meanwhile.
        house.media.listen(live.id, True)
