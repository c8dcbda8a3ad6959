"""Who is told of what: events of the line and of the media find their call."""

import asyncio
from typing import Any, cast

from consent.rules import ASKING, LISTENING, PLAYING, State
from conversation.agent import Agent, ChatMessage
from conversation.speech.engines import Grammar
from conversation.tables import Memory, Utterance, UtteranceState
from media.client import MediaUnavailable
from runtime.errors import Refused
from runtime.values import typed_row
from runtime.writer import Committed
from sessions.asking import ANSWER_S, Asking
from sessions.house import CALLS_MAX, House
from sessions.lines import Lines, end
from sessions.live import LiveCall, Played
from sessions.reducers import call_offered, caller_acted
from sessions.sealing import Sealing
from sessions.tables import Call, CallState
from sessions.turns import Turns
from sessions.voice import Voice, played, progressed
from telephony import dtmf_info, sip
from telephony.reducers import dialog_saved
from telephony.sip import DialogState
from telephony.sip.dialog import TERMINATED
from transcripts.tables import Segment

AWAY_S = 30.0
"""A caller who says nothing for so long is asked whether they are still there."""

INBOX_MAX = 256
"""Things that happened to one call and were not looked at yet."""

Header = dict[str, Any]


class Switchboard:
    """Every live call of this node, and the effects that are performed for them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.calls: dict[str, LiveCall] = {}
        self.dialogs: dict[str, DialogState] = {}
        """Dialogs as they were last saved."""
        self.boot = ""
        """The media process that events come from."""
        self.lines = Lines(house, self.calls, self.dialogs)
        self.turns = Turns(house, self.calls)
        self.sealing = Sealing(house, self.calls, self.turns)
        self._voice = Voice(house, self.calls)
        self.asking = Asking(house, self.calls, self._voice)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._inboxes: dict[str, asyncio.Queue[tuple[Header, bytes]]] = {}
        self._agents: dict[str, Agent] = {}
        self.line: asyncio.Queue[sip.Event] = asyncio.Queue()
        for kind, perform in (
            ("telephony.ring", self.lines.ring),
            ("telephony.answer", self.lines.answer),
            ("telephony.hang_up", self.lines.hang_up),
            ("sessions.ask", self.asking.ask),
            ("sessions.seal", self.sealing.seal),
            ("recordings.open_gate", self.sealing.open_gate),
            ("conversation.speak", self._voice.speak),
            ("conversation.turn", self.turns.run),
            ("conversation.tool", self.turns.tool),
        ):
            house.performer.on(kind, perform)
        house.store.listen(self._committed)

    # -- the line --

    async def save(self, dialog: DialogState) -> None:
        """A dialog changed: what follows from it may be sent when this returns."""
        self.dialogs[dialog.id] = dialog
        await self.house.store.act(dialog_saved, sender="node", scope=dialog.id, dialog=dialog)
        if dialog.status == TERMINATED and dialog.id not in self.calls:
            self.dialogs.pop(dialog.id, None)

    async def line_events(self) -> None:
        """Take what the SIP core says, one thing after the other, for ever."""
        while True:
            await self._line_event(await self.line.get())

    async def _line_event(self, event: sip.Event) -> None:
        match event:
            case sip.Invited(dialog_id=call, from_uri=remote, request_uri=local):
                await self.offered(call, remote, local)
            case sip.Cancelled(dialog_id=call):
                await end(self.house, call, "caller, before the answer")
            case sip.HungUp(dialog_id=call, reason="remote"):
                await end(self.house, call, "caller")
            case sip.HungUp(dialog_id=call, reason=reason):
                await end(self.house, call, reason)
            case sip.Failed(dialog_id=call, reason=reason):
                await end(self.house, call, reason)
            case sip.InfoReceived(dialog_id=call, content_type=kind, body=body):
                digit = dtmf_info.parse(kind, body)
                if digit is not None and call in self.calls:
                    self._deliver(call, {"event": "dtmf", "digit": digit}, b"")
            case sip.Offered(dialog_id=call, sdp=body) if call in self.calls:
                self._soon(self.lines.renegotiate(self.calls[call], body))
            case sip.Acknowledged(dialog_id=call, sdp=body) if call in self.calls:
                self._soon(self.lines.acknowledged(self.calls[call], body))
            case _:
                return

    async def offered(self, call: str, remote: str, local: str) -> None:
        """Somebody calls. A repetition of the same INVITE is the same call."""
        house = self.house
        if len(self.calls) >= CALLS_MAX:
            self.lines.reject(call, 503)
            return
        try:
            self._agents[call] = house.new_agent()
        except Exception as error:  # The agent's code is not ours.
            house.note("the agent can not be made", error=f"{type(error).__name__}: {error}")
            self.lines.reject(call, 500)
            return
        key = await asyncio.to_thread(house.keystore.prepare)
        used = await house.act(
            call_offered,
            call,
            request=f"{call}/offered",
            line="sip",
            remote=remote,
            local=local,
            agent=house.settings.agent,
            words_key=key,
        )
        if used != key:
            house.keystore.destroy(key)

    def admit(self, row: Call, memory: Memory | None) -> LiveCall:
        """Take a call into memory, with the agent that serves it and what it remembers."""
        agent = self._agents.pop(row.id, None) or self.house.new_agent()
        live = LiveCall(row.id, row.words_key, agent)
        live.turns_idle.set()
        if row.state is CallState.ENDED:
            live.ended.set()
        self.calls[row.id] = live
        self._inboxes[row.id] = asyncio.Queue(INBOX_MAX)
        self.turns.admit(live, memory)
        live.attending = asyncio.create_task(self._attend(live))
        return live

    # -- the media --

    async def media_events(self) -> None:
        """Take every event of the media process, for ever."""
        async for event, payload in self.house.media.events():
            header = cast("Header", event)
            if header["event"] == "hello":
                await self._media_came(header)
            elif header["event"] == "chunk":
                await self.sealing.chunk(header)
                self.house.media.ack([header["id"]])
            elif header.get("leg") in self.calls:
                self._media_event(self.calls[header["leg"]], header, payload)
            elif "id" in header:
                self.house.media.ack([header["id"]])

    async def _media_came(self, header: Header) -> None:
        """A link to the media process: what it does not have is opened again."""
        self.boot = header["boot"][:8]
        there = {leg["leg"]: leg for leg in header["legs"]}
        for live in list(self.calls.values()):
            leg = there.pop(live.id, None)
            try:
                await self._resume(live, has_gate=leg is not None and leg["gate_epoch"] is not None)
            except MediaUnavailable as error:
                self.house.note("media was lost again", call=live.id, why=str(error))
        for stranger in there:
            self.house.media.close(stranger)

    async def _resume(self, live: LiveCall, *, has_gate: bool) -> None:
        """Leg, gate and words of one call, as the media process should have them."""
        await self.lines.resume(live)
        if not has_gate:
            await self.sealing.reopen_gate(live)
        for utterance, playing in live.playing.items():
            self.house.media.play(
                live.id,
                utterance,
                playing.speech.pcm,
                from_ms=playing.position_ms,
                interruptible=playing.interruptible,
            )

    def _media_event(self, live: LiveCall, header: Header, payload: bytes) -> None:
        match header["event"]:
            case "played":
                outcome = Played(header["played_ms"], header["total_ms"], header["interrupted"])
                played(live, header["utterance"], outcome)
            case "progress":
                progressed(live, header["utterance"], header["played_ms"])
                return
            case "gate_closed":
                live.gate_closed.set()
            case "speech_started":
                self.touch(live)
                return
            case "silent":
                self._soon(self._silent(live))
            case "dtmf" | "heard":
                self._deliver(live.id, header, payload)
                return
            case _:
                return
        self.house.media.ack([header["id"]])

    async def _silent(self, live: LiveCall) -> None:
        """No media for so long that the line must be dead."""
        await end(self.house, live.id, "no media")
        self.lines.drop(live.id)

    # -- what the caller does, one thing after the other --

    def _deliver(self, call: str, header: Header, payload: bytes) -> None:
        try:
            self._inboxes[call].put_nowait((header, payload))
        except asyncio.QueueFull:
            self.house.note("more happens to a call than is looked at", call=call)

    async def _attend(self, live: LiveCall) -> None:
        inbox = self._inboxes[live.id]
        while True:
            header, payload = await inbox.get()
            try:
                if header["event"] == "dtmf":
                    await self._pressed(live, header["digit"], header.get("id"))
                else:
                    await self._said(live, header, payload)
            except Refused:
                # The call ended meanwhile: there is nobody left to answer.
                self._acknowledge(header.get("id"))

    async def _pressed(self, live: LiveCall, digit: str, event: int | None) -> None:
        self.touch(live)
        if not await self.asking.key(live, digit, event):
            await self._act(live, f"dtmf:{digit}", event, None)

    async def _said(self, live: LiveCall, header: Header, pcm: bytes) -> None:
        self.touch(live)
        state = await self.asking.state(live.id)
        if state in LISTENING:
            await self.asking.voice_answer(live, pcm)
            self._acknowledge(header["id"])
        elif state in PLAYING or state in ASKING:
            # Said over the question: it was not an answer to it.
            self._acknowledge(header["id"])
        else:
            await self._heard(live, header, pcm, state)

    async def _heard(self, live: LiveCall, header: Header, pcm: bytes, state: State) -> None:
        """Words for the agent: kept as a segment with a grant, else in memory only."""
        grammars = (Grammar("agent", phrases),) if (phrases := live.agent.expects()) else ()
        hearing = await self.house.speech.hear(pcm, grammars, dictation=True)
        if not hearing.text:
            self._acknowledge(header["id"])
            return
        turn = self._turn_id(live, header["id"])
        future = live.heard.setdefault(turn, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(ChatMessage(hearing.text, hearing.kind == "grammar"))
        segment = None
        if state is State.GRANTED:
            segment = Segment(
                id=turn,
                call=live.id,
                party="caller",
                text=self.house.seal(hearing.text, live.words_key),
                start_us=header["at_us"],
                end_us=header["end_us"],
                engine=hearing.engine,
                kind=hearing.kind,
                confidence_permille=hearing.confidence_permille,
            )
        await self._act(live, "heard", header["id"], segment)

    async def _act(
        self, live: LiveCall, cause: str, event: int | None, segment: Segment | None
    ) -> None:
        """Give the agent its turn; the event is acknowledged when the turn is completed."""
        turn = self._turn_id(live, event)
        if event is not None:
            live.unacknowledged[turn] = event
        await self.house.act(
            caller_acted, live.id, request=turn, turn=turn, cause=cause, segment=segment
        )
        if turn in live.completed:
            self._acknowledge(live.unacknowledged.pop(turn, None))

    def _turn_id(self, live: LiveCall, event: int | None) -> str:
        if event is not None:
            return f"{live.id}:{self.boot}-{event}"
        return f"{live.id}:{self.house.entropy(6).hex()}"

    def _acknowledge(self, event: int | None) -> None:
        if event is not None and self.house.media.attached:
            self.house.media.ack([event])

    # -- silence --

    def touch(self, live: LiveCall) -> None:
        """The caller is there: count their silence from now."""
        live.disarm()
        if not live.ended.is_set():
            wait_s = AWAY_S if live.question is None else ANSWER_S
            loop = asyncio.get_running_loop()
            live.timer = loop.call_later(wait_s, lambda: self._soon(self._away(live)))

    async def _away(self, live: LiveCall) -> None:
        state = await self.asking.state(live.id)
        if state in LISTENING:
            await self.asking.silence(live)
        elif live.turns_open or live.playing or live.ended.is_set():
            self.touch(live)
        else:
            try:
                await self._act(live, "silence", None, None)
            except Refused:
                live.disarm()  # The call ended meanwhile.

    # -- what was committed --

    def _committed(self, batch: list[Committed]) -> None:
        for committed in batch:
            for table, old, new in committed.entry.deltas:
                if new is not None:
                    self._changed(table, old, new)

    def _changed(self, table: str, old: Header | None, new: Header) -> None:
        if table == "call":
            self._call_changed(typed_row(Call, new))
            return
        live = self.calls.get(new.get("call", ""))
        if live is None:
            return
        if table == "utterance" and new["state"] == UtteranceState.ENDED.value:
            ended = live.spoken.pop(new["id"], None)
            if ended is not None and not ended.done():
                ended.set_result(typed_row(Utterance, new))
            self.touch(live)
        elif table == "action" and new["finished_us"] is not None:
            finished = live.acted.pop(new["id"], None)
            if finished is not None and not finished.done():
                finished.set_result(None)
        elif table == "recording":
            live.recording = True
        elif table == "turn" and new["completed_us"] is not None:
            live.completed.add(new["id"])
            live.heard.pop(new["id"], None)
            self._acknowledge(live.unacknowledged.pop(new["id"], None))
            self.touch(live)

    def _call_changed(self, row: Call) -> None:
        if row.state is CallState.OFFERED and row.id not in self.calls:
            self.admit(row, None)
        elif row.state is CallState.ENDED and row.id in self.calls:
            self.calls[row.id].end()
        elif row.state is CallState.SEALED:
            self._soon(self._leave(row.id))

    async def _leave(self, call: str) -> None:
        """The record is complete: sign the log, and let the call go from memory."""
        await self.house.store.checkpoint(self.house.settings.origin, self.house.log_key)
        live = self.calls.pop(call, None)
        if live is not None and live.attending is not None:
            live.attending.cancel()
        self._inboxes.pop(call, None)
        self.dialogs.pop(call, None)

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.house.note("a task failed", error=f"{type(error).__name__}: {error}")
