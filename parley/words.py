"""The record's own terms in words for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from consent.machine import Event, State
from consent.wordings import WORDINGS, filled

DICTATION = "(dictation, may be wrong)"
ERASED = "[erased: its key is not here]"


def consent(event: Mapping[str, Any]) -> str:
    """One step of the consent story: a row of `consent_event`."""
    how = means(event["method"])
    match Event(event["event"]):
        case Event.JOINED:
            return "is there"
        case Event.CONSENT_REQUIRED:
            return "must be asked first"
        case Event.NOTICE_REQUIRED:
            return "must be told first"
        case Event.CONSENT_ON_FILE:
            return "agreed before; is reminded of it"
        case Event.NOTHING_REQUIRED:
            return "nothing is required"
        case Event.SWITCHED_OFF:
            return "never in this call"
        case Event.HEARD:
            return HEARD.get(State(event["state"]), "heard what they were told")
        case Event.YES_VOICE if event["state"] == State.READ_BACK_DUE:
            return f"seems to agree ({how}), must confirm"
        case Event.YES_KEY | Event.YES_VOICE | Event.STAYED if event["state"] == State.GRANTED:
            implied = ", by staying on the line" if event["implied"] else ""
            return f"agreed ({how}{implied})"
        case Event.NO:
            return f"refused ({how})"
        case Event.UNCLEAR | Event.SILENCE | Event.YES_VOICE | Event.STAYED:
            over = event["state"] == State.REFUSED
            return f"{'no answer, which is a no' if over else 'not understood'} ({how})"
        case Event.WITHDRAWN:
            return f"withdrew ({how}): stopped"
        case Event.FAULT | Event.RECOVERED:
            return f"{EVENTS[Event(event['event'])]} ({event['method']})"
        case Event.RETAINED:
            what, _, by = str(event["method"]).partition(":")
            return f"{PAST[what]} ({by})"
        case other:
            return EVENTS[other]


def story(
    events: Iterable[Mapping[str, Any]], prompts: Iterable[Mapping[str, Any]]
) -> list[tuple[int, str]]:
    """When, and what: all that was said and answered, what is the same of several scopes once."""
    told: dict[tuple[int, str], list[str]] = {}
    for event in sorted(events, key=lambda one: str(one["id"])):
        if event["event"] in QUIET:
            continue
        told.setdefault((event["at_us"], consent(event)), []).append(event["scope"])
    lines = [(at_us, f"{', '.join(scopes)}: {text}") for (at_us, text), scopes in told.items()]
    lines += [(one["at_us"], prompt(one)) for one in prompts]
    return sorted(lines, key=lambda line: line[0])


def prompt(row: Mapping[str, Any]) -> str:
    """What was said for the house: a notice, or a question."""
    texts = [
        filled([name], row["scopes"]) if name in WORDINGS else name for name in row["wordings"]
    ]
    what = "told" if row["act"] in ("tell", "confirm", "close") else "asked"
    return f"{what}: {' '.join(texts)}"


def unsaid(record: Mapping[str, Any]) -> str:
    """Which notices were to be told again at the end of a call that is over and were not heard;
    "" where none is missing."""
    ended_us = record["call"]["ended_us"]
    if ended_us is None:
        return ""
    heard = [
        scope
        for prompt in record["prompts"]
        if prompt["act"] == "close" and prompt["heard"]
        for scope in prompt["scopes"]
    ]
    open_at_end = {
        event["scope"]: event["is_open"]
        for event in sorted(record["consent"], key=lambda one: str(one["id"]))
        if event["state"] != State.CLOSED
    }
    due = [term["scope"] for term in record["terms"] if term["closing"]]
    return ", ".join(one for one in due if open_at_end.get(one) and one not in heard)


QUIET = (Event.JOINED, Event.SWITCHED_OFF, Event.RESTARTED)
"""What only the record needs."""

HEARD = {
    State.ASKED: "heard the question",
    State.REASKED: "heard the question again",
    State.READ_BACK: "heard what we understood",
    State.BASIS_OK: "heard the notice",
    State.GRANTED: "heard the reminder and did not object",
}

PAST = {
    "held": "a legal hold keeps it",
    "released": "a legal hold keeps it no longer",
    "erased": "keys were destroyed",
}
"""What becomes of the past of a recording, by the method of the event."""

EVENTS = {
    Event.CUT_SHORT: "did not hear it to the end",
    Event.FAULT: "the gate was lost",
    Event.RECOVERED: "the gate is open again",
    Event.CAPTURE_BEGAN: "secure capture: nothing is kept",
    Event.CAPTURE_ENDED: "secure capture is over",
    Event.HELD: "on hold",
    Event.RESUMED: "off hold",
    Event.JOIN_REQUESTED: "suspended: somebody is heard who has not agreed",
    Event.JOIN_SETTLED: "goes on: all who are heard have agreed",
    Event.JOIN_REFUSED: "somebody who is heard refused",
    Event.VOLUNTEERED: "came back to it by themselves",
    Event.CHANGED: "what was agreed to has changed: must be asked again",
    Event.EXPIRED: "expired",
    Event.LEFT: "has left",
    Event.TRANSFERRED: "was handed on: our right ends here",
    Event.EMERGENCY: "emergency: vital interests; two people must look at it",
    Event.RESTARTED: "holds after a restart",
}


def means(method: str | None) -> str:
    """How an answer came."""
    way, _, detail = (method or "").partition(":")
    if way == "dtmf":
        return f"key {detail}"
    return f"voice, {detail}" if way == "voice" and detail else (way or "no word how")


def speech(text: str | None, kind: str) -> str:
    """What was said, with how far it can be trusted."""
    if text is None:
        return ERASED
    return f"{text} {DICTATION}" if kind == "dictation" else text


def party(uri: str | None) -> str:
    """Who called, or was called."""
    return ERASED if uri is None else uri


def arguments(args: dict[str, object] | None) -> str:
    """The arguments of a tool, as its author would write them."""
    if args is None:
        return ERASED
    return ", ".join(f"{name}={value!r}" for name, value in args.items())
