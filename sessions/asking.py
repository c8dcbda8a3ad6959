"""What a party is told and asked: the notice or question, its must-hear mark, the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from consent import clips, permits, prompts, saying, story
from consent.machine import LISTENING, Event, Standing, State
from consent.permit import NotPermitted
from consent.prompts import Act, Prompt
from consent.reducers import RECORDING, TRACKS
from consent.saying import Said
from consent.tables import ConsentClip, ConsentEvent, ConsentHeard, ConsentTerm
from conversation.speech import grammars
from conversation.tables import Utterance, UtteranceState
from media.client import MediaUnavailable
from runtime.errors import Refused
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.consent_reducers import (
    consent_answered,
    question_cut,
    question_heard,
    question_put,
)
from sessions.gating import named
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import utterance_ended
from sessions.voice import Voice, greeting_of

ANSWER_S = 8.0
"""How long a caller may think about a question that was asked to its end."""

OBJECTION_S = 3.0
"""How long who agreed before may object, after the short notice."""

KEYS = {"1": Event.YES_KEY, "2": Event.NO}
MEANINGS = {"yes": Event.YES_VOICE, "no": Event.NO}

Standings = dict[str, Standing]


class Asking:
    """Performs the effects of telling and asking, and takes the answers."""

    def __init__(self, house: House, calls: dict[str, LiveCall], voice: Voice) -> None:
        self._house = house
        self._calls = calls
        self._voice = voice
        self._tasks: set[asyncio.Task[None]] = set()

    async def standings(self, call: str) -> Standings:
        """Scope -> where the party stands, by the rows."""
        return story.standings(await self._house.store.reader.rows(ConsentEvent, call=call))

    async def is_asked(self, call: str) -> bool:
        """Whether the party is, or will be, told or asked something, or is to answer."""
        return prompts.is_asked(await self._terms(call), await self.standings(call))

    async def is_listening(self, call: str) -> bool:
        """Whether an answer counts now."""
        return prompts.is_listening(await self.standings(call))

    async def ask(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Put a notice or a question, if it is still due, and hear it out."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        utterance = f"{live.id}:ask:{effect.id}"
        prompt = await self._due(live.id)
        if prompt is None or named(prompt) != args:
            return await self._put_before(utterance)
        said = saying.said(prompt, await self._greeting(live))
        with suppress(Refused):
            await self._house.act(
                question_put,
                live.id,
                request=f"{effect.id}/put",
                utterance=utterance,
                **named(prompt),
                wordings=said.wordings,
                wording_sha256=said.sha256,
                language=prompt.language,
                text=self._house.seal(said.text, live.words_key),
            )
        rows = await self._house.store.reader.rows(Utterance, id=utterance)
        return await self._play(live, rows[0], prompt, said) if rows else None

    async def _play(self, live: LiveCall, row: Utterance, prompt: Prompt, said: Said) -> Closing:
        live.question = row.id
        marked = False

        def progress(played_ms: int) -> None:
            nonlocal marked
            total_ms = live.playing[row.id].speech.duration_ms
            is_past = played_ms * 1_000 >= total_ms * said.must_hear_permille
            # Who may object has until some time after its end.
            if is_past and not marked and prompt.act is not Act.CONFIRM:
                marked = True
                self._soon(self._heard(live, row.id, prompt, said, (played_ms, total_ms)))

        closing = await self._voice.say(live, row, progress, language=prompt.language)
        played_ms, total_ms = closing.args["played_ms"], closing.args["total_ms"]
        if played_ms * 1_000 < total_ms * said.must_hear_permille:
            await self._cut(live, row.id)
        elif not live.ended.is_set():
            if prompt.act is Act.CONFIRM:
                await _within(live.ended, OBJECTION_S)
            await self._heard(live, row.id, prompt, said, (played_ms, total_ms))
        if prompt.act in (Act.TELL, Act.CONFIRM) and live.question == row.id:
            live.question = None
        return closing

    async def _heard(
        self, live: LiveCall, utterance: str, prompt: Prompt, said: Said, played: tuple[int, int]
    ) -> None:
        """Past the must-hear mark: a notice is given; a key that was pressed before counts now.

        `played`: so many milliseconds of how many.
        """
        grants = prompt.act in (Act.TELL, Act.CONFIRM) and RECORDING in prompt.scopes
        live.answer_s = await self._answer_s(live.id, prompt)

        async def commit(keys: dict[str, str]) -> bool:
            return bool(
                await self._house.surely(
                    question_heard,
                    live.id,
                    request=f"{utterance}/heard",
                    utterance=utterance,
                    played_ms=played[0],
                    total_ms=played[1],
                    must_hear_permille=said.must_hear_permille,
                    heard_us=self._house.clock(),
                    keys=keys,
                )
            )

        try:
            await self._with_keys(live.id, grants, commit)
        except Refused:
            return
        held, live.held_key = live.held_key, None
        if held is not None:
            await self.key(live, *held)

    async def _cut(self, live: LiveCall, utterance: str) -> None:
        with suppress(Refused):
            await self._house.surely(
                question_cut, live.id, request=f"{utterance}/cut", utterance=utterance
            )

    async def silence(self, live: LiveCall) -> None:
        """Nothing was answered for as long as was waited: that is an answer only where the policy
        takes staying on the line for one."""
        listening = await self._listening(live.id)
        implied = any(
            term.implied_after_s is not None
            for term in await self._terms(live.id)
            if term.scope in listening
        )
        await self.answer(live, Event.STAYED if implied else Event.SILENCE, "silence")

    async def key(self, live: LiveCall, digit: str, event: str | None) -> bool:
        """A key was pressed. Answers whether it was about consent."""
        if await self.is_listening(live.id):
            if digit in KEYS:
                await self.answer(live, KEYS[digit], f"dtmf:{digit}")
        else:
            prompt = await self._due(live.id)
            if prompt is None:
                return False
            if prompt.act is Act.CONFIRM and KEYS.get(digit) is Event.NO:
                await self.answer(live, Event.NO, f"dtmf:{digit}")
            elif prompt.act is not Act.TELL:
                live.held_key = (digit, event)
                return True
        if event is not None:
            self._house.media.ack([event])
        return True

    async def voice_answer(self, live: LiveCall, pcm: bytes, rate: int, began_us: int) -> None:
        """Something was said after the question. Words stay in memory, and so does the audio
        unless it grants."""
        events = await self._house.store.reader.rows(ConsentEvent, call=live.id)
        try:
            permit = permits.answering(events, live.id)
        except NotPermitted:
            return  # It was answered by a key meanwhile.
        states = [one.state for one in story.standings(events).values()]
        is_read_back = State.READ_BACK in states
        grammar = grammars.CONFIRMATION if is_read_back else grammars.YES_NO
        hearing = await self._house.speech.hear(
            pcm, (grammar,), dictation=False, permit=permit, rate=rate
        )
        answer = MEANINGS.get(grammars.answer(hearing) or "", Event.UNCLEAR)
        grants = is_read_back and answer is Event.YES_VOICE
        clip = await self._clip(live, pcm, rate, began_us) if grants else None
        try:
            await self.answer(live, answer, f"voice:{hearing.engine}", clip=clip)
        finally:
            if clip is not None:
                await self._forget_unless_kept(live.id, clip)

    async def _clip(
        self, live: LiveCall, pcm: bytes, rate: int, began_us: int
    ) -> clips.Clip | None:
        """How the yes was said, as far as it was said after the question had been heard."""
        heard = await self._house.store.reader.rows(ConsentHeard, id=live.question or "")
        early_us = max([one.heard_us - began_us for one in heard], default=0)
        try:
            wav, duration_ms = clips.prepared(pcm, rate, early_us // 1_000)
        except ValueError:
            return None
        key_id = await self._house.prepare_key()
        return clips.Clip(self._house.seal_bytes(wav, key_id), duration_ms)

    async def _forget_unless_kept(self, call: str, clip: clips.Clip) -> None:
        kept = await self._house.store.reader.rows(ConsentClip, call=call)
        if clip.sealed.key_id not in [one.clip.key_id for one in kept]:
            await self._house.discard_key(clip.sealed.key_id)

    async def answer(
        self,
        live: LiveCall,
        answer: Event,
        method: str,
        evidence: str | None = None,
        clip: clips.Clip | None = None,
    ) -> None:
        """Commit the answer. Keys are prepared for a yes; without a grant they are destroyed."""
        # Known before the commit: the next question may be under way when that is done.
        question = live.question
        listening = await self._listening(live.id)
        is_sure = answer in (Event.YES_KEY, Event.STAYED) or (
            answer is Event.YES_VOICE and State.READ_BACK in listening.values()
        )
        if question in live.playing:
            # Before the commit that lets others hear this line.
            with suppress(MediaUnavailable):
                self._house.media.stop(live.id, question)

        async def commit(keys: dict[str, str]) -> bool:
            return bool(
                await self._house.surely(
                    consent_answered,
                    live.id,
                    answer=answer,
                    method=method,
                    keys=keys,
                    evidence=evidence,
                    clip=clip,
                )
            )

        with suppress(Refused):
            await self._with_keys(live.id, is_sure and RECORDING in listening, commit)
        if live.question == question:
            live.question = None

    async def _put_before(self, utterance: str) -> Closing | None:
        """It is not due any more. What a crash left open of it is closed."""
        reader = self._house.store.reader
        rows = await reader.rows(Utterance, id=utterance)
        if not rows or rows[0].state is UtteranceState.ENDED:
            return None
        heard = await reader.rows(ConsentHeard, id=utterance)
        played_ms, total_ms = (heard[0].played_ms, heard[0].total_ms) if heard else (0, 0)
        ended = {"utterance": utterance, "played_ms": played_ms, "total_ms": total_ms}
        return Closing(utterance_ended, {**ended, "interrupted": True, "heard": None})

    async def _greeting(self, live: LiveCall) -> str:
        """What is said before the first prompt, unless it was said while it rang."""
        reader = self._house.store.reader
        if await reader.rows(Utterance, id=greeting_of(live.id)):
            return ""
        if await reader.rows(ConsentHeard, call=live.id):
            return ""
        return live.agent.greeting or ""

    async def _answer_s(self, call: str, prompt: Prompt) -> float:
        """How long an answer to it is waited for."""
        implied = [
            term.implied_after_s
            for term in await self._terms(call)
            if term.scope in prompt.scopes and term.implied_after_s is not None
        ]
        return max(implied, default=ANSWER_S)

    async def _with_keys(
        self, call: str, wanted: bool, commit: Callable[[dict[str, str]], Awaitable[bool]]
    ) -> None:
        """Commit with a prepared key for each track, if one may be wanted."""
        keys = {track: await self._house.prepare_key(call) for track in TRACKS if wanted}
        used = False
        try:
            used = await commit(keys)
        finally:
            # Where a crash comes first, the sweep at the next start destroys them.
            for key_id in () if used else keys.values():
                await self._house.discard_key(key_id)

    async def _due(self, call: str) -> Prompt | None:
        return prompts.due(await self._terms(call), await self.standings(call))

    async def _listening(self, call: str) -> dict[str, State]:
        """The scopes whose question waits for its answer."""
        return {
            scope: standing.state
            for scope, standing in (await self.standings(call)).items()
            if standing.state in LISTENING
        }

    async def _terms(self, call: str) -> list[ConsentTerm]:
        return await self._house.store.reader.rows(ConsentTerm, call=call)

    def _soon(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
