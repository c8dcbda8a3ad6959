"""With whom a call was joined, and who was asked to take it: as plain data, and in words."""

import json
from collections.abc import Iterator

import apsw

from parley import moment, words
from parley.plain import Key, Plain, fields_of, opened
from runtime.tables import select
from sessions.consult_reducers import Consultation, ConsultState
from sessions.joining_reducers import Joining
from telephony.bridge import Bridge, Member, Part

PARTS = {
    Part.TALKS: "talks and is heard by all",
    Part.HELD: "is on hold, with music",
    Part.LISTENS: "listens, and is heard by nobody",
    Part.WHISPERS: "whispers to {coached}",
    Part.BARGES: "supervises, and is heard by all",
}
OUTCOMES = {
    ConsultState.ASKED: "is being asked",
    ConsultState.ACCEPTED: "took the call",
    ConsultState.DECLINED: "declined",
    ConsultState.OVER: "did not answer",
}


def bridges(rows: apsw.Connection, call: str) -> list[Plain]:
    """Every bridge that the call is or was in, with all members, the first to join first."""
    places = select(rows, Member, ("call",), (call,))
    found = [one for place in places for one in select(rows, Bridge, ("id",), (place.bridge,))]
    return [
        {
            **fields_of(bridge),
            "members": [
                fields_of(member, "id", "bridge")
                for member in sorted(
                    select(rows, Member, ("bridge",), (bridge.id,)),
                    key=lambda one: (one.joined_us, one.id),
                )
            ],
        }
        for bridge in sorted(found, key=lambda one: (one.opened_us, one.id))
    ]


def joinings(rows: apsw.Connection, call: str) -> list[Plain]:
    """Every time that the call was to be joined from another media process, or to one."""
    found = [row for name in ("call", "other") for row in select(rows, Joining, (name,), (call,))]
    return [fields_of(row) for row in sorted(found, key=lambda one: (one.asked_us, one.id))]


def told_joining(joining: Plain, call: str, zero_us: int) -> str:
    """Only what did not come about, or has not yet, is worth a word."""
    other = joining["call"] if joining["other"] == call else joining["other"]
    asked = moment.after(joining["asked_us"], zero_us)
    if joining["settled_us"] is None:
        return f"to be joined with {other} since {asked}: its media is being moved"
    return f"was to be joined with {other} at {asked}, and was not: {joining['refused']}"


def consultations(rows: apsw.Connection, key: Key, call: str) -> list[Plain]:
    """Who was asked about the call, and what the party of this call was asked about another."""
    found = {
        row.id: row
        for name in ("call", "id")
        for row in select(rows, Consultation, (name,), (call,))
    }
    return [
        _consultation(row, key)
        for row in sorted(found.values(), key=lambda one: (one.asked_us, one.id))
    ]


def _consultation(row: Consultation, key: Key) -> Plain:
    context = None if row.context is None else opened(row.context, key)
    brief = opened(row.brief, key)
    return {
        **fields_of(row, "action"),
        "brief": brief,
        "context": None if context is None else json.loads(context),
        "erased": brief is None,
    }


def told_bridge(bridge: Plain, call: str, zero_us: int) -> Iterator[str]:
    """One bridge in words."""
    since = moment.after(bridge["opened_us"], zero_us)
    leads = "this call" if bridge["call"] == call else bridge["call"]
    yield f"{bridge['id']}, led by {leads}, from {since} to {_until(bridge['closed_us'], zero_us)}"
    yield f"  the agent is {bridge['agent']}"
    for member in bridge["members"]:
        who = "this call" if member["call"] == call else member["call"]
        part = PARTS[Part(member["part"])].format(coached=member["coached"])
        joined = moment.after(member["joined_us"], zero_us)
        times = f"from {joined} to {_until(member['left_us'], zero_us)}"
        changed = ""
        if member["since_us"] > member["joined_us"]:
            changed = f" since {moment.after(member['since_us'], zero_us)}"
        yield f"  {who}, {times}: {part}{changed}"


def told_consultation(asked: Plain, call: str, zero_us: int) -> Iterator[str]:
    """One consultation in words."""
    at = moment.after(asked["asked_us"], zero_us)
    who = "this party was" if asked["id"] == call else f"the party of {asked['id']} was"
    about = "this call" if asked["call"] == call else asked["call"]
    yield f"{at:>8}  {who} asked to take {about}"
    if asked["settled_us"] is not None:
        cause = f" ({asked['cause']})" if asked["cause"] else ""
        outcome = OUTCOMES[ConsultState(asked["state"])]
        yield f"{moment.after(asked['settled_us'], zero_us):>8}  they {outcome}{cause}"
    yield f"  told: {words.ERASED if asked['brief'] is None else asked['brief']}"
    context: dict[str, str] = asked["context"] or {}
    yield from (f"  {name}: {value}" for name, value in context.items())


def _until(us: int | None, zero_us: int) -> str:
    return "now" if us is None else moment.after(us, zero_us)
