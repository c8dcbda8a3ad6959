"""Who is told of what: events of the line and of the media find their call."""

import asyncio
from typing import Any, cast

from conversation.agent import Agent
from conversation.tables import Memory, Utterance, UtteranceState
from media.client import MediaUnavailable
from media.gates import CLOSED, CONTINUED
from runtime.errors import Refused, named
from runtime.values import typed_row
from runtime.writer import Committed
from sessions.asking import Asking
from sessions.attending import Attending
from sessions.bridging import Bridging
from sessions.callers import Callers
from sessions.consult_reducers import Consultation
from sessions.consulting import Consulting
from sessions.dialling import Dialling
from sessions.discreet import discreet
from sessions.holding import Holding, holds_going_on, settled
from sessions.house import House
from sessions.lines import Lines, end
from sessions.live import LiveCall, Played, Referral
from sessions.moving import Moving
from sessions.reducers import call_offered, leg_rolled_over
from sessions.referring import Referring
from sessions.sealing import Sealing
from sessions.tables import Call, CallState, Dial, DialState
from sessions.transferring import Transferring
from sessions.turns import Turns
from sessions.voice import Voice, play_again, played, progressed
from telephony import causes, dtmf_info, sip
from telephony.causes import Cause
from telephony.identity import shown
from telephony.reducers import dialog_saved
from telephony.sip import DialogState
from telephony.sip.dialog import TERMINATED

Header = dict[str, Any]
MEDIA_COUNTS = ("late_ticks", "missed_ticks", "unsent", "flooded", "dropped")


