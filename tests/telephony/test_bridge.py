"""Who hears whom: the rules alone."""

import itertools

from telephony.bridge import (
    HEARD,
    MEMBERS_MAX,
    SPEAKS,
    Bridge,
    Heard,
    Member,
    Part,
    Presence,
    What,
    hearing,
    may_record,
    refusal,
)


def bridge(agent: Presence = Presence.GONE) -> Bridge:
    return Bridge("b", "a", agent, opened_us=0, closed_us=None)


def member(call: str, part: Part = Part.TALKS, coached: str | None = None) -> Member:
    return Member(f"b/{call}", "b", call, part, coached, joined_us=0, left_us=None)


def voices(*members: Member, agent: Presence = Presence.GONE) -> set[str]:
    """ "ab" where a hears b; an agent's sound is in capitals."""
    heard = hearing(bridge(agent), members)
    return {
        one.listener + (one.source if one.what is What.VOICE else one.source.upper())
        for one in heard
    }


def test_two_who_talk_hear_each_other_and_never_themselves() -> None:
    assert voices(member("a"), member("b")) == {"ab", "ba"}


def test_the_agent_of_the_call_that_leads_is_heard_by_the_others() -> None:
    pair = (member("a"), member("b"))
    assert voices(*pair, agent=Presence.PRESENT) == {"ab", "ba", "bA"}
    assert voices(*pair, agent=Presence.MUTED) == {"ab", "ba"}


def test_one_on_hold_is_alone() -> None:
    held = member("a", Part.HELD)
    assert voices(held, member("b"), member("c")) == {"bc", "cb"}
    # The agent speaks on the line that is held: nobody else hears it.
    assert voices(held, member("b"), agent=Presence.PRESENT) == set()


def test_a_supervisor_listens_whispers_and_barges() -> None:
    pair = (member("a"), member("b"))
    assert voices(*pair, member("s", Part.LISTENS)) == {"ab", "ba", "sa", "sb"}
    assert voices(*pair, member("s", Part.WHISPERS, "b")) == {"ab", "ba", "sa", "sb", "bs"}
    assert voices(*pair, member("s", Part.BARGES)) == {"ab", "ba", "sa", "sb", "as", "bs"}


def test_one_who_left_hears_and_is_heard_no_more() -> None:
    gone = Member("b/c", "b", "c", Part.TALKS, None, joined_us=0, left_us=1)
    assert voices(member("a"), member("b"), gone) == {"ab", "ba"}


def test_in_every_small_bridge_nobody_is_heard_who_should_not_be() -> None:
    """All combinations of parts of three members, and of the agent's presence."""
    for parts in itertools.product(Part, repeat=3):
        coached = {"a": "b", "b": "c", "c": "a"}
        members = [
            member(call, part, coached[call] if part is Part.WHISPERS else None)
            for call, part in zip("abc", parts, strict=True)
        ]
        of = dict(zip("abc", parts, strict=True))
        for agent in Presence:
            for heard in hearing(bridge(agent), members):
                assert heard.listener != heard.source
                assert of[heard.listener] is not Part.HELD
                if heard.what is What.AGENT:
                    assert agent is Presence.PRESENT
                elif of[heard.source] is Part.WHISPERS:
                    assert heard == Heard(coached[heard.source], heard.source, What.VOICE)
                else:
                    assert of[heard.source] in SPEAKS


def test_a_bridge_is_bounded_and_only_those_who_talk_are_coached() -> None:
    full = [member(f"m{n}") for n in range(MEMBERS_MAX)]
    assert refusal(full, "x", Part.TALKS, None) is not None
    assert refusal(full, "m0", Part.HELD, None) is None
    assert refusal(full[:2], "x", Part.WHISPERS, None) is not None
    assert refusal(full[:2], "x", Part.TALKS, "m0") is not None
    assert refusal([member("a"), member("b", Part.HELD)], "x", Part.WHISPERS, "b") is not None
    assert refusal([member("a"), member("b")], "x", Part.WHISPERS, "b") is None


def test_recording_waits_for_all_who_are_heard() -> None:
    for part in Part:
        assert may_record([(Part.TALKS, True), (part, False)]) is (part not in HEARD)
        assert may_record([(Part.TALKS, True), (part, True)])
