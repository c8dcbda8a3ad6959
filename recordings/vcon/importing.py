"""What of a stranger's vCon becomes a call of ours: read out of an opened one, and bounded.

Only what was signed is read (`opening`). Addresses are never fetched: a recording that lies
elsewhere is left out, and said to be. What is not understood is kept as it is, within limits.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from recordings.vcon.contents import payload
from recordings.vcon.values import content_hash, read_date

RECORDINGS_MAX = 64
SEGMENTS_MAX = 20_000
SEGMENT_CHARS_MAX = 8_000
SEGMENT_WORDS_MAX = 1_000
"""What is longer is cut into several: card numbers are looked for in so many words at once."""
PARTS_MAX = 200
PART_CHARS_MAX = 256 * 1024
PARTS_CHARS_MAX = 4 * 1024 * 1024
NAME_CHARS_MAX = 100
NOTES_MAX = 100

CALLER, AGENT = "caller", "agent"
ANONYMOUS = "sip:anonymous@anonymous.invalid"
BASES = (
    "consent",
    "contract",
    "legal_obligation",
    "vital_interests",
    "public_task",
    "legitimate_interests",
)
"""Of GDPR Art 6(1), as draft-howe-vcon-lawful-basis writes them."""

Object = Mapping[str, Any]


class NotImported(ValueError):
    """It has not what a call of ours needs; the message says what."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording within the vCon: whose voice each channel is, and when it begins."""

    channels: tuple[str, ...]
    start_us: int
    mediatype: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """Words as the vCon has them. `engine` is who heard them there."""

    party: str
    text: str
    start_us: int
    end_us: int
    engine: str
    confidence_permille: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept as it is: `kind` "parties", "attachment" or "analysis"; `body` as JSON."""

    kind: str
    purpose: str
    mediatype: str
    body: str | None
    content_hash: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """A call of others."""

    uuid: str
    remote: str
    local: str
    agent: str
    start_us: int
    end_us: int
    recorded: tuple[Recorded, ...]
    said: tuple[Said, ...]
    parts: tuple[Part, ...]
    bases: tuple[str, ...]
    notes: tuple[str, ...]


def read(vcon: Object, now: datetime) -> Foreign:
    """Raises NotImported. `vcon` has the shape of one (`Opened.problems` is empty)."""
    notes: list[str] = []
    parties = _list(vcon, "parties")
    if not parties:
        raise NotImported("it names nobody")
    agent = _agent(parties)
    remote = next((at for at in range(len(parties)) if at != agent), 0)
    dialogs = _list(vcon, "dialog")
    start_us, end_us = _times(vcon, dialogs)
    recorded = tuple(_recorded(dialogs, agent, notes))
    said = [*_texts(dialogs, agent), *_transcripts(vcon, dialogs, agent, start_us, notes)]
    if len(said) > SEGMENTS_MAX:
        raise NotImported(f"more than {SEGMENTS_MAX} pieces of what was said")
    return Foreign(
        uuid=str(vcon["uuid"]).lower(),
        remote=_uri(parties[remote]),
        local=_uri(parties[agent]) if agent is not None else ANONYMOUS,
        agent=_name(parties[agent]) if agent is not None else "unknown",
        start_us=start_us,
        end_us=max([end_us, *(one.end_us for one in said)]),
        recorded=recorded,
        said=tuple(said),
        parts=tuple(_parts(vcon, parties, notes)),
        bases=_bases(vcon, now, notes),
        notes=tuple(notes[:NOTES_MAX]),
    )


def _agent(parties: Sequence[Object]) -> int | None:
    """Who served the call: a machine, or who is called an agent; else whoever stands second."""
    for at, party in enumerate(parties):
        if party.get("type") == "bot" or str(party.get("role", "")).lower() == AGENT:
            return at
    return 1 if len(parties) > 1 else None


def _uri(party: Object) -> str:
    for name in ("tel", "sip"):
        text = party.get(name)
        if isinstance(text, str) and text.isascii() and 0 < len(text) <= 4 * NAME_CHARS_MAX:
            return text if ":" in text else f"{name}:{text}"
    return ANONYMOUS


def _name(party: Object) -> str:
    return str(party.get("name") or party.get("org") or "unknown")[:NAME_CHARS_MAX]


def _times(vcon: Object, dialogs: Sequence[Object]) -> tuple[int, int]:
    """From the first dialog to the end of the last."""
    begins = [_us(one["start"]) for one in dialogs if _us(one["start"]) > 0]
    if not begins:
        begins = [max(0, _us(vcon["created_at"]))]
    ends = [_us(one["start"]) + _duration_us(one) for one in dialogs]
    return min(begins), max([*ends, *begins])


def _duration_us(dialog: Object) -> int:
    seconds = dialog.get("duration", 0)
    return round(min(max(0.0, float(seconds)), 86_400.0) * 1_000_000)


def _recorded(dialogs: Sequence[Object], agent: int | None, notes: list[str]) -> Iterator[Recorded]:
    count = 0
    for at, dialog in enumerate(dialogs):
        if dialog["type"] != "recording":
            continue
        if "url" in dialog:
            notes.append(f"dialog[{at}]: its audio lies at an address, and none is ever fetched")
            continue
        content = payload(dialog)
        if not content:
            notes.append(f"dialog[{at}]: has no audio in it")
            continue
        count += 1
        if count > RECORDINGS_MAX:
            raise NotImported(f"more than {RECORDINGS_MAX} recordings")
        named = _indices(dialog.get("parties"))
        channels = tuple(AGENT if one == agent else CALLER for one in named[:2]) or (CALLER,)
        if len(named) > 1:
            notes.append(f"dialog[{at}]: {len(named)} parties in one recording")
        yield Recorded(channels, _us(dialog["start"]), str(dialog.get("mediatype", "")), content)


def _indices(value: object) -> list[int]:
    match value:
        case bool():
            return []
        case int():
            return [value]
        case list():
            return [one for each in cast("list[object]", value) for one in _indices(each)]
        case _:
            return []


def _texts(dialogs: Sequence[Object], agent: int | None) -> Iterator[Said]:
    """Messages that were written."""
    for dialog in dialogs:
        if dialog["type"] == "text" and isinstance(dialog.get("body"), str):
            content = (payload(dialog) or b"").decode("utf-8", "replace").strip()
            named = _indices(dialog.get("parties"))
            party = AGENT if named[:1] == [agent] else CALLER
            start_us = _us(dialog["start"])
            yield from _said(Said(party, content, start_us, start_us, "imported:text", 1_000))


def _transcripts(
    vcon: Object, dialogs: Sequence[Object], agent: int | None, start_us: int, notes: list[str]
) -> Iterator[Said]:
    parties = _list(vcon, "parties")
    speakers = {AGENT, "bot", "assistant", str(agent)}
    if agent is not None and parties[agent].get("name"):
        speakers.add(str(parties[agent]["name"]).lower())
    for at, one in enumerate(_list(vcon, "analysis")):
        if one.get("type") != "transcript":
            continue
        engine = f"imported:{one.get('vendor', '')!s}"[:NAME_CHARS_MAX]
        of = [place for place in _indices(one.get("dialog")) if place < len(dialogs)]
        from_us = min([_us(dialogs[place]["start"]) for place in of], default=start_us)
        only = _indices(dialogs[of[0]].get("parties")) if len(of) == 1 else []
        usual = AGENT if only == [agent] else CALLER
        body = _json_of(one)
        pieces = cast("Object", body).get("segments") if isinstance(body, dict) else body
        if isinstance(pieces, list):
            for piece in cast("list[object]", pieces):
                if isinstance(piece, dict):
                    yield from _piece(cast("Object", piece), from_us, usual, speakers, engine)
            continue
        text = body if isinstance(body, str) else None
        if text and text.strip():
            yield from _said(Said(usual, text, from_us, from_us, engine, 0))
        else:
            notes.append(f"analysis[{at}]: a transcript in a form that is not known")


def _piece(
    piece: Object, from_us: int, usual: str, speakers: set[str], engine: str
) -> Iterator[Said]:
    """A segment of the World Transcription Format, or of one that is near to it."""
    text = piece.get("text", piece.get("message"))
    if not isinstance(text, str) or not text.strip():
        return
    begin, end = _seconds(piece.get("start")), _seconds(piece.get("end"))
    speaker = piece.get("speaker", piece.get("party"))
    party = usual
    if isinstance(speaker, str | int) and not isinstance(speaker, bool):
        party = AGENT if str(speaker).lower() in speakers else CALLER
    sure = _seconds(piece.get("confidence"))
    start_us = from_us + round(begin * 1_000_000)
    end_us = start_us + round(max(0.0, end - begin) * 1_000_000)
    yield from _said(Said(party, text, start_us, end_us, engine, round(min(1.0, sure) * 1_000)))


def _said(whole: Said) -> Iterator[Said]:
    """In pieces, where it is long."""
    words = whole.text.split()
    for at in range(0, len(words), SEGMENT_WORDS_MAX):
        piece = " ".join(words[at : at + SEGMENT_WORDS_MAX])
        cut = piece if len(piece) <= SEGMENT_CHARS_MAX else f"{piece[:SEGMENT_CHARS_MAX]} […]"
        yield replace(whole, text=cut)


def _seconds(value: object) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return min(max(0.0, float(cast(float, value))), 86_400.0) if known else 0.0


def _json_of(item: Object) -> object:
    body = item.get("body")
    if not isinstance(body, str):
        return body
    text = (payload(item) or b"").decode("utf-8", "replace") if "encoding" in item else body
    if item.get("encoding") == "json":
        text = body
    if text[:1] in ("{", "["):
        try:
            return cast(object, json.loads(text))
        except (ValueError, RecursionError):
            return text
    return text


def _parts(vcon: Object, parties: Sequence[Object], notes: list[str]) -> Iterator[Part]:
    """The parties as they were told, attachments, and analyses that are no transcripts."""
    left = PARTS_CHARS_MAX
    items: list[tuple[str, str, object]] = [("parties", "parties", list(parties))]
    items += [
        ("attachment", str(one.get("purpose", "")), one) for one in _list(vcon, "attachments")
    ]
    items += [
        ("analysis", str(one.get("type", "")), one)
        for one in _list(vcon, "analysis")
        if one.get("type") != "transcript"
    ]
    if len(items) > PARTS_MAX:
        raise NotImported(f"more than {PARTS_MAX} attachments and analyses")
    for kind, purpose, item in items:
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        fits = len(text) <= min(PART_CHARS_MAX, left)
        left -= len(text) if fits else 0
        if not fits:
            notes.append(f"{kind} {purpose[:40]!r} is too large: only its hash is kept")
        media = str(cast("Object", item).get("mediatype", "")) if isinstance(item, dict) else ""
        yield Part(
            kind=kind,
            purpose=purpose[:NAME_CHARS_MAX],
            mediatype=media[:NAME_CHARS_MAX],
            body=text if fits else None,
            content_hash=content_hash(text.encode("utf-8", "surrogatepass")),
        )


def _bases(vcon: Object, now: datetime, notes: list[str]) -> tuple[str, ...]:
    """The kinds of lawful basis that it claims for itself, and that are not over or refused."""
    found: list[str] = []
    for at, one in enumerate(_list(vcon, "attachments")):
        if one.get("purpose") not in ("lawful_basis", "consent"):
            continue
        body = _json_of(one)
        if not isinstance(body, dict):
            continue
        claim = cast("Object", body)
        kind = str(claim.get("lawful_basis", "consent"))
        if kind not in BASES or _is_over(claim.get("expiration"), now):
            notes.append(f"attachments[{at}]: a lawful basis that is unknown, or is over")
        elif not _is_granted(claim.get("purpose_grants", claim.get("consents"))):
            notes.append(f"attachments[{at}]: nothing was granted in the end")
        elif kind not in found:
            found.append(kind)
    return tuple(found)


def _is_over(expiration: object, now: datetime) -> bool:
    return isinstance(expiration, str) and read_date(expiration) <= now


def _is_granted(grants: object) -> bool:
    """Whether any purpose was granted last; a basis that lists none stands for all."""
    if grants is None or grants == []:
        return True
    last: dict[str, bool] = {}
    for one in cast("list[object]", grants) if isinstance(grants, list) else []:
        if isinstance(one, dict):
            grant = cast("Object", one)
            purpose = str(grant.get("purpose", grant.get("consent", "")))
            last[purpose] = grant.get("granted", grant.get("status")) in (True, "accepted")
    return any(last.values())


def _us(text: str) -> int:
    since = read_date(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _list(vcon: Object, name: str) -> Sequence[Object]:
    return cast("Sequence[Object]", vcon.get(name, ()))
