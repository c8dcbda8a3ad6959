"""Handing a call over, and pressing keys: what an agent has done on the line itself."""

import asyncio
import json
from typing import Any

from conversation.reducers import action_finished, action_started
from conversation.tables import Action, ActionState
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.house import House
from sessions.keeping import NOT_KEPT, is_whole
from sessions.live import LiveCall
from sessions.tables import Leg
from telephony import dtmf_info, sip
from telephony.sip import DialogState
from telephony.sip.dialog import CONFIRMED

KEY_MS = 160
"""How long a key is held."""

KEY_S = 0.3
"""From one key to the next, in RTP and by INFO alike."""

CALL_IS_OVER = 487
NO_SUCH_CALL = 481


class Transferring:
    """Performs the effects of a transfer and of pressing keys."""

    def __init__(
        self, house: House, calls: dict[str, LiveCall], dialogs: dict[str, DialogState]
    ) -> None:
        self._house = house
        self._calls = calls
        self._dialogs = dialogs
        self._outcomes: dict[str, asyncio.Future[int]] = {}

    async def transfer(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Send the REFER and wait for what becomes of it. The order's id goes with it into the
        dialog's row, so that one performed again is the same."""
        live = self._calls.get(effect.scope or "")
        (row,) = await self._house.store.reader.rows(Action, id=args["action"])
        if live is None or row.finished_us is not None:
            return None
        await self._house.act(action_started, live.id, action=row.id)
        status = await self._outcome(live, row.id, json.loads(self._house.unseal(row.args)))
        return self._closing(row, ActionState.FINISHED, {"status": status})

    async def _outcome(self, live: LiveCall, order: str, asked: dict[str, str]) -> int:
        """The status the transfer ended with, also where the call ended before it."""
        target, replaces = asked.get("to", ""), asked.get("call", "")
        if replaces:
            other = self._dialogs.get(replaces)
            if other is None or other.status != CONFIRMED:
                return NO_SUCH_CALL
            target = other.remote_target
        return await self.refer(live, order, target, replaces)

    async def refer(self, live: LiveCall, order: str, target: str, replaces: str = "") -> int:
        """Hand the call to a URI, once for an order; the status that it ended with."""
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._outcomes[order] = told
        if self._house.sip is not None:
            self._house.sip.do(
                lambda ua, now: ua.refer(live.id, order, target, now, replaces=replaces)
            )
        ended = asyncio.ensure_future(live.ended.wait())
        try:
            await asyncio.wait((told, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            del self._outcomes[order]
        return told.result() if told.done() else self._written(live.id, order)

    def _written(self, call: str, order: str) -> int:
        """How it ended by the dialog's row; where that says nothing, the call was over first."""
        dialog = self._dialogs.get(call)
        known = dialog.refer_status if dialog and dialog.refer_id == order else 0
        return known or CALL_IS_OVER

    def told(self, event: sip.Transferred) -> None:
        """The line says how a transfer ended."""
        waiting = self._outcomes.get(event.refer_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(event.status)

    async def press(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Press keys, at most once: after a crash nobody knows which the other side has heard."""
        live = self._calls.get(effect.scope or "")
        (row,) = await self._house.store.reader.rows(Action, id=args["action"])
        if live is None or row.finished_us is not None:
            return None
        if not await self._house.act(action_started, live.id, action=row.id):
            return self._closing(row, ActionState.UNKNOWN, {})
        given = live.clear.pop(row.id, "") or self._house.unseal(row.args)
        if not is_whole(given):
            return self._closing(row, ActionState.FAILED, {"why": NOT_KEPT})
        keys: str = json.loads(given)["keys"]
        (leg,) = await self._house.store.reader.rows(Leg, id=live.id)
        if leg.dtmf_payload_type is not None:
            self._house.media.dtmf(live.id, keys, KEY_MS)
            await self._pause(live, len(keys))
        else:
            for key in keys:
                self._inform(live, key)
                await self._pause(live, 1)
        return self._closing(row, ActionState.FINISHED, {})

    def _inform(self, live: LiveCall, key: str) -> None:
        """A peer without telephone events is told by INFO."""
        body = dtmf_info.relay(key, KEY_MS)
        if self._house.sip is not None and not live.ended.is_set():
            self._house.sip.do(lambda ua, now: ua.info(live.id, dtmf_info.RELAY, body, now))

    async def _pause(self, live: LiveCall, keys: int) -> None:
        """What is said next must not be said over the keys."""
        try:
            await asyncio.wait_for(live.ended.wait(), keys * KEY_S)
        except TimeoutError:
            return

    def _closing(self, row: Action, state: ActionState, result: dict[str, Any]) -> Closing:
        sealed = self._house.seal(json.dumps(result), row.args.key_id)
        return Closing(action_finished, {"action": row.id, "state": state, "result": sealed})
