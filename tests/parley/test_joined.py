"""What `parley show` says of calls that were joined."""

from parley import joined
from parley.plain import Plain
from telephony.bridge import Part, Presence

SECOND_US = 1_000_000


def member(call: str, part: Part, joined_s: int, left_s: int | None, since_s: int) -> Plain:
    return {
        "call": call,
        "part": part,
        "coached": "ann" if part is Part.WHISPERS else None,
        "joined_us": joined_s * SECOND_US,
        "left_us": None if left_s is None else left_s * SECOND_US,
        "since_us": since_s * SECOND_US,
    }


def test_a_bridge_says_who_was_in_it_as_what_and_when() -> None:
    bridge = {
        "id": "bridge_1",
        "call": "ann",
        "agent": Presence.GONE,
        "opened_us": SECOND_US,
        "closed_us": None,
        "members": [
            member("ann", Part.TALKS, 1, None, 1),
            member("sue", Part.WHISPERS, 2, 9, 4),
        ],
    }
    assert list(joined.told_bridge(bridge, "ann", 0)) == [
        "bridge_1, led by this call, from +1.0s to now",
        "  the agent is gone",
        "  this call, from +1.0s to now: talks and is heard by all",
        "  sue, from +2.0s to +9.0s: whispers to ann since +4.0s",
    ]


def test_a_consultation_says_who_was_asked_what_and_with_which_outcome() -> None:
    asked: Plain = {
        "id": "carol",
        "call": "ann",
        "state": "over",
        "cause": "busy",
        "asked_us": SECOND_US,
        "settled_us": 3 * SECOND_US,
        "brief": "A caller wants to cancel.",
        "context": {"customer": "4711"},
    }
    assert [line.strip() for line in joined.told_consultation(asked, "ann", 0)] == [
        "+1.0s  the party of carol was asked to take this call",
        "+3.0s  they did not answer (busy)",
        "told: A caller wants to cancel.",
        "customer: 4711",
    ]
    erased = {**asked, "brief": None, "context": None}
    assert "[erased" in list(joined.told_consultation(erased, "carol", 0))[2]


def test_a_joining_that_came_to_nothing_says_why() -> None:
    missed: Plain = {
        "call": "ann",
        "other": "bob",
        "asked_us": SECOND_US,
        "settled_us": 2 * SECOND_US,
        "refused": "no room",
    }
    told = joined.told_joining(missed, "bob", 0)
    assert told == "was to be joined with ann at +1.0s, and was not: no room"
