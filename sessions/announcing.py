"""What the house says of its own accord: that a recording has stopped, why a call ends here,
what the law wants told once more at its end.
"""

from contextlib import suppress
from typing import Any

from consent import prompts, saying, story
from consent.policy.terms import OnNo
from consent.tables import ConsentEvent, ConsentTerm
from conversation.reducers import utterance_planned
from conversation.tables import Utterance, UtteranceState
from runtime.errors import Refused
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.consent_reducers import closing_heard, closing_put
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import hang_up_decided, utterance_ended
from sessions.transferring import Transferring
from sessions.voice import Voice

OFFER = "erasure-ask"
"""Whether what was recorded so far shall go, too: asked once, after the recording has stopped."""

OFFER_US = 10_000_000
"""How long a key answers the offer, after its end."""

OFFER_US_MAX = 60_000_000
"""How long it may take to say it."""

REFUSED = 300
"""From this status on a transfer has failed."""


class Announcing:
    """Performs the effects of telling a party, and of turning them away."""

    def __init__(
        self, house: House, calls: dict[str, LiveCall], voice: Voice, transferring: Transferring
    ) -> None:
        self._house = house
        self._calls = calls
        self._voice = voice
        self._transferring = transferring

    async def tell(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Say that something has become so, such as that the recording has stopped."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        *first, last = args["what"]
        for what in first:
            await self._say_out(live, effect, what)
        if last != OFFER:
            return await self._say(live, effect, last)
        live.past_asked_until_us = self._house.clock() + OFFER_US_MAX
        closing = await self._say(live, effect, OFFER)
        live.past_asked_until_us = self._house.clock() + OFFER_US
        return closing

    async def turn_away(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Say why the conversation does not go on here, hand the call to a person where the
        policy says so and there is one, then hang up."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        if args["how"] == OnNo.END_WITH_REASON:
            await self._say_out(live, effect, args["why"])
        elif not await self._handed_over(live, effect):
            await self._say_out(live, effect, "refusal-nobody")
        return Closing(hang_up_decided, {"call": live.id})

    async def close(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Before we hang up: tell again what is to be told at the end, too."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        utterance, reader = f"{live.id}:close:{effect.id}", self._house.store.reader
        terms = await reader.rows(ConsentTerm, call=live.id)
        events = await reader.rows(ConsentEvent, call=live.id)
        prompt = prompts.closing(terms, story.standings(events))
        if prompt is None:
            return None
        said = saying.said(prompt)
        with suppress(Refused):
            await self._house.act(
                closing_put,
                live.id,
                request=f"{utterance}/put",
                utterance=utterance,
                scopes=prompt.scopes,
                wordings=said.wordings,
                wording_sha256=said.sha256,
                language=prompt.language,
                text=self._house.seal(said.text, live.words_key),
            )
        rows = await reader.rows(Utterance, id=utterance)
        if not rows or rows[0].state is UtteranceState.ENDED:
            return None
        closing = await self._voice.say(live, rows[0], language=prompt.language)
        await self._closing_heard(live, closing, said.must_hear_permille)
        return closing

    async def _closing_heard(self, live: LiveCall, closing: Closing, permille: int) -> None:
        played_ms, total_ms = closing.args["played_ms"], closing.args["total_ms"]
        if played_ms * 1_000 < total_ms * permille:
            return
        with suppress(Refused):  # A crash came between, and it was said twice.
            await self._house.surely(
                closing_heard,
                live.id,
                request=f"{closing.args['utterance']}/heard",
                utterance=closing.args["utterance"],
                played_ms=played_ms,
                total_ms=total_ms,
                must_hear_permille=permille,
                heard_us=self._house.clock(),
            )

    async def _handed_over(self, live: LiveCall, effect: Effect) -> bool:
        """Whether a person took the call. The effect's id is the order's: once is enough."""
        human = self._house.settings.human
        if not human:
            return False
        await self._say_out(live, effect, "refusal-human")
        return await self._transferring.refer(live, effect.id, human) < REFUSED

    async def _say_out(self, live: LiveCall, effect: Effect, what: str) -> None:
        """Say it to its end, and commit that it was said."""
        closing = await self._say(live, effect, what)
        request = f"{closing.args['utterance']}/said"
        await self._house.surely(utterance_ended, live.id, request=request, **closing.args)

    async def _say(self, live: LiveCall, effect: Effect, what: str) -> Closing:
        terms = await self._house.store.reader.rows(ConsentTerm, call=live.id)
        said = saying.of_house(what, next((term.language for term in terms), ""))
        utterance = f"{live.id}:say:{effect.id}:{what}"
        await self._house.act(
            utterance_planned,
            live.id,
            request=f"{utterance}/planned",
            utterance=utterance,
            text=self._house.seal(said.text, live.words_key),
            interruptible=False,
        )
        (row,) = await self._house.store.reader.rows(Utterance, id=utterance)
        return await self._voice.say(live, row, language=said.language)
