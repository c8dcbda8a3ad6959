"""The shell that destroys a span: some seconds of one party, and the words of them.

Of audio the ciphertext goes, in whole chunks: their keys are in the log, under that of the track,
so a copy of the ciphertext that is elsewhere would still open. Of words the key goes: all that is
said and done in the call is sealed anew under another, without the span, and the old key is
destroyed; so not even the log has them any more.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from conversation.tables import Action, Memory, Turn, Utterance
from recordings import segments
from recordings.retention.precedence import Terms
from recordings.tables import Chunk
from runtime.errors import Refused, StoreBroken
from runtime.keystore import Keystore
from runtime.outbox import Effect
from runtime.performer import SENDER, Closing
from runtime.sealed import Sealed, seal, unseal
from runtime.store import Store
from sessions.retention.span_reducers import (
    Carried,
    Resealed,
    segment_of,
    shred_begun,
    shred_done,
    shred_requested,
)
from sessions.retention.span_tables import ShredState, SpanShred
from sessions.tables import Call
from transcripts.effective import effective, revised
from transcripts.redaction.finding import Found, What, find, masked, merged
from transcripts.redaction.keeping import destroyed
from transcripts.tables import Revised, Revision, Segment

WHY = "a card number was destroyed"
WHO = "retention"


class Shredding:
    """Of one store, with or without a node around it."""

    def __init__(
        self,
        store: Store,
        keystore: Keystore,
        recordings: Path,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.store = store
        self._keystore = keystore
        self._recordings = recordings
        self._entropy = entropy

    async def request(
        self,
        call: str,
        party: str,
        span: tuple[int, int],
        words: list[str],
        reason: str,
        *,
        sender: str,
        by: str,
        counsel: bool,
        terms: list[Terms],
        seen: list[str],
        binding: list[str],
    ) -> SpanShred:
        """Ask for a span to go. Raises Refused."""
        from_us, until_us = span
        shred = f"shred_{self._entropy(8).hex()}"
        gone = {gap for (gap,) in await self.store.reader.sql(_GAPS, [call])}
        chunks = [
            one.id
            for one in await self.store.reader.rows(Chunk, call=call)
            if one.party == party and one.id not in gone and _meets(one, from_us, until_us)
        ]
        key_id = await asyncio.to_thread(self._keystore.prepare)
        try:
            await self.store.act(
                shred_requested,
                sender=sender,
                scope=call,
                shred=shred,
                call=call,
                party=party,
                from_us=from_us,
                until_us=until_us,
                chunks=chunks,
                words=words,
                reason=self._seal(reason, key_id),
                counsel=counsel,
                terms=terms,
                seen=seen,
                binding=binding,
                by=by,
            )
        except BaseException:
            await asyncio.to_thread(self._keystore.destroy, key_id)
            raise
        (row,) = await self.store.reader.rows(SpanShred, id=shred)
        return row

    async def shred(self, effect: Effect, args: dict[str, Any]) -> Closing | None:
        """Destroy what was approved. Each step can be done twice; a process may die between."""
        shred = str(args["shred"])
        (row,) = await self.store.reader.rows(SpanShred, id=shred)
        if row.state is ShredState.APPROVED:
            resealed = await self._resealed(row) if row.old_key else None
            await self.store.act(
                shred_begun, sender=SENDER, scope=row.call, shred=shred, resealed=resealed
            )
        elif row.state is not ShredState.BEGUN:
            return None
        if row.old_key:
            try:
                await asyncio.to_thread(self._keystore.destroy, row.old_key)
            except StoreBroken as broken:
                self.store.give_up(broken)
                raise
        ranges = [
            segments.Range(one.path, one.offset, one.bytes)
            for one in await self.store.reader.rows(Chunk, call=row.call)
            if one.id in row.chunks
        ]
        await asyncio.to_thread(segments.erase, self._recordings, ranges)
        return Closing(shred_done, {"shred": shred})

    async def _resealed(self, row: SpanShred) -> Resealed:
        """All words of the call but those of the span. Raises Refused where they are gone."""
        reader = self.store.reader
        (call,) = await reader.rows(Call, id=row.call)
        if call.words_key != row.old_key:
            raise Refused(f"the words of {row.call} are under another key meanwhile")
        new = await asyncio.to_thread(self._keystore.prepare)
        old = self._keystore.key(row.old_key)

        def again(sealed: Sealed[str]) -> Sealed[str]:
            if sealed.key_id != row.old_key:
                return sealed
            return self._seal(_cleaned(unseal(sealed, old)), new)

        changes = revised(await reader.rows(Revision, call=row.call))
        carried: list[Carried] = []
        for segment in await reader.rows(Segment, call=row.call):
            known = changes.get(segment.id, [])
            text = unseal(effective(segment, known), old)
            gone = [name for name in row.words if segment_of(name) == segment.id]
            said = _without(text, gone) if gone else text
            made = Revised(WHO, self._seal(WHY, new), tuple(gone), self._seal(said, new))
            carried.append(Carried(segment.id, len(known), bool(gone), made))
        return Resealed(
            words_key=new,
            segments=tuple(carried),
            utterances=tuple(
                replace(one, text=again(one.text))
                for one in await reader.rows(Utterance, call=row.call)
            ),
            actions=tuple(
                replace(
                    one,
                    args=again(one.args),
                    result=None if one.result is None else again(one.result),
                )
                for one in await reader.rows(Action, call=row.call)
            ),
            turns=tuple(
                replace(one, digit=None if _is_within(one, row) else again(one.digit))
                for one in await reader.rows(Turn, call=row.call)
                if one.digit is not None
            ),
            memory=tuple(
                replace(one, userdata=again(one.userdata))
                for one in await reader.rows(Memory, id=row.call)
            ),
        )

    def _seal(self, text: str, key_id: str) -> Sealed[str]:
        return seal(text, key_id, self._keystore.key(key_id), self._entropy)


_GAPS = "SELECT id FROM chunk_gap WHERE call = ?"


def _meets(chunk: Chunk, from_us: int, until_us: int) -> bool:
    ends_us = chunk.captured_from_us + chunk.samples * 1_000_000 // chunk.rate
    return chunk.captured_from_us < until_us and ends_us > from_us


def _is_within(turn: Turn, row: SpanShred) -> bool:
    """Whether a key was pressed in the span."""
    return row.party == "caller" and row.from_us <= turn.began_us < row.until_us


def _without(text: str, gone: list[str]) -> str:
    """The text without these words of it. Where they do not fit, nothing of it stays."""
    words = text.split()
    spans: list[Found] = []
    for name in gone:
        first, _, last = name.rpartition("#")[2].partition("-")
        spans.append(Found(What.CARD, int(first), int(last)))
    if any(one.last >= len(words) for one in spans):
        spans = [Found(What.CARD, 0, max(0, len(words) - 1))]
    spans += destroyed(tuple(find(words)))
    return " ".join(masked(words, list(merged(spans))))


def _cleaned(text: str) -> str:
    """What the detectors know as a card number is not sealed anew, wherever it stands."""
    if text[:1] in ("{", "["):
        try:
            return json.dumps(_walked(json.loads(text)), ensure_ascii=False)
        except ValueError:
            return _masked(text)
    return _masked(text)


def _walked(value: object) -> object:
    match value:
        case str():
            return _masked(value)
        case list():
            return [_walked(one) for one in cast("list[object]", value)]
        case dict():
            return {name: _walked(one) for name, one in cast("dict[str, object]", value).items()}
        case _:
            return value


def _masked(text: str) -> str:
    words = text.split()
    gone = destroyed(tuple(find(words)))
    return " ".join(masked(words, gone)) if gone else text
