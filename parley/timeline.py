"""What a log entry of a call says, in words: for those who watch the rows arrive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from consent.machine import Event
from parley import words
from parley.plain import Key, Plain, opened
from runtime.log import Entry
from runtime.sealed import from_json


@dataclass(frozen=True, slots=True)
class Happening:
    """`who` is "call", "consent", "caller", "agent", "tool" or "recording"."""

    seq: int
    at_us: int
    who: str
    text: str


def happenings(entry: Entry, key: Key) -> list[Happening]:
    """Nothing for an entry that only keeps the books."""
    return [Happening(entry.seq, entry.at_us, who, text) for who, text in _told(entry, key)]


def _told(entry: Entry, key: Key) -> Iterator[tuple[str, str]]:
    yield from _own(entry, key)
    yield from _consents(entry)


def _own(entry: Entry, key: Key) -> Iterator[tuple[str, str]]:
    args = entry.args
    match entry.reducer:
        case "sessions.call_offered":
            yield "call", f"call offered by {_text(args['remote'], key)}"
        case "sessions.call_answered":
            yield "call", "call answered"
        case "sessions.question_put":
            yield "consent", f"asked: {_text(args['text'], key)}"
        case "sessions.caller_acted":
            yield "caller", _acted(args, key)
        case "sessions.words_kept":
            segment = args["segment"]
            yield "caller", words.speech(_opened(segment["text"], key), segment["kind"])
        case "conversation.utterance_planned":
            yield "agent", f"will say: {_text(args['text'], key)}"
        case "sessions.utterance_ended":
            yield "agent", _ended(args, key)
        case "conversation.action_proposed":
            yield "tool", _proposed(args, key)
        case "conversation.action_finished":
            yield "tool", f"{args['state']}: {_text(args['result'], key)}"
        case "recordings.gate_reopened":
            yield "recording", f"recording goes on under epoch {entry.result}"
        case "recordings.recording_sealed":
            yield "recording", f"recording sealed: {entry.result} encrypted chunks"
        case "sessions.call_ended":
            yield "call", f"call ended by {args['by']}"
        case "sessions.call_sealed":
            yield "call", "nobody agreed: forgotten" if args["forgotten"] else "record sealed"
        case _:
            return


def _consents(entry: Entry) -> Iterator[tuple[str, str]]:
    """What a commit says of consent, once for scopes of which it says the same."""
    told: dict[str, list[str]] = {}
    for table, _, new in entry.deltas:
        if table == "consent_event" and new is not None and new["event"] not in QUIET:
            told.setdefault(words.consent(new), []).append(new["scope"])
    for text, scopes in told.items():
        yield "consent", f"{', '.join(scopes)}: {text}"
    for table, old, new in entry.deltas:
        if table == "recording" and new is not None:
            became = "recording began" if old is None else BECAME.get((old["state"], new["state"]))
            yield from [("recording", became)] if became is not None else []


QUIET = (*words.QUIET, Event.NOTHING_REQUIRED, Event.LEFT)
BECAME = {
    ("suspended", "open"): "recording goes on",
    ("open", "suspended"): "recording is suspended",
}


def _acted(args: Plain, key: Key) -> str:
    segment = args["segment"]
    if segment is not None:
        return words.speech(_opened(segment["text"], key), segment["kind"])
    cause, _, detail = args["cause"].partition(":")
    if cause == "heard":
        return "spoke; the words are not kept, or not yet"
    if cause != "dtmf":
        return "is silent"
    digit = args.get("digit")
    return f"pressed {detail or ('a key' if digit is None else _text(digit, key))}"


def _ended(args: Plain, key: Key) -> str:
    said = "nothing" if args["heard"] is None else _text(args["heard"]["text"], key)
    seconds = f"{args['played_ms'] / 1_000:.1f} s"
    return f"was cut off after {seconds}: {said}" if args["interrupted"] else f"said: {said}"


def _proposed(args: Plain, key: Key) -> str:
    given = _opened(args["args"], key)
    return f"{args['tool']}({words.arguments(None if given is None else json.loads(given))})"


def _text(sealed: Any, key: Key) -> str:
    text = _opened(sealed, key)
    return words.ERASED if text is None else text


def _opened(sealed: Any, key: Key) -> str | None:
    return opened(from_json(sealed), key)
