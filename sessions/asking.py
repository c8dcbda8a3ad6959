"""Asking for consent: the question, its must-hear mark, the answer, the silence."""

import asyncio
from contextlib import suppress
from typing import Any

from consent.reducers import PARTIES
from consent.rules import LISTENING, PLAYING, Answer, State, fold, is_open
from consent.tables import ConsentEvent
from consent.wordings import WORDINGS
from conversation.speech.grammars import YES_NO, meaning
from conversation.tables import Utterance
from media.client import MediaUnavailable
from runtime.errors import Refused
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import consent_answered, question_heard, question_put
from sessions.voice import Voice, greeting_of

ANSWER_S = 8.0
"""How long a caller may think about a question that was asked to its end."""

KEYS = {"1": Answer.KEY_YES, "2": Answer.KEY_NO}


class Asking:
    """Performs the effect of asking, and takes the answers."""

    def __init__(self, house: House, calls: dict[str, LiveCall], voice: Voice) -> None:
        self._house = house
        self._calls = calls
        self._voice = voice
        self._tasks: set[asyncio.Task[None]] = set()

    async def state(self, call: str) -> State:
        """Where the caller stands, by the rows."""
        rows = await self._house.store.reader.rows(ConsentEvent, call=call, party="caller")
        return fold(rows)

    async def is_asked(self, call: str) -> bool:
        """Whether the caller is, or will be, to answer a question."""
        return is_open(await self.state(call))

    async def ask(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Put a question and hear it out."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        wording = WORDINGS[args["wording"]]
        utterance = f"{live.id}:ask:{effect.id}"
        text = wording.text
        reader = self._house.store.reader
        was_greeted = bool(await reader.rows(Utterance, id=greeting_of(live.id)))
        if args["wording"].startswith("recording-ask") and live.agent.greeting and not was_greeted:
            text = f"{live.agent.greeting} {text}"
        await self._house.act(
            question_put,
            live.id,
            request=f"{effect.id}/put",
            utterance=utterance,
            wording=wording.id,
            text=self._house.seal(text, live.words_key),
        )
        (row,) = await self._house.store.reader.rows(Utterance, id=utterance)
        live.question = utterance

        marked = False

        def progress(played_ms: int) -> None:
            nonlocal marked
            total = live.playing[utterance].speech.duration_ms
            if not marked and played_ms * 1_000 >= total * wording.must_hear_permille:
                marked = True
                self._soon(self._heard_out(live, effect.id))

        closing = await self._voice.say(live, row, progress)
        played, total = closing.args["played_ms"], closing.args["total_ms"]
        if not live.ended.is_set() and played * 1_000 >= total * wording.must_hear_permille:
            await self._heard_out(live, effect.id)
        return closing

    async def _heard_out(self, live: LiveCall, effect: str) -> None:
        """Past the must-hear mark: a key that was pressed before counts now."""
        try:
            await self._house.surely(question_heard, live.id, request=f"{effect}/heard")
        except Refused:
            return
        held, live.held_key = live.held_key, None
        if held is not None:
            await self.key(live, *held)

    async def silence(self, live: LiveCall) -> None:
        """Nothing was answered for `ANSWER_S`."""
        await self.answer(live, Answer.SILENCE, "silence")

    async def key(self, live: LiveCall, digit: str, event: str | None) -> bool:
        """A key was pressed. Answers whether it was about consent."""
        state = await self.state(live.id)
        if state in LISTENING:
            if digit in KEYS:
                await self.answer(live, KEYS[digit], f"dtmf:{digit}")
        elif state in PLAYING:
            live.held_key = (digit, event)
            return True
        elif state in (State.GRANTED, State.REFUSED, State.UNRESOLVED):
            return False
        if event is not None:
            self._house.media.ack([event])
        return True

    async def voice_answer(self, live: LiveCall, pcm: bytes, rate: int) -> None:
        """Something was said after the question. Audio and words stay in memory."""
        hearing = await self._house.speech.hear(pcm, (YES_NO,), dictation=False, rate=rate)
        said = meaning(hearing.text) if hearing.accepted else None
        answer = {"yes": Answer.VOICE_YES, "no": Answer.VOICE_NO}.get(said or "")
        await self.answer(live, answer or Answer.UNCLEAR, f"voice:{hearing.engine}")

    async def answer(self, live: LiveCall, answer: Answer, method: str) -> None:
        """Commit the answer. Keys are prepared for a yes; without a grant they are destroyed."""
        # Known before the commit: the next question may be under way when that is done.
        question = live.question
        sure = answer in (Answer.KEY_YES, Answer.VOICE_YES)
        keys = {party: await self._house.prepare_key(live.id) for party in PARTIES if sure}
        if question in live.playing:
            # Before the commit that lets others hear this line.
            with suppress(MediaUnavailable):
                self._house.media.stop(live.id, question)
        try:
            granted = await self._house.surely(
                consent_answered, live.id, answer=answer, method=method, keys=keys
            )
        except Refused:
            granted = False
        # Where a crash comes first, the sweep at the next start destroys them.
        for key_id in () if granted else keys.values():
            await self._house.discard_key(key_id)
        if live.question == question:
            live.question = None

    def _soon(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
