"""What was committed, and who waits for that."""

from typing import Any

from conversation.tables import Utterance, UtteranceState
from recordings.tables import RecordingState
from runtime.values import typed_row
from runtime.writer import Committed
from sessions.consult_reducers import Consultation
from sessions.holding import settled
from sessions.parts import Parts
from sessions.tables import Call, CallState, Dial, DialState

Header = dict[str, Any]


class Changes:
    """Looks at each row of a call that came or changed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._house = parts.house
        self._calls = parts.calls

    def committed(self, batch: list[Committed]) -> None:
        for committed in batch:
            for table, old, new in committed.entry.deltas:
                if new is not None:
                    self._changed(table, old, new)

    def _changed(self, table: str, old: Header | None, new: Header) -> None:
        if table == "call":
            self._call_changed(typed_row(Call, new))
            return
        if table == "consultation":
            self._parts.consulting.changed(typed_row(Consultation, new))
            return
        if table == "dial":
            self._dial_changed(typed_row(Dial, new))
            return
        live = self._calls.get(new["other"] if table == "joining" else new.get("call", ""))
        if live is None:
            return
        if table == "utterance" and new["state"] == UtteranceState.ENDED.value:
            ended = live.spoken.pop(new["id"], None)
            if ended is not None and not ended.done():
                ended.set_result(typed_row(Utterance, new))
            self._parts.attending.touch(live)
        elif table == "action" and new["finished_us"] is not None:
            finished = live.acted.pop(new["id"], None)
            if finished is not None and not finished.done():
                finished.set_result(None)
        elif table == "hold":
            settled(live, new["id"])
            self._parts.soon(self._parts.bridging.follow(live))
        elif table == "joining":
            self._parts.soon(self._parts.bridging.follow(live))
        elif table == "recording":
            live.recording = new["state"] == RecordingState.OPEN.value
        elif table == "turn" and new["completed_us"] is not None:
            live.completed.add(new["id"])
            live.heard.pop(new["id"], None)
            self._parts.attending.acknowledge(live.unacknowledged.pop(new["id"], None))
            self._parts.attending.touch(live)

    def _dial_changed(self, order: Dial) -> None:
        self._parts.referring.went(order)
        if order.state not in (DialState.ANSWERED, DialState.FAILED):
            return
        for live in self._calls.values():
            waiting = live.dialled.pop(order.id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def _call_changed(self, row: Call) -> None:
        if row.state is CallState.OFFERED and row.id not in self._calls:
            self._parts.admission.admit(row, None)
        elif row.state is CallState.ENDED and row.id in self._calls:
            self._calls[row.id].end()
        elif row.state is CallState.SEALED:
            self._parts.soon(self._leave(row.id))

    async def _leave(self, call: str) -> None:
        """The record is complete: sign the log, and let the call go from memory."""
        await self._house.store.checkpoint(self._house.settings.origin, self._house.log_key)
        self._calls.pop(call, None)
        self._parts.attending.leave(call)
        self._parts.dialogs.pop(call, None)
