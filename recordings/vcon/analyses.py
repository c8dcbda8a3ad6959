"""The analyses of a vCon: what was said, and what the agent did.

The transcript is in the World Transcription Format (draft-howe-vcon-wtf-extension); the trace of
the agent (draft-howe-vcon-agent-session) is a verifiable agent record
(draft-birkholz-verifiable-agent-conversations).
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import Any

from recordings.vcon.conversation import CALL, VENDOR, Conversation, Record
from recordings.vcon.values import date

TRANSCRIPT_SCHEMA = "wtf_transcription"
TRACE_SCHEMA = "https://datatracker.ietf.org/doc/draft-birkholz-verifiable-agent-conversations/"
ERRORS = ("failed", "unknown")
UNKNOWN_LANGUAGE = "und"
"""BCP 47: segments do not say theirs."""

Analysis = dict[str, Any]


def analyses(told: Conversation) -> list[Analysis]:
    return [*_transcript(told), *_trace(told)]


def _transcript(told: Conversation) -> Iterator[Analysis]:
    words = [one for one in told.record["transcript"] if one["text"] is not None]
    if not words:
        return
    times = [_words(told, one) for one in words]
    firsts = [0, *accumulate(map(len, times))]
    confidence = sum(one["confidence_permille"] for one in words) / len(words) / 1_000
    body = {
        "transcript": {
            "text": "\n".join(f"{one['party']}: {one['text']}" for one in words),
            "language": UNKNOWN_LANGUAGE,
            "duration": told.offset_s(told.end_us),
            "confidence": round(confidence, 3),
        },
        "segments": [
            _segment(told, place, one) | {"words": list(range(firsts[place], firsts[place + 1]))}
            for place, one in enumerate(words)
        ],
        "words": [{"id": place, **word} for place, word in enumerate(chain.from_iterable(times))],
        "metadata": {
            "created_at": date(told.end_us),
            "processed_at": date(told.end_us),
            "provider": VENDOR,
            "model": ", ".join(sorted({one["engine"] for one in words})),
        },
    }
    yield _json("transcript", body, TRANSCRIPT_SCHEMA)


def _segment(told: Conversation, place: int, one: Record) -> dict[str, Any]:
    """Times are seconds from the start of the call. The agent's words are those that were played;
    `kind` says how far a text can be trusted."""
    return {
        "id": place,
        "start": told.offset_s(one["start_us"]),
        "end": told.offset_s(one["end_us"]),
        "text": one["text"],
        "confidence": one["confidence_permille"] / 1_000,
        "speaker": one["party"],
        "metadata": {"kind": one["kind"], "engine": one["engine"]},
    }


def _words(told: Conversation, one: Record) -> list[dict[str, Any]]:
    """Where the engine told times, and the text is still the one they are of."""
    begins_us = one["start_us"]
    return [
        {
            "text": text,
            "start": told.offset_s(begins_us + start_ms * 1_000),
            "end": told.offset_s(begins_us + end_ms * 1_000),
            "confidence": (one["confidence_permille"] if permille is None else permille) / 1_000,
            "speaker": one["party"],
        }
        for text, start_ms, end_ms, permille in one["words"] or ()
    ]


def _trace(told: Conversation) -> Iterator[Analysis]:
    entries = _entries(told)
    if not entries:
        return
    body = {
        "version": "1.0.0",
        "id": told.call["id"],
        "created": date(told.created_us),
        "session": {
            "format": "interactive",
            "session-id": told.call["id"],
            "session-start": date(told.start_us),
            "session-end": date(told.end_us),
            "agent-meta": {"model-id": told.call["agent"], "model-provider": VENDOR},
            "entries": entries,
        },
    }
    yield _json("agent_trace", body, TRACE_SCHEMA)


def _entries(told: Conversation) -> Sequence[dict[str, Any]]:
    found = [*_messages(told), *_turns(told), *_calls(told)]
    return [entry for _, entry in sorted(found, key=lambda one: one[0])]


_Entries = Iterator[tuple[int, dict[str, Any]]]


def _messages(told: Conversation) -> _Entries:
    for one in told.record["transcript"]:
        if one["text"] is not None:
            who = "assistant" if one["party"] == "agent" else "user"
            times = {"timestamp": date(one["start_us"])}
            yield one["start_us"], {"type": who, "id": one["id"], "content": one["text"], **times}


def _turns(told: Conversation) -> _Entries:
    """What the agent had to answer. A key that was pressed stands in the party_history."""
    for turn in told.turns:
        data: dict[str, Any] = {"cause": turn["cause"].partition(":")[0]}
        if turn["segment"] is not None:
            data["answers"] = turn["segment"]
        if turn["completed_us"] is not None:
            data["completed"] = date(turn["completed_us"])
        if turn["failure"] is not None:
            data["failure"] = turn["failure"]
        entry = {"type": "system-event", "event-type": "turn", "id": turn["id"], "data": data}
        yield turn["began_us"], entry | {"timestamp": date(turn["began_us"])}


def _calls(told: Conversation) -> _Entries:
    """Of a tool whose words were destroyed, that it was called, and when."""
    for action in told.record["actions"]:
        call = {"call-id": action["id"], "timestamp": date(action["proposed_us"])}
        yield (
            action["proposed_us"],
            {"type": "tool-call", "name": action["tool"], "input": action["args"], **call},
        )
        if action["finished_us"] is not None:
            done = {
                "type": "tool-result",
                "call-id": action["id"],
                "status": action["state"],
                "is-error": action["state"] in ERRORS,
                "output": action["result"],
            }
            yield action["finished_us"], done | {"timestamp": date(action["finished_us"])}


def _json(kind: str, body: dict[str, Any], schema: str) -> Analysis:
    return {
        "type": kind,
        "dialog": CALL,
        "mediatype": "application/json",
        "vendor": VENDOR,
        "product": VENDOR,
        "schema": schema,
        "encoding": "json",
        "body": body,
    }
