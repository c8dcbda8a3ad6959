"""What the parties did during a call (party_history): joined, held, pressed a key."""

from collections.abc import Iterator
from typing import Any

from recordings.vcon import parties
from recordings.vcon.conversation import AGENT, REMOTE, Conversation
from recordings.vcon.values import date

HIDDEN = "*"
"""Stands for a key that nobody may read."""

_KEY = "dtmf:"

Event = dict[str, Any]


def party_history(told: Conversation) -> list[Event]:
    """In the order of time. A key has no length in the rows: it goes up when it went down."""
    found = [
        *_line(told),
        *_holds(told),
        *_bridges(told),
        *_keys(told),
    ]
    return [
        {"party": party, "time": date(at_us), "event": event, **more}
        for at_us, _, party, event, more in sorted(found, key=lambda one: one[:2])
    ]


_Found = Iterator[tuple[int, int, int, str, dict[str, str]]]
"""When, the order among those of one moment, who, what, more."""


def _line(told: Conversation) -> _Found:
    for party in (REMOTE, AGENT):
        yield told.start_us, 0, party, "join", {}
        yield told.end_us, 9, party, "drop", {}


def _holds(told: Conversation) -> _Found:
    """Held is who is not heard: the other one than who asked for the pause."""
    for hold in told.record["holds"]:
        if hold["since_us"] is None:
            continue
        held = REMOTE if hold["by"] == "agent" else AGENT
        yield hold["since_us"], 2, held, "hold", {}
        yield hold["until_us"] or told.end_us, 3, held, "unhold", {}


def _bridges(told: Conversation) -> _Found:
    place_of = {member["call"]: place for place, member in parties.places(told)}
    for bridge in told.record["bridges"]:
        for member in bridge["members"]:
            place = place_of.get(member["call"])
            if place is not None:
                yield member["joined_us"], 1, place, "join", {}
                yield min(member["left_us"] or told.end_us, told.end_us), 8, place, "drop", {}


def _keys(told: Conversation) -> _Found:
    """Keys are words: where the words were forgotten, or are sealed away, so are they."""
    hidden = told.are_words_gone or told.call["forgotten"] or told.call["erased"]
    pressed = [(turn["began_us"], turn["cause"]) for turn in told.turns if not turn["speaker"]]
    pressed += [
        (event["at_us"], event["method"] or "")
        for event in told.record["consent"]
        if event["party"] == "caller"
    ]
    for at_us, how in pressed:
        if how.startswith(_KEY):
            button = {"button": HIDDEN if hidden else how.removeprefix(_KEY)}
            yield at_us, 4, REMOTE, "keydown", button
            yield at_us, 5, REMOTE, "keyup", button
