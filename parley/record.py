"""One call as its rows tell it, as plain data: from the live store, or from rows of the past."""

import json
from dataclasses import asdict

import apsw

from consent.tables import (
    Basis,
    ConsentClip,
    ConsentEvent,
    ConsentHeard,
    ConsentPrompt,
    ConsentTerm,
)
from conversation.tables import Action
from parley import joined, transcript
from parley.plain import Key, Plain, fields_of, is_readable, opened
from recordings.tables import Chunk, ChunkGap, Recording
from runtime.tables import select
from sessions.imported_tables import ImportedCall
from sessions.siprec.tables import RecordingElsewhere, RecordingSession
from sessions.tables import Call, CallState, Dial, Hold, Leg, LegQuality
from telephony import identity
from telephony.sip.dialog import read_lines
from telephony.tables import Dialog, state_of

LAST = "last"
LIVE = (CallState.OFFERED, CallState.ANSWERED)
NAMED_MAX = 5


class NoSuchCall(LookupError):
    """No call, or more than one, goes by that name; the message names the nearest."""


def calls(rows: apsw.Connection, key: Key, *, live: bool = False) -> list[Plain]:
    """Every call in outline, the newest first; `live` leaves out those that are over."""
    found = [row for row in _newest_first(rows) if not live or row.state in LIVE]
    recorded = {row.id for row in select(rows, Recording, (), ())}
    return [{**_call(row, key), "recorded": row.id in recorded} for row in found]


