"""What the caller does: keys and silence as they come, words once they are understood.

To understand takes seconds. Who presses a key does not wait for it: a late answer to a key is
one that a caller has hung up on.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from consent import permits, story
from consent.machine import OPENING, Reason, State
from consent.permit import LIVE_STT, NotPermitted, Permit
from consent.tables import ConsentEvent
from conversation.agent import message
from conversation.speech.client import SpeechUnavailable
from conversation.speech.engines import ONCE, Grammar, Hearing, SpeechError
from conversation.speech.grammars import EVERYDAY, listen_for
from conversation.speech.withdrawal import WITHDRAW, Wish, withdraws
from media.client import MediaUnavailable
from runtime import Sealed
from runtime.errors import NotNow, Refused
from runtime.keystore import KeyDestroyed
from sessions import keeping
from sessions.asking import ANSWER_S, Asking
from sessions.consent_reducers import consent_volunteered, consent_withdrawn
from sessions.gating import RECORDED, TRANSCRIPT
from sessions.house import House
from sessions.keeping import Draft, Entry
from sessions.live import LiveCall
from sessions.reducers import caller_acted
from sessions.turns import PRESSED, REFERRED
from sessions.wish_reducers import erasure_wanted, past_kept
from transcripts.tables import Segment

AWAY_S = 30.0
"""A caller who says nothing for so long is asked whether they are still there."""

INBOX_MAX = 256
"""Keys and silences of one call that were not looked at yet."""

KEYS_ABOUT_RECORDING = {"*9": consent_withdrawn, "*1": consent_volunteered}

KEYS_ABOUT_THE_PAST = {"1": erasure_wanted, "2": past_kept}

WISHES: dict[Wish, Any] = {"withdraw": consent_withdrawn, "erase": erasure_wanted}

TOGETHER_US = 3_000_000
"""Two keys are pressed together when no more time is between them."""

WORDS_MAX = 32
"""Utterances of one call that were not understood yet."""

Header = dict[str, Any]
Inbox = asyncio.Queue[tuple[Header, bytes]]


@dataclass(slots=True)
class _Inboxes:
    """Of one call: each is looked at by a task of its own, one thing after the other."""

    acts: Inbox = field(default_factory=lambda: Inbox(INBOX_MAX))
    words: Inbox = field(default_factory=lambda: Inbox(WORDS_MAX))
    tasks: tuple[asyncio.Task[None], ...] = ()
    unheard: int = 0
    """Utterances that are not understood yet, the one under way among them."""

    def put(self, header: Header, payload: bytes) -> None:
        """Raises QueueFull."""
        is_said = header["event"] == "heard"
        (self.words if is_said else self.acts).put_nowait((header, payload))
        self.unheard += is_said


class Attending:
    """Two inboxes per call, words and all else; what is about consent goes to `Asking`."""

    def __init__(self, house: House, calls: dict[str, LiveCall], asking: Asking) -> None:
        self._house = house
        self._calls = calls
        self._asking = asking
        self._inboxes: dict[str, _Inboxes] = {}
        self._unacknowledged: dict[str, str] = {}
        """Event -> the call it was told of."""

    def begin(self, live: LiveCall) -> None:
        """Attend to a call from now on."""
        inboxes = self._inboxes[live.id] = _Inboxes()
        inboxes.tasks = (
            asyncio.create_task(self._attend(live, inboxes.acts)),
            asyncio.create_task(self._listen(live, inboxes)),
        )

    def leave(self, call: str) -> None:
        """The call is over and sealed: what was not looked at will not be."""
        for event in [event for event, whose in self._unacknowledged.items() if whose == call]:
            self.acknowledge(event)
        inboxes = self._inboxes.pop(call, None)
        if inboxes is None:
            return
        # A task that was cancelled keeps where it was, with what was being understood: the inboxes
        # must not keep the task, or both wait for a collection that comes after hundreds of calls.
        tasks, inboxes.tasks = inboxes.tasks, ()
        for task in tasks:
            task.cancel()

    def deliver(self, call: str, header: Header, payload: bytes) -> None:
        if "id" in header:
            self._unacknowledged[header["id"]] = call
        try:
            self._inboxes[call].put(header, payload)
        except asyncio.QueueFull:
            self._house.note("more happens to a call than is looked at", call=call)

    async def _attend(self, live: LiveCall, inbox: Inbox) -> None:
        while True:
            await self._look_at(live, *await inbox.get())

    async def _listen(self, live: LiveCall, inboxes: _Inboxes) -> None:
        while True:
            header, payload = await inboxes.words.get()
            await self._look_at(live, header, payload)
            inboxes.unheard -= 1
            live.quarantine.passed(self._turn_id(live, header["id"]))

    async def _look_at(self, live: LiveCall, header: Header, payload: bytes) -> None:
        try:
            await self._in_time(live, header, payload)
        except (Refused, KeyDestroyed):
            # The call ended meanwhile: there is nobody left to answer.
            self.acknowledge(header.get("id"))
        except NotPermitted:
            # Words are understood only where they may be.
            self.acknowledge(header.get("id"))
        except (SpeechError, MediaUnavailable) as error:
            self._house.note("not understood", call=live.id, why=type(error).__name__)
            self.acknowledge(header.get("id"))

    async def _in_time(self, live: LiveCall, header: Header, payload: bytes) -> None:
        """A full queue or disk is waited for: nothing the caller did is dropped."""
        while True:
            try:
                return await self._happened(live, header, payload)
            except NotNow as later:
                await asyncio.sleep(later.retry_after_ms / 1_000)

    async def _happened(self, live: LiveCall, header: Header, payload: bytes) -> None:
        match header["event"]:
            case "dtmf":
                await self._pressed(live, header["digit"], header.get("id"))
            case "silence":
                await self._away(live)
            case "keep":
                await self._keep(live, keeping.due(self._house, live))
            case _:
                await self._said(live, header, payload)

    async def referred(self, live: LiveCall) -> bool:
        """The other side asks us to call somebody. False where nobody can be asked about it."""
        if await self._asking.is_asked(live.id):
            return False
        try:
            await self._act(live, live.id, REFERRED, None)
        except (Refused, NotNow):
            return False
        return True

    async def _pressed(self, live: LiveCall, digit: str, event: str | None) -> None:
        self.touch(live)
        if await self._captured(live, digit):
            self.acknowledge(event)
            return
        if await self._asking.key(live, digit, event):
            return
        if await self._about_recording(live, digit):
            self.acknowledge(event)
            return
        if await self._about_the_past(live, digit):
            self.acknowledge(event)
            return
        told = self._calls.get(live.keys_to or "")
        if told is None:
            self.acknowledge(event)
            return
        sealed = self._house.seal(digit, told.words_key)
        await self._act(live, told.id, PRESSED, event, digit=sealed)

    async def _captured(self, live: LiveCall, digit: str) -> bool:
        """Keys of a secure capture are for whoever asked for them, or for nobody."""
        if live.capture is not None:
            with suppress(asyncio.QueueFull):
                live.capture.put_nowait(digit)
            return True
        standings = await self._asking.standings(live.id)
        return any(Reason.CAPTURE in standing.closed_by for standing in standings.values())

    async def _about_recording(self, live: LiveCall, digit: str) -> bool:
        """Two keys stop the recording at any time, two ask for it again."""
        (before, at_us), now_us = live.keys, self._house.clock()
        live.keys = digit, now_us
        if now_us - at_us > TOGETHER_US or before + digit not in KEYS_ABOUT_RECORDING:
            return False
        reducer = KEYS_ABOUT_RECORDING[before + digit]
        try:
            await self._house.surely(reducer, live.id, method=f"dtmf:{before}{digit}")
        except Refused:
            return False  # There is nothing to stop, or nothing to ask.
        return True

    async def _about_the_past(self, live: LiveCall, digit: str) -> bool:
        """Once the recording has stopped, a key says what becomes of what there is."""
        if self._house.clock() > live.past_asked_until_us or digit not in KEYS_ABOUT_THE_PAST:
            return False
        live.past_asked_until_us = 0
        with suppress(Refused):  # They have hung up.
            await self._house.surely(KEYS_ABOUT_THE_PAST[digit], live.id, method=f"dtmf:{digit}")
        return True

    async def _said(self, live: LiveCall, header: Header, pcm: bytes) -> None:
        self.touch(live)
        if await self._asking.is_listening(live.id):
            await self._asking.voice_answer(live, pcm, header["rate"], header["at_us"])
            self.acknowledge(header["id"])
        elif await self._asking.is_asked(live.id):
            # Said over the question: it was not an answer to it.
            self.acknowledge(header["id"])
        else:
            await self._heard(live, header, pcm)

    async def _may_keep(self, live: LiveCall, from_us: int, until_us: int) -> bool:
        """Whether what was said then may be kept: all of it was said under a grant."""
        events = await self._house.store.reader.rows(ConsentEvent, call=live.id)
        return story.was_open(events, TRANSCRIPT, from_us, until_us)

    def interrupt(self, live: LiveCall) -> None:
        """The party begins to speak: what another call's agent says to them stops, too."""
        told = self._calls.get(live.words_to or "")
        if told is None or told is live:
            return
        for utterance, playing in told.playing.items():
            if playing.interruptible:
                self._house.media.stop(told.id, utterance)

    async def _heard(self, live: LiveCall, header: Header, pcm: bytes) -> None:
        """Words for the agent: kept as a segment with a grant, else in memory only."""
        told = self._calls.get(live.words_to or "")
        hearing, under, may_wish = None, "", False
        if told is not None:
            events = await self._house.store.reader.rows(ConsentEvent, call=live.id)
            permit = permits.permit(events, live.id, LIVE_STT)
            under = f"{permit.scope}/{permit.epoch}"
            may_wish = _may_wish(events)
            hearing = await self._understood(
                told, permit, pcm, header["rate"], beside=(WITHDRAW,) if may_wish else ()
            )
        if told is None or hearing is None or not hearing.accepted:
            self.acknowledge(header["id"])
            return
        turn = self._turn_id(live, header["id"])
        live.quarantine.understood(turn, hearing.text, hearing.words, header["at_us"])
        if may_wish and await self._wished(live, turn, hearing):
            self._not_kept(live, turn, hearing)
            self.acknowledge(header["id"])
            return
        future = told.heard.setdefault(turn, asyncio.get_running_loop().create_future())
        if not future.done():
            sure, speaker = hearing.confidence_permille, _speaker(live, told)
            future.set_result(message(hearing.text, hearing.kind, sure, speaker))
        if not await self._may_keep(live, header["at_us"], header["end_us"]):
            self._not_kept(live, turn, hearing)
            await self._act(live, told.id, "heard", header["id"])
            return
        draft = Draft(
            id=turn,
            party="caller",
            text=hearing.text,
            words=hearing.words,
            start_us=header["at_us"],
            end_us=header["end_us"],
            engine=hearing.engine,
            kind=hearing.kind,
            confidence_permille=hearing.confidence_permille,
            event=header["id"],
            told=told.id,
            permit=under,
        )
        ready = keeping.heard(self._house, live, draft)
        own = next((each for one, each in ready if one is draft), None)
        await self._keep(live, [(one, each) for one, each in ready if one is not draft])
        # What waits is acknowledged when it is a row: until then the media process has it.
        event = None if turn in live.drafts else header["id"]
        await self._act(live, told.id, "heard", event, kept=own, turn=turn)
        if own is not None:
            await self._kept_with_its_turn(live, draft, own)
        self._keep_in_time(live)

    def _not_kept(self, live: LiveCall, turn: str, hearing: Hearing) -> None:
        """Nothing of it is kept; but a card is known again when the agent passes it on."""
        for one in live.keeping.heard(turn, hearing.text.split(), self._house.clock()):
            live.quarantine.decided(one.id, one.found)

    async def _wished(self, live: LiveCall, turn: str, hearing: Hearing) -> bool:
        """Whether it was said that the recording shall stop, or go, and that was done: such a
        sentence is not kept, and is none for the agent. Stopping is easy, starting is hard."""
        wish = withdraws(hearing.text)
        if wish is None:
            return False
        method = f"voice:{hearing.engine}"
        try:
            await self._house.surely(WISHES[wish], live.id, request=f"{turn}/wish", method=method)
        except Refused:
            return False  # There is nothing to stop.
        return True

    async def _kept_with_its_turn(self, live: LiveCall, draft: Draft, own: Entry) -> None:
        """The turn may be one of before a crash, when these words were held back yet."""
        if not await self._house.store.reader.rows(Segment, id=draft.id):
            await keeping.keep(self._house, live, draft, own)

    async def _keep(self, live: LiveCall, ready: list[tuple[Draft, Entry]]) -> None:
        """Commit what has waited, and acknowledge what brought it once its turn is done, too."""
        for draft, each in ready:
            await keeping.keep(self._house, live, draft, each)
            told = self._calls.get(draft.told)
            if told is not None and draft.id not in told.completed and draft.event is not None:
                told.unacknowledged[draft.id] = draft.event
            else:
                self.acknowledge(draft.event)
        await keeping.hide_late(self._house, live)

    def _keep_in_time(self, live: LiveCall) -> None:
        """Nothing is held back for longer than it takes to say a number."""
        due_us = live.keeping.wake_at_us
        if due_us is not None:
            wait_s = max(0, due_us - self._house.clock()) / 1e6
            asyncio.get_running_loop().call_later(wait_s, self._keep_due, live.id)

    def _keep_due(self, call: str) -> None:
        if call in self._inboxes:
            self.deliver(call, {"event": "keep"}, b"")

    async def _understood(
        self,
        told: LiveCall,
        permit: Permit,
        pcm: bytes,
        rate: int,
        *,
        beside: tuple[Grammar, ...],
    ) -> Hearing:
        """The phrases that the agent expects first, `beside` them others, free dictation last."""
        phrases = told.agent.expects()
        if phrases:
            grammar = listen_for("agent", phrases, decoys=EVERYDAY, agreeing=ONCE)
            try:
                return await self._house.speech.hear(
                    pcm, (grammar, *beside), dictation=True, permit=permit, rate=rate
                )
            except SpeechUnavailable:
                raise
            except SpeechError as error:
                # A phrase that nobody can pronounce: the agent's author must mend it.
                self._house.note("phrases not understood", call=told.id, why=str(error))
        return await self._house.speech.hear(pcm, beside, dictation=True, permit=permit, rate=rate)

    async def _act(
        self,
        live: LiveCall,
        whose: str | None,
        cause: str,
        event: str | None,
        *,
        kept: Entry | None = None,
        turn: str = "",
        digit: Sealed[str] | None = None,
    ) -> None:
        """Give the agent of a call its turn; the event is acknowledged when that is completed.

        `whose` agent: its own, or that of a call it is joined with; none between people.
        """
        told = self._calls.get(whose or "")
        if told is None:
            self.acknowledge(event)
            return
        turn = turn or self._turn_id(live, event)
        if event is not None:
            told.unacknowledged[turn] = event
        segment, redacted = kept or (None, None)
        # Words are taken out of memory once: whoever commits them waits for a full queue or disk.
        commit = self._house.act if kept is None else self._house.surely
        await commit(
            caller_acted,
            told.id,
            request=turn,
            turn=turn,
            cause=cause,
            segment=segment,
            speaker=_speaker(live, told),
            redacted=redacted,
            digit=digit,
        )
        if turn in told.completed:
            self.acknowledge(told.unacknowledged.pop(turn, None))

    def _turn_id(self, live: LiveCall, event: str | None) -> str:
        if event is not None:
            return f"{live.id}:{event}"
        return f"{live.id}:{self._house.entropy(6).hex()}"

    def acknowledge(self, event: str | None) -> None:
        if event is not None:
            self._unacknowledged.pop(event, None)
            self._house.media.ack([event])

    def touch(self, live: LiveCall) -> None:
        """The caller is there: count their silence from now."""
        live.disarm()
        if not live.ended.is_set():
            wait_s = AWAY_S if live.question is None else live.answer_s or ANSWER_S
            loop = asyncio.get_running_loop()
            live.timer = loop.call_later(
                wait_s, lambda: self.deliver(live.id, {"event": "silence"}, b"")
            )

    async def _away(self, live: LiveCall) -> None:
        if self._inboxes[live.id].unheard:
            # They have spoken: what they said is an answer, and silence is none.
            self.touch(live)
            return
        if await self._asking.is_listening(live.id):
            await self._asking.silence(live)
        elif live.turns_open or live.playing or live.music or live.ended.is_set():
            self.touch(live)
        elif live.is_joined:
            # They are with somebody: one who only listens is not away.
            self.touch(live)
        else:
            await self._act(live, live.id, "silence", None)


def _may_wish(events: Sequence[ConsentEvent]) -> bool:
    """Whether something of the call is, or was, recorded or kept: so that it can stop, or go."""
    standings = story.standings(events)
    states = [standings[scope].state for scope in RECORDED if scope in standings]
    return any(state in (*OPENING, State.WITHDRAWN) for state in states)


def _speaker(live: LiveCall, told: LiveCall) -> str:
    """Who spoke, to the agent of `told`."""
    return "" if live is told else live.id
