"""What operators see of calls, and change of what is seen: operations, noted as they are done."""

from typing import Any

from parley.asked import OPERATOR, Args, Misused, request_of, text, texts
from recordings.access import Looked, media_disclosed
from runtime.sealed import Sealed, from_json
from runtime.store import Store
from transcripts.reducers import transcript_corrected, transcript_redacted
from transcripts.tables import Revised, Segment

REVISING = {"corrected": transcript_corrected, "redacted": transcript_redacted}


async def access_note(store: Store, asked: Args) -> dict[str, Any]:
    """Somebody is about to see words or sound: who, looked, call, what, from_us, until_us, ..."""
    looked = text(asked, "looked")
    if looked not in tuple(Looked):
        raise Misused(f"'looked' is one of {', '.join(Looked)}")
    access: str = await store.act(
        media_disclosed,
        sender=OPERATOR,
        request=request_of(asked, "noted"),
        who=text(asked, "who"),
        looked=Looked(looked),
        call=text(asked, "call", ""),
        what=tuple(texts(asked, "what")),
        from_us=_number(asked, "from_us"),
        until_us=_number(asked, "until_us"),
        query=_sealed(asked, "query") if asked.get("query") is not None else None,
        hits=_number(asked, "hits") or 0,
    )
    return {"access": access}


async def transcript_revise(store: Store, asked: Args) -> dict[str, Any]:
    """Correct or redact a segment: change, segment, after, by, why, spans, text (both sealed)."""
    change, segment = text(asked, "change"), text(asked, "segment")
    if change not in REVISING:
        raise Misused(f"'change' is one of {', '.join(REVISING)}")
    rows = await store.reader.rows(Segment, id=segment)
    if not rows:
        raise Misused(f"there is no segment {segment!r}")
    revision: str = await store.act(
        REVISING[change],
        sender=OPERATOR,
        scope=rows[0].call,
        request=request_of(asked, "revised"),
        segment=segment,
        after=_number(asked, "after") or 0,
        revised=Revised(
            by=text(asked, "by"),
            why=_sealed(asked, "why"),
            spans=tuple(texts(asked, "spans")),
            text=_sealed(asked, "text"),
        ),
    )
    return {"revision": revision}


def _sealed(asked: Args, name: str) -> Sealed[str]:
    """What the asker sealed: words are not written in clear, not even to a socket."""
    try:
        return from_json(asked[name])
    except (KeyError, TypeError, ValueError) as error:
        raise Misused(f"{name!r} is missing, or not sealed") from error


def _number(asked: Args, name: str) -> int | None:
    value = asked.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise Misused(f"{name!r} is no whole number")
    return value