class Switchboard:
    """Every live call of this node, and the effects that are performed for them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.calls: dict[str, LiveCall] = {}
        self.dialogs: dict[str, DialogState] = {}
        """Dialogs as they were last saved."""
        self.media_stats: dict[int, Header] = {}
        """What each media process said of itself last."""
        self.callers = Callers(house)
        self._voice = Voice(house, self.calls)
        self.lines = Lines(house, self.calls, self.dialogs, self.callers, self._voice)
        self.holding = Holding(self.calls, self.lines.reoffer)
        self.referring = Referring(house)
        self.turns = Turns(house, self.calls, self.referring)
        self.sealing = Sealing(house, self.calls, self.turns)
        self.consulting = Consulting(house)
        self.asking = Asking(house, self.calls, self._voice)
        self.bridging = Bridging(house, self.calls, self.asking)
        self.moving = Moving(house, self.calls, self.lines, self.bridging)
        self.attending = Attending(house, self.calls, self.asking)
        self.transferring = Transferring(house, self.calls, self.dialogs)
        self.dialling = Dialling(
            house,
            self.calls,
            self.dialogs,
            callers=self.callers,
            lines=self.lines,
            prepare_agent=self._prepare_agent,
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        self._agents: dict[str, tuple[str, Agent]] = {}
        self.line: asyncio.Queue[sip.Event] = asyncio.Queue()
        for kind, perform in (
            ("telephony.ring", self.lines.ring),
            ("telephony.answer", self.lines.answer),
            ("telephony.hang_up", self.lines.hang_up),
            ("telephony.hold", self.holding.hold),
            ("telephony.dial", self.dialling.dial),
            ("telephony.transfer", self.transferring.transfer),
            ("telephony.press", self.transferring.press),
            ("sessions.ask", self.asking.ask),
            ("sessions.seal", self.sealing.seal),
            ("recordings.open_gate", self.sealing.open_gate),
            ("recordings.close_gate", self.bridging.close_gate),
            ("telephony.hear", self.bridging.hear),
            ("telephony.move", self.moving.move),
            ("telephony.leave", self.bridging.leave),
            ("sessions.consult", self.consulting.consult),
            ("conversation.speak", self._voice.speak),
            ("conversation.turn", self.turns.run),
            ("conversation.tool", self.turns.tool),
        ):
            house.performer.on(kind, discreet(perform))
        house.store.listen(self._committed)

    # -- the line --

    async def save(self, dialog: DialogState) -> None:
        """A dialog changed: what follows from it may be sent when this returns."""
        self.dialogs[dialog.id] = dialog
        row = await self.callers.row(dialog)
        await self.house.surely(dialog_saved, dialog.id, dialog=row)
        if dialog.status == TERMINATED:
            self.callers.leave(dialog.id)
            if dialog.id not in self.calls:
                self.dialogs.pop(dialog.id, None)

    async def line_events(self) -> None:
        """Take what the SIP core says, one thing after the other, for ever."""
        while True:
            await self._line_event(await self.line.get())

    async def _line_event(self, event: sip.Event) -> None:
        match event:
            case sip.Invited(dialog_id=call, from_uri=remote, request_uri=local):
                remote = shown(remote, event.headers, event.trunk)
                await self.offered(call, remote, local, event.replaces or None)
            case sip.Cancelled(dialog_id=call, reasons=reasons):
                cause = causes.of_giving_up(reasons)
                await end(self.house, call, "caller, before the answer", cause)
            case sip.HungUp(dialog_id=call, reason="remote", reasons=reasons):
                who = "callee" if self._is_outbound(call) else "caller"
                await end(self.house, call, who, causes.of_hanging_up(reasons))
            case sip.HungUp(dialog_id=call, reason=reason):
                await end(self.house, call, reason, causes.of_ours(reason))
            case sip.Rejected(dialog_id=call, status=status, reasons=reasons):
                cause = causes.of_refusal(status, reasons)
                await end(self.house, call, f"callee: {causes.WORDS[cause]}", cause)
            case sip.Failed(dialog_id=call, reason=reason):
                cause = causes.of_ours(reason)
                by = f"network: {causes.WORDS[cause]}" if self._is_outbound(call) else reason
                await end(self.house, call, by, cause)
            case sip.Ringing(dialog_id=call) if self._is_outbound(call):
                await self.dialling.rang(self.calls[call])
            case sip.Accepted(dialog_id=call, sdp=body) if self._is_outbound(call):
                self._soon(self.dialling.answered(self.calls[call], body))
            case sip.Transferred():
                self.transferring.told(event)
            case sip.Referred(dialog_id=call, refer_to=uri, replaces=replaces):
                self._soon(self._referred(call, Referral(uri, replaces)))
            case sip.InfoReceived(dialog_id=call, content_type=kind, body=body):
                digit = dtmf_info.parse(kind, body)
                if digit is not None and call in self.calls:
                    self.attending.deliver(call, {"event": "dtmf", "digit": digit}, b"")
            case sip.Offered(dialog_id=call, sdp=body, method=method) if call in self.calls:
                self._soon(self.lines.renegotiate(self.calls[call], body, method))
            case sip.Renegotiated(dialog_id=call, sdp=body) if call in self.calls:
                self._soon(self.lines.renegotiated(self.calls[call], body))
            case sip.NotRenegotiated(dialog_id=call) if call in self.calls:
                self._soon(self.lines.renegotiated(self.calls[call], None))
            case sip.Acknowledged(dialog_id=call, sdp=body) if call in self.calls:
                self._soon(self.lines.acknowledged(self.calls[call], body))
            case _:
                return

    def _is_outbound(self, call: str) -> bool:
        return call in self.calls and self.calls[call].is_outbound

    async def _referred(self, call: str, asked: Referral) -> None:
        """The other side asks us to call somebody: that is for the agent to say."""
        live = self.calls.get(call)
        if live is not None:
            live.referral = asked
        if live is None or not await self.attending.referred(live):
            self.referring.decline(call)

    async def offered(
        self, call: str, remote: str, local: str, replaces: str | None = None
    ) -> None:
        """Somebody calls. A repetition of the same INVITE is the same call."""
        house = self.house
        if len(self.calls) >= house.settings.calls_max:
            self.lines.reject(call, 503)
            return
        try:
            self._prepare_agent(call)
        except Refused as why:
            house.note("nobody can answer", why=str(why))
            self.lines.reject(call, 503)
            return
        except Exception as error:  # The agent's code is not ours.
            house.note("the agent can not be made", error=f"{type(error).__name__}: {error}")
            self.lines.reject(call, 500)
            return
        key = await house.prepare_key()
        used = ""
        try:
            used = await house.surely(
                call_offered,
                call,
                request=f"{call}/offered",
                line="sip",
                remote=await self.callers.seal(call, remote),
                local=await self.callers.seal(call, local),
                agent=house.settings.agent,
                words_key=key,
                replaces=replaces,
            )
        except Refused as why:
            house.note("the call is not taken", call=call, why=str(why))
            self.lines.reject(call, 503)
        if used != key:
            await house.discard_key(key)

    def _prepare_agent(self, call: str, named: str = "") -> str:
        """Make the agent of a call that has no row yet; what its row is to name.

        Raises Refused where there is none.
        """
        app = named or self.house.agent_for(call)
        self._agents[call] = app, self.house.new_agent(app)
        return named or self.house.settings.agent

    def admit(self, row: Call, memory: Memory | None) -> LiveCall:
        """Take a call into memory, with the agent that serves it and what it remembers."""
        app, agent = self._agents.pop(row.id, (None, None))
        if agent is None or app != row.agent:
            agent = self.house.new_agent(row.agent)
        live = LiveCall(row.id, row.words_key, agent, row.direction == "outbound")
        live.turns_idle.set()
        if row.state is CallState.ENDED:
            live.ended.set()
        self.calls[row.id] = live
        self.turns.admit(live, memory)
        self.attending.begin(live)
        return live

    # -- the media --

    async def media_events(self) -> None:
        """Take every event of the media processes, for ever."""
        async for event, payload in self.house.media.events():
            header = cast("Header", event)
            if header["event"] == "hello":
                await self._media_came(header)
            elif header["event"] == "chunk":
                await self.sealing.take(header)
            elif header["event"] == "stats":
                self._media_told(header)
            elif header["event"] == "quality":
                self._soon(self.sealing.measured(header))
            elif header.get("leg") in self.calls:
                self._media_event(self.calls[header["leg"]], header, payload)
            elif "id" in header:
                self.house.media.ack([header["id"]])

    def _media_told(self, stats: Header) -> None:
        """How punctual a media process is; the operator is told where it was not."""
        before = self.media_stats.get(stats["process"], {})
        self.media_stats[stats["process"]] = stats
        if any(stats[count] > before.get(count, 0) for count in ("missed_ticks", "unsent")):
            told = {name: stats[name] for name in ("process", "legs", *MEDIA_COUNTS, "tick_us")}
            self.house.note("media was late", **told)

    async def _media_came(self, header: Header) -> None:
        """A link to a media process: what it should have and has not is opened again."""
        media, process = self.house.media, header["process"]
        there = {leg["leg"]: leg for leg in header["legs"]}
        for live in [live for live in self.calls.values() if media.process_of(live.id) == process]:
            leg = there.pop(live.id, None)
            try:
                await self._resume(live, has_gate=leg is not None and leg["gate_epoch"] is not None)
            except MediaUnavailable as error:
                self.house.note("media was lost again", call=live.id, why=named(error))
        for stranger in there:
            media.close(stranger, process)

    async def _resume(self, live: LiveCall, *, has_gate: bool) -> None:
        """Leg, gate and words of one call, as the media process should have them."""
        await self.lines.resume(live)
        if has_gate:
            live.gate_closed.clear()
        else:
            live.gate_closed.set()
            await self.sealing.reopen_gate(live, "the media process was replaced")
        play_again(self.house, live)
        await self.bridging.resume(live)

    def _media_event(self, live: LiveCall, header: Header, payload: bytes) -> None:
        match header["event"]:
            case "played":
                outcome = Played(header["played_ms"], header["total_ms"], header["interrupted"])
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
                self._soon(self.sealing.gate_lost(live, header["reason"]))
            case "speech_started":
                self.attending.touch(live)
                self.attending.interrupt(live)
                return
            case "silent":
                self._soon(self._silent(live))
            case "roc":
                self._soon(self._rolled_over(live, header))
                return
            case "dtmf" | "heard":
                self.attending.deliver(live.id, header, payload)
                return
            case _:
                return
        self.house.media.ack([header["id"]])

    async def _rolled_over(self, live: LiveCall, header: Header) -> None:
        await self.house.surely(leg_rolled_over, live.id, roc=header["roc"])
        self.house.media.ack([header["id"]])

    async def _silent(self, live: LiveCall) -> None:
        """No media for so long that the line must be dead, or it rings there or is held."""
        if await holds_going_on(self.house, live.id):
            return
        (row,) = await self.house.store.reader.rows(Call, id=live.id)
        if row.direction == "outbound" and row.state is CallState.OFFERED:
            return
        await end(self.house, live.id, "no media", Cause.NO_MEDIA)
        self.lines.drop(live.id)

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
        if table == "consultation":
            self.consulting.changed(typed_row(Consultation, new))
            return
        if table == "dial":
            self._dial_changed(typed_row(Dial, new))
            return
        live = self.calls.get(new["other"] if table == "joining" else new.get("call", ""))
        if live is None:
            return
        if table == "utterance" and new["state"] == UtteranceState.ENDED.value:
            ended = live.spoken.pop(new["id"], None)
            if ended is not None and not ended.done():
                ended.set_result(typed_row(Utterance, new))
            self.attending.touch(live)
        elif table == "action" and new["finished_us"] is not None:
            finished = live.acted.pop(new["id"], None)
            if finished is not None and not finished.done():
                finished.set_result(None)
        elif table == "hold":
            settled(live, new["id"])
            self._soon(self.bridging.follow(live))
        elif table == "joining":
            self._soon(self.bridging.follow(live))
        elif table == "recording":
            live.recording = True
        elif table == "turn" and new["completed_us"] is not None:
            live.completed.add(new["id"])
            live.heard.pop(new["id"], None)
            live.pressed.pop(new["id"], None)
            self.attending.acknowledge(live.unacknowledged.pop(new["id"], None))
            self.attending.touch(live)

    def _dial_changed(self, order: Dial) -> None:
        self.referring.went(order)
        if order.state not in (DialState.ANSWERED, DialState.FAILED):
            return
        for live in self.calls.values():
            waiting = live.dialled.pop(order.id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

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
        self.calls.pop(call, None)
        self.attending.leave(call)
        self.dialogs.pop(call, None)

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.house.note("a task failed", error=named(error))
