"""Words on their way into the record: what may not be kept never gets there.

Card numbers are taken out in memory, before anything is sealed; what is only hidden from readers
is hidden by a row of the same commit. An utterance that may be the beginning of a card number
waits (`transcripts.redaction.keeping`); the media event that brought it is not acknowledged until
it is committed, so that after a crash it is told, understood and looked at again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from conversation.speech.engines import SpokenWord
from runtime.errors import Refused
from sessions.house import House
from sessions.live import LiveCall
from sessions.reducers import words_kept
from transcripts.redaction.finding import DESTROYED, LABELS, Found, What, masked, merged
from transcripts.redaction.keeping import Kept, destroyed, hidden
from transcripts.reducers import transcript_redacted
from transcripts.tables import Revised, Revision, Segment

NOT_KEPT = "a card number is not kept: after a crash it must be asked for again"
AUTOMATIC = "redaction"
"""Who redacts by itself."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A segment that is not sealed yet."""

    id: str
    party: str
    text: str
    words: tuple[SpokenWord, ...]
    start_us: int
    end_us: int
    engine: str
    kind: str
    confidence_permille: int
    event: str | None = None
    """The media event that brought it."""
    told: str = ""
    """The call whose agent was told."""
    permit: str = ""
    """That under which it was understood: its scope and the epoch of its gate."""


Entry = tuple[Segment, Revised | None]
"""What is committed of an utterance: its segment, and what of it readers do not see."""


def entry(house: House, live: LiveCall, draft: Draft, found: tuple[Found, ...]) -> Entry:
    """Seal what may be kept of a draft."""
    texts = draft.text.split()
    gone = destroyed(found)
    labels = _labels(texts, gone)
    words = _words(draft, gone)
    segment = Segment(
        id=draft.id,
        call=live.id,
        party=draft.party,
        text=house.seal(" ".join(masked(texts, gone)) if gone else draft.text, live.words_key),
        start_us=draft.start_us,
        end_us=draft.end_us,
        engine=draft.engine,
        kind=draft.kind,
        confidence_permille=draft.confidence_permille,
        words=None if words is None else house.seal(words, live.words_key),
        destroyed=labels,
        permit=draft.permit,
    )
    return segment, _hidden(house, live, texts, found)


def _labels(texts: list[str], gone: tuple[Found, ...]) -> tuple[str, ...]:
    """Where the labels stand in the words that are kept."""
    labels: list[str] = []
    for one in gone:
        before = masked(texts[: one.first], [each for each in gone if each.last < one.first])
        labels.append(f"{one.what}:{len(' '.join(before).split())}")
    return tuple(labels)


def _words(draft: Draft, gone: tuple[Found, ...]) -> str | None:
    """The words with their times, a label in the place of what is gone; None where neither fits."""
    listed = [
        [word.text, word.start_ms, word.end_ms, word.confidence_permille] for word in draft.words
    ]
    if not listed or (gone and len(listed) != len(draft.text.split())):
        return None
    for one in reversed(gone):
        span = [LABELS[one.what], listed[one.first][1], listed[one.last][2], None]
        listed[one.first : one.last + 1] = [span]
    return json.dumps(listed, ensure_ascii=False)


def _hidden(
    house: House, live: LiveCall, texts: list[str], found: tuple[Found, ...]
) -> Revised | None:
    if not hidden(found):
        return None
    key = live.words_key
    shown = " ".join(masked(texts, merged(found)))
    spans = tuple(f"{one.what}:{one.first}-{one.last}" for one in hidden(found))
    return Revised(AUTOMATIC, house.seal("found by itself", key), spans, house.seal(shown, key))


def heard(house: House, live: LiveCall, draft: Draft) -> list[tuple[Draft, Entry]]:
    """The party said this: what can be committed now, the oldest first; the rest waits.

    What is told once more, by a media process that lost its link, is passed over.
    """
    if live.keeping.has_heard(draft.id):
        return []
    live.drafts[draft.id] = draft
    return _ready(house, live, live.keeping.heard(draft.id, draft.text.split(), house.clock()))


