"""What the house says of its own accord: that a recording has stopped, why a call ends here."""

from typing import Any

from consent import saying
from consent.policy.terms import OnNo
from consent.tables import ConsentTerm
from consent.wordings import WORDINGS
from conversation.reducers import utterance_planned
from conversation.tables import Utterance
from runtime.outbox import Effect
from runtime.performer import Closing
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import hang_up_decided, utterance_ended
from sessions.voice import Voice


class Announcing:
    """Performs the effects of telling a party, and of turning them away."""

    def __init__(self, house: House, calls: dict[str, LiveCall], voice: Voice) -> None:
        self._house = house
        self._calls = calls
        self._voice = voice

    async def tell(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Say that something has become so, such as that the recording has stopped."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        return await self._say(live, effect, f"recording-{args['what']}")

    async def turn_away(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Say why the conversation does not go on here, then hang up."""
        live = self._calls.get(effect.scope or "")
        if live is None or live.ended.is_set():
            return None
        ends = args["how"] == OnNo.END_WITH_REASON
        closing = await self._say(live, effect, f"refusal-{'end' if ends else 'human'}")
        await self._house.surely(
            utterance_ended, live.id, request=f"{effect.id}/said", **closing.args
        )
        return Closing(hang_up_decided, {"call": live.id})

    async def _say(self, live: LiveCall, effect: Effect, what: str) -> Closing:
        terms = await self._house.store.reader.rows(ConsentTerm, call=live.id)
        language = next((term.language for term in terms), "en")
        text = WORDINGS[saying.of_house(what, language)].text
        utterance = f"{live.id}:say:{effect.id}"
        await self._house.act(
            utterance_planned,
            live.id,
            request=f"{effect.id}/planned",
            utterance=utterance,
            text=self._house.seal(text, live.words_key),
            interruptible=False,
        )
        (row,) = await self._house.store.reader.rows(Utterance, id=utterance)
        return await self._voice.say(live, row)