def find(rows: apsw.Connection, wanted: str) -> Call:
    """The call with this id, with this only beginning of an id, or the newest, "last"."""
    known = _newest_first(rows)
    if wanted == LAST and known:
        return known[0]
    same = [row for row in known if row.id == wanted]
    found = same or [row for row in known if wanted and row.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    raise NoSuchCall(_why_not(wanted, known, found))


def record(rows: apsw.Connection, key: Key, call: str) -> Plain:
    """All that is known of one call. What a destroyed key sealed is None, and `erased`."""
    (row,) = select(rows, Call, ("id",), (call,))
    return {
        "call": _call(row, key),
        "imported": _imported(rows, call),
        "dial": _dial(rows, call, key),
        "identity": _identity(rows, key, call),
        "holds": [
            fields_of(hold, "id", "call")
            for hold in sorted(
                select(rows, Hold, ("call",), (call,)), key=lambda one: (one.asked_us, one.id)
            )
        ],
        "bridges": joined.bridges(rows, call),
        "joinings": joined.joinings(rows, call),
        "consultations": joined.consultations(rows, key, call),
        "terms": _terms(rows, call),
        "consent": [_consent(event) for event in select(rows, ConsentEvent, ("call",), (call,))],
        "prompts": _prompts(rows, call),
        "clips": [_clip(clip, key) for clip in select(rows, ConsentClip, ("call",), (call,))],
        "transcript": transcript.segments(rows, key, call),
        "actions": [
            _action(action, key)
            for action in sorted(
                select(rows, Action, ("call",), (call,)), key=lambda one: (one.proposed_us, one.id)
            )
        ],
        "recording": _recording(rows, call),
        "recorders": [
            fields_of(one, "call") for one in select(rows, RecordingSession, ("call",), (call,))
        ],
        "recorded_elsewhere": [
            fields_of(one, "id", "call")
            for one in select(rows, RecordingElsewhere, ("call",), (call,))
        ],
        "media": _media(rows, call),
    }


def _newest_first(rows: apsw.Connection) -> list[Call]:
    return sorted(select(rows, Call, (), ()), key=lambda row: (row.offered_us, row.id))[::-1]


def _why_not(wanted: str, known: list[Call], found: list[Call]) -> str:
    if not known:
        return "there is no call yet: place one, for example with `parley call` or `parley demo`"
    if found:
        several = ", ".join(row.id for row in found[:NAMED_MAX])
        return f"{len(found)} calls begin with {wanted!r}: {several}; write more of the id"
    nearest = max(known, key=lambda row: _common(row.id, wanted)).id
    return f"there is no call {wanted!r}; the nearest is {nearest}, and `parley calls` lists all"


def _common(one: str, other: str) -> int:
    """How long a beginning they share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _call(row: Call, key: Key) -> Plain:
    remote, local = opened(row.remote, key), opened(row.local, key)
    return {**fields_of(row), "remote": remote, "local": local, "erased": remote is None}


def _dial(rows: apsw.Connection, call: str, key: Key) -> Plain | None:
    """Of a call that we made: the order, and the basis it was made on."""
    found = select(rows, Dial, ("id",), (call,))
    if not found:
        return None
    (basis,) = select(rows, Basis, ("id",), (found[0].basis,))
    source = opened(basis.source, key)
    kept = fields_of(basis, "id", "party", "source")
    return {
        **fields_of(found[0], "id", "replaces"),
        **kept,
        "source": source,
        "erased": source is None,
    }


def _imported(rows: apsw.Connection, call: str) -> Plain | None:
    """Of a call of others, where it came from."""
    found = select(rows, ImportedCall, ("id",), (call,))
    return fields_of(found[0]) if found else None


def _identity(rows: apsw.Connection, key: Key, call: str) -> Plain | None:
    """Who the network said is calling. None where it said nothing, or that was erased."""
    for row in select(rows, Dialog, ("id",), (call,)):
        content = opened(row.sealed, key)
        lines = read_lines(state_of(row, content).caller_headers) if content is not None else ()
        if lines:
            return asdict(identity.read(lines))
    return None


def _terms(rows: apsw.Connection, call: str) -> list[Plain]:
    """What its party was owed, in the order of the policy."""
    terms = select(rows, ConsentTerm, ("call",), (call,))
    return [fields_of(term, "id", "call") for term in sorted(terms, key=lambda one: one.position)]


def _prompts(rows: apsw.Connection, call: str) -> list[Plain]:
    """What its party was told and asked, and how much of it they heard."""
    heard = {one.id: one for one in select(rows, ConsentHeard, ("call",), (call,))}
    prompts = sorted(select(rows, ConsentPrompt, ("call",), (call,)), key=lambda one: one.at_us)
    return [
        {
            **fields_of(prompt, "call"),
            "heard": fields_of(heard[prompt.id], "id", "call") if prompt.id in heard else None,
        }
        for prompt in prompts
    ]


def _consent(event: ConsentEvent) -> Plain:
    return fields_of(event, "call")


def _clip(clip: ConsentClip, key: Key) -> Plain:
    """That there is one: its sound is no part of what is shown."""
    return {**fields_of(clip, "call", "clip"), "erased": not is_readable(clip.clip, key)}


def _action(action: Action, key: Key) -> Plain:
    args = opened(action.args, key)
    return {
        **fields_of(action, "call"),
        "args": None if args is None else json.loads(args),
        "result": None if action.result is None else opened(action.result, key),
        "erased": args is None,
    }


def _recording(rows: apsw.Connection, call: str) -> Plain | None:
    found = select(rows, Recording, ("id",), (call,))
    if not found:
        return None
    chunks = select(rows, Chunk, ("call",), (call,))
    first = min((chunk.first_sample / chunk.rate for chunk in chunks), default=0.0)
    ends = ((chunk.first_sample + chunk.samples) / chunk.rate for chunk in chunks)
    seconds = round(max(ends, default=0.0) - first, 3)
    gaps = sorted(select(rows, ChunkGap, ("call",), (call,)), key=lambda gap: gap.from_us)
    return {
        **fields_of(found[0], "id"),
        "chunks": len(chunks),
        "seconds": seconds,
        "gaps": [fields_of(gap, "id", "call") for gap in gaps],
    }


def _media(rows: apsw.Connection, call: str) -> Plain | None:
    """How the sound went, and, once the leg is closed, how it arrived. None without a leg."""
    found = select(rows, Leg, ("id",), (call,))
    if not found:
        return None
    (leg,) = found
    measured = select(rows, LegQuality, ("id",), (call,))
    quality = fields_of(measured[0], "id", "call") if measured else None
    suite = leg.srtp_suite or None
    return {"codec": leg.codec, "direction": leg.direction, "srtp": suite, "quality": quality}