def due(house: House, live: LiveCall) -> list[tuple[Draft, Entry]]:
    """What has waited for long enough; all of it where the call is over."""
    ended = live.ended.is_set()
    kept = live.keeping.close() if ended else live.keeping.wake(house.clock())
    return _ready(house, live, kept)


def _ready(house: House, live: LiveCall, kept: list[Kept]) -> list[tuple[Draft, Entry]]:
    found: list[tuple[Draft, Entry]] = []
    for one in kept:
        live.quarantine.decided(one.id, one.found)
        if one.again:
            live.late[one.id] = one
        elif draft := live.drafts.pop(one.id, None):
            found.append((draft, entry(house, live, draft, one.found)))
    return found


async def keep(house: House, live: LiveCall, draft: Draft, ready: Entry) -> None:
    """Commit what waited. One who no longer agrees to it is not recorded."""
    segment, redacted = ready
    try:
        await house.surely(
            words_kept,
            live.id,
            request=f"{draft.id}/kept",
            segment=segment,
            redacted=redacted,
        )
    except Refused as why:
        house.note("words are not kept", call=live.id, why=str(why))


async def hide_late(house: House, live: LiveCall) -> None:
    """A number went on after its beginning was kept: hide that, it is all that is left to do."""
    while live.late:
        _, one = live.late.popitem()
        rows = await house.store.reader.rows(Segment, id=one.id)
        if not rows:
            continue
        revisions = await house.store.reader.rows(Revision, segment=one.id)
        sealed = revisions[-1].text if revisions else rows[0].text
        texts = house.unseal(sealed).split()
        if revisions or rows[0].destroyed or not texts:
            continue  # Its words are no longer those that were looked at.
        key = live.words_key
        shown = " ".join(masked(texts, one.found))
        spans = tuple(f"{each.what}:{each.first}-{each.last}" for each in one.found)
        why = house.seal("went on in a later utterance", key)
        revised = Revised(AUTOMATIC, why, spans, house.seal(shown, key))
        try:
            await house.surely(
                transcript_redacted,
                live.id,
                request=f"{one.id}/late",
                segment=one.id,
                after=0,
                revised=revised,
            )
        except Refused as why_not:
            house.note("a late redaction was refused", call=live.id, why=str(why_not))


def keepable(live: LiveCall, text: str) -> str:
    """Text of the agent's without the card numbers in it; what is cut is remembered nowhere."""
    for secret in live.secrets:
        text = text.replace(secret, LABELS[What.CARD])
    return live.keeping.cleared(text)


def unspoken(live: LiveCall, text: str) -> tuple[Found, ...]:
    """Which words of the agent's must not be heard in a recording."""
    texts = text.split()
    whole = Found(What.CARD, 0, max(0, len(texts) - 1))
    if not is_whole(text):
        return (whole,)  # A node that died knew what it was; we know that it was a number.
    found = merged([*live.keeping.destroys(texts), *secrets_in(live, texts)])
    return found if found or keepable(live, text) == text else (whole,)


def secrets_in(live: LiveCall, texts: Sequence[str]) -> list[Found]:
    """Where the keys are said that were pressed while nothing was recorded."""
    return [
        Found(What.CARD, n, n)
        for n, word in enumerate(texts)
        if any(secret in word for secret in live.secrets)
    ]


def is_whole(kept: str) -> bool:
    """Whether nothing was taken out of it."""
    return not any(LABELS[what] in kept for what in DESTROYED)


def keepable_json(live: LiveCall, value: Any) -> Any:
    """The same for JSON values, however deep, and for keys of objects."""
    match value:
        case bool():
            return value
        case str():
            return keepable(live, value)
        case int():
            cleared = keepable(live, str(value))
            return value if cleared == str(value) else cleared
        case list() | tuple():
            return [keepable_json(live, one) for one in cast("list[Any]", value)]
        case dict():
            items = cast("dict[Any, Any]", value).items()
            return {keepable_json(live, name): keepable_json(live, one) for name, one in items}
        case _:
            return value
