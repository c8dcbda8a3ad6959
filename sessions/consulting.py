"""Waiting for what a colleague says to a call."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from conversation.reducers import action_finished
from conversation.tables import Action, ActionState
from runtime.errors import Refused
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.consult_reducers import Consultation, ConsultState, consult_given_up
from sessions.house import House

CONSULT_S = 90.0
"""How long a colleague may take, from dialling to their answer, while the caller hears music."""


class Consulting:
    """Performs the effect of asking a colleague: it ends with their answer."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._waiting: dict[str, asyncio.Event] = {}

    def changed(self, row: Consultation) -> None:
        """There is news of a consultation."""
        if row.state is not ConsultState.ASKED and row.id in self._waiting:
            self._waiting[row.id].set()

    async def consult(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Wait until it is answered or over; the agent's step ends with that."""
        consultation = args["consultation"]
        settled = self._waiting.setdefault(consultation, asyncio.Event())
        try:
            row = await self._row(consultation)
            if row.state is ConsultState.ASKED:
                row = await self._settled(row, settled)
        finally:
            self._waiting.pop(consultation, None)
        (action,) = await self._house.store.reader.rows(Action, id=row.action)
        if action.finished_us is not None:
            return None
        result = {
            "call": row.id,
            "accepted": row.state is ConsultState.ACCEPTED,
            "cause": row.cause,
        }
        sealed = self._house.seal(json.dumps(result), action.args.key_id)
        finished = {"action": action.id, "state": ActionState.FINISHED, "result": sealed}
        return Closing(action_finished, finished)

    async def _settled(self, row: Consultation, settled: asyncio.Event) -> Consultation:
        elapsed_s = (self._house.clock() - row.asked_us) / 1_000_000
        try:
            async with asyncio.timeout(max(0.0, CONSULT_S - elapsed_s)):
                await settled.wait()
        except TimeoutError:
            # Refused where they have answered at the last moment.
            with suppress(Refused):
                await self._house.surely(consult_given_up, row.id)
        return await self._row(row.id)

    async def _row(self, consultation: str) -> Consultation:
        (row,) = await self._house.store.reader.rows(Consultation, id=consultation)
        return row
