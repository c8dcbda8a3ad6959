"""Saying things: words are committed before they are played, and again as far as they were."""

import asyncio
from collections.abc import Callable
from typing import Any

from conversation.speech.engines import Speech
from conversation.tables import Utterance, UtteranceState
from recordings.clearance import Span
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.house import House
from sessions.keeping import Draft, Entry, entry, secrets_in, unspoken
from sessions.live import LiveCall, Played, Playing
from sessions.reducers import greeting_put, utterance_ended
from telephony.bridge import Presence
from transcripts.redaction.finding import merged

VOICE = "espeak-ng"
SURE = 1_000


class Voice:
    """Performs the effect of speaking."""

    def __init__(self, house: House, calls: dict[str, LiveCall]) -> None:
        self._house = house
        self._calls = calls

    async def speak(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Play an utterance to its end, or to where the caller cut it off."""
        live = self._calls.get(effect.scope or "")
        (row,) = await self._house.store.reader.rows(Utterance, id=args["utterance"])
        if live is None or row.state is UtteranceState.ENDED:
            return None
        return await self.say(live, row)

    async def say(
        self,
        live: LiveCall,
        row: Utterance,
        progress: Callable[[int], None] | None = None,
        *,
        language: str = "",
    ) -> Closing:
        """Play a planned utterance; answers the action that commits what was heard of it.

        `language` is ISO 639, "" for that of the voice.
        """
        text = live.clear.pop(row.id, None) or self._house.unseal(row.text)
        speech = await self._house.speech.say(text, language=language)
        bad = unspoken(live, text)
        if bad:
            live.quarantine.speaking(row.id, speech.duration_ms)

        def placed(played_ms: int, at_us: int, end_ms: int) -> None:
            begin_us = at_us - played_ms * 1_000
            when = Span(begin_us, begin_us + end_ms * 1_000)
            live.quarantine.spoke(row.id, text, speech.words, bad, when)

        is_placed = False

        def progressed(played_ms: int) -> None:
            nonlocal is_placed
            if not is_placed:
                # The words have a place: the end of a long utterance is not waited for.
                is_placed = True
                placed(played_ms, self._house.clock(), speech.duration_ms)
            if progress is not None:
                progress(played_ms)

        played = await self._play(live, row, speech, progressed if bad else progress)
        placed(played.played_ms, played.at_us or self._house.clock(), played.played_ms)
        segment, redacted = self._heard(live, row, text, speech, played)
        return Closing(
            utterance_ended,
            {
                "utterance": row.id,
                "played_ms": played.played_ms,
                "total_ms": played.total_ms,
                "interrupted": played.interrupted,
                "heard": segment,
                "redacted": redacted,
            },
        )

    async def greet(self, live: LiveCall, text: str) -> None:
        """Say who is there before the call is answered: once, whatever crashes."""
        utterance = greeting_of(live.id)
        await self._house.act(
            greeting_put,
            live.id,
            request=utterance,
            utterance=utterance,
            text=self._house.seal(text, live.words_key),
        )
        (row,) = await self._house.store.reader.rows(Utterance, id=utterance)
        if row.state is not UtteranceState.ENDED:
            closing = await self.say(live, row)
            await self._house.surely(
                utterance_ended, live.id, request=f"{utterance}/ended", **closing.args
            )

    async def _play(
        self,
        live: LiveCall,
        row: Utterance,
        speech: Speech,
        progress: Callable[[int], None] | None,
    ) -> Played:
        ended: asyncio.Future[Played] = asyncio.get_running_loop().create_future()
        playing = Playing(speech, row.interruptible, ended, progress=progress)
        live.playing[row.id] = playing
        try:
            # Who is muted, or has left, plans words like any other; nobody hears them.
            # The question is the house's own: whoever has to answer it hears it.
            silent = live.presence is not Presence.PRESENT and row.id != live.question
            if live.ended.is_set() or silent:
                return Played(0, speech.duration_ms, True)
            self._house.media.play(live.id, row.id, speech.pcm, interruptible=row.interruptible)
            return await ended
        finally:
            del live.playing[row.id]

    def _heard(
        self, live: LiveCall, row: Utterance, text: str, speech: Speech, played: Played
    ) -> Entry | tuple[None, None]:
        """The words that were played, as a segment; None where not one was."""
        whole = not played.interrupted and played.played_ms >= played.total_ms
        heard = text if whole else " ".join(w.text for w in speech.heard(played.played_ms))
        if not heard:
            return None, None
        now = self._house.clock()
        draft = Draft(
            id=row.id,
            party="agent",
            text=heard,
            words=speech.words if whole else speech.heard(played.played_ms),
            start_us=now - played.played_ms * 1_000,
            end_us=now,
            engine=VOICE,
            kind="spoken",
            confidence_permille=SURE,
        )
        texts = heard.split()
        found = merged([*live.keeping.asked(texts), *secrets_in(live, texts)])
        return entry(self._house, live, draft, found)


def play_again(house: House, live: LiveCall) -> None:
    """Another media process has the leg: what was being said goes on there."""
    for utterance, playing in live.playing.items():
        house.media.play(
            live.id,
            utterance,
            playing.speech.pcm,
            from_ms=playing.position_ms,
            interruptible=playing.interruptible,
        )


def greeting_of(call: str) -> str:
    """The utterance of a call's greeting, where that is early media."""
    return f"{call}:greeting"


def played(live: LiveCall, utterance: str, outcome: Played) -> None:
    """The media process says how playout ended."""
    playing = live.playing.get(utterance)
    if playing is not None and not playing.ended.done():
        playing.ended.set_result(outcome)


def progressed(live: LiveCall, utterance: str, played_ms: int) -> None:
    """The media process says how far playout is."""
    playing = live.playing.get(utterance)
    if playing is not None:
        playing.position_ms = played_ms
        if playing.progress is not None:
            playing.progress(played_ms)
