"""When a chunk may be kept, and without what: every case in virtual time."""

import pytest

from recordings.clearance import (
    QUARANTINE_US,
    SETTLE_US,
    SPEECH_US_MAX,
    Clearance,
    Cleared,
    Span,
    merged,
)

SECOND = 1_000_000
NOW = 100 * SECOND


def span(begin_s: float, end_s: float) -> Span:
    return Span(int(begin_s * SECOND), int(end_s * SECOND))


def held(*chunks: tuple[str, str, int]) -> Clearance:
    """Chunks of a second each: name, party, and the second it begins in."""
    one = Clearance()
    for id, party, begin in chunks:
        one.told(id, party, span(begin, begin + 1), NOW)
    return one


def at(clearance: Clearance, after_us: int) -> list[Cleared]:
    return clearance.clear(NOW + after_us)


@pytest.mark.parametrize("party", ["caller", "agent"])
def test_silence_is_kept_as_soon_as_it_is_known_that_it_is_silence(party: str) -> None:
    one = held(("a", party, 10))
    assert one.wake_at_us(NOW) == NOW + SETTLE_US
    assert at(one, SETTLE_US - 1) == []
    assert at(one, SETTLE_US) == [Cleared("a", ())]
    assert one.is_empty and one.wake_at_us(NOW) is None


def test_what_is_said_waits_until_it_is_understood() -> None:
    one = held(("a", "caller", 9), ("b", "caller", 10), ("c", "caller", 12))
    one.said("u", "caller", span(10.2, 11.5), NOW)
    assert at(one, SECOND) == [Cleared("a", ()), Cleared("c", ())]
    assert at(one, 5 * SECOND) == []
    one.decided("u")
    assert at(one, 5 * SECOND) == [Cleared("b", ())]


def test_one_who_is_still_speaking_waits_for_what_it_will_have_been() -> None:
    one = held(("a", "caller", 10), ("b", "agent", 10))
    one.speaks("caller", 10 * SECOND, NOW)
    assert at(one, SECOND) == [Cleared("b", ())]
    one.said("u", "caller", span(9.7, 10.8), NOW)
    assert at(one, 2 * SECOND) == []
    one.understood("u", [span(10.4, 10.5)])
    assert one.decided("u", [(0, 0)]) == (span(10.1, 10.8),)
    assert at(one, 2 * SECOND) == [Cleared("a", (span(10.1, 10.8),))]


def test_one_who_has_begun_again_is_waited_for_though_the_end_before_is_told_late() -> None:
    one = held(("a", "caller", 10), ("b", "caller", 12))
    one.speaks("caller", 10 * SECOND, NOW)
    one.speaks("caller", int(12.4 * SECOND), NOW)
    one.said("u", "caller", span(9.7, 10.8), NOW)
    one.decided("u")
    assert at(one, SECOND) == [Cleared("a", ())]


def test_speech_that_is_never_told_of_holds_nothing_up_for_ever() -> None:
    one = held(("a", "caller", 10), ("b", "caller", 10 + SPEECH_US_MAX // SECOND))
    one.speaks("caller", 10 * SECOND, NOW)
    assert at(one, SECOND) == [Cleared("b", ())]
    assert one.wake_at_us(NOW + SECOND) == NOW + QUARANTINE_US
    assert at(one, QUARANTINE_US - 1) == []
    assert at(one, QUARANTINE_US) == [Cleared("a", ())]


def test_speech_without_a_pause_is_cut_and_goes_on() -> None:
    one = held(("a", "caller", 26))
    one.said("u", "caller", span(10, 25), NOW)
    one.decided("u")
    assert at(one, SECOND) == []
    one.said("v", "caller", span(25, 27), NOW)
    one.decided("v")
    assert at(one, SECOND) == [Cleared("a", ())]


def test_a_card_number_is_cut_out_of_every_chunk_it_is_said_in() -> None:
    one = held(*((str(n), "caller", n) for n in range(10, 15)))
    one.said("u", "caller", span(10, 15), NOW)
    one.understood("u", [span(10, 11.8), span(11.8, 12.5), span(12.5, 12.95), span(13, 14)])
    one.decided("u", [(1, 2)])
    assert at(one, SECOND) == [
        Cleared("10", ()),
        Cleared("11", (span(11.5, 12),)),
        Cleared("12", (span(12, 13),)),
        Cleared("13", (span(13, 13.25),)),
        Cleared("14", ()),
    ]


def test_what_the_agent_says_is_cut_out_of_the_agents_track_alone() -> None:
    one = held(("a", "agent", 10), ("b", "caller", 10))
    one.said("u", "agent", span(9, 12), NOW, is_bad=True)
    one.understood("u", [span(10.25, 10.5), span(10.5, 10.6), span(11, 11.2)])
    one.decided("u", [(0, 0), (1, 1)])
    assert at(one, SECOND) == [Cleared("a", (span(10, 10.9),)), Cleared("b", ())]


def test_a_number_of_which_only_the_place_is_not_known_is_not_kept_at_the_last_moment() -> None:
    one = held(("a", "agent", 10), ("b", "caller", 10))
    one.said("u", "agent", span(9, 10.5), NOW, is_bad=True)
    one.said("v", "caller", span(9, 10.5), NOW)
    assert at(one, QUARANTINE_US - 1) == []
    assert at(one, QUARANTINE_US) == [Cleared("a", (span(10, 10.5),)), Cleared("b", ())]


def test_a_number_that_goes_on_in_the_next_utterance_grows() -> None:
    one = held(("a", "caller", 10), ("b", "caller", 12))
    one.said("u", "caller", span(10, 11), NOW)
    one.said("v", "caller", span(12, 13), NOW)
    assert at(one, SECOND) == []
    one.understood("u", [span(10.8, 11)])
    one.understood("v", [span(12, 12.2)])
    assert at(one, SECOND) == [] and one.is_understood
    one.decided("v", [(0, 0)])
    assert at(one, SECOND) == [Cleared("b", (span(12, 12.5),))]
    one.decided("u")
    assert at(one, SECOND) == [Cleared("a", ())]
    assert one.decided("u", [(0, 0)]) == (span(10.5, 11.3),), "it is for others to look for now"


@pytest.mark.parametrize("words", [[], [span(10, 10.2)]])
def test_where_the_words_have_no_times_the_whole_utterance_is_silent(words: list[Span]) -> None:
    one = held(("a", "caller", 10))
    one.said("u", "caller", span(9, 10.5), NOW)
    one.understood("u", words)
    one.decided("u", [(0, 3)])
    assert at(one, SECOND) == [Cleared("a", (span(10, 10.8),))]


def test_what_was_to_be_said_and_was_not_takes_nothing_of_what_came_then() -> None:
    one = held(("a", "agent", 10), ("b", "agent", 11))
    one.said("u", "agent", span(10, 20), NOW, is_bad=True)
    one.understood("u", [span(10, 10.5), span(10.6, 10.9), span(11.2, 11.8)], span(10, 10.5))
    one.decided("u", [(1, 1), (2, 2)])
    assert at(one, SECOND) == [Cleared("a", (span(10.3, 10.8),)), Cleared("b", ())]


def test_what_was_looked_at_and_not_understood_is_kept() -> None:
    one = held(("a", "caller", 10), ("b", "caller", 12))
    for id, begin in (("u", 10), ("v", 12)):
        one.said(id, "caller", span(begin, begin + 0.5), NOW)
    assert not one.is_understood
    one.understood("v", [])
    one.passed("u")
    one.passed("v")
    assert at(one, SECOND) == [Cleared("a", ())]


def test_an_utterance_that_is_told_of_again_stays_decided() -> None:
    one = held(("a", "caller", 10))
    one.said("u", "caller", span(10, 10.5), NOW)
    one.decided("u")
    one.said("u", "caller", span(10, 10.5), NOW)
    assert at(one, SECOND) == [Cleared("a", ())]


@pytest.mark.parametrize("party", ["caller", "agent"])
def test_a_node_that_was_away_does_not_take_for_silence_what_it_has_missed(party: str) -> None:
    one = held(("a", party, 10), ("b", party, 13), ("c", party, 40))
    one.missed(party, 12 * SECOND, NOW)
    assert at(one, SECOND) == [Cleared("c", ())]
    one.said("u", party, span(12.5, 13.5), NOW)
    one.decided("u")
    assert at(one, SECOND) == [Cleared("b", ())]
    assert at(one, QUARANTINE_US) == [Cleared("a", ())]


def test_a_chunk_that_is_told_of_again_does_not_begin_to_wait_again() -> None:
    one = held(("a", "caller", 10))
    one.speaks("caller", 10 * SECOND, NOW)
    one.told("a", "caller", span(10, 11), NOW + 10 * SECOND)
    assert at(one, QUARANTINE_US) == [Cleared("a", ())]


def test_spans_that_touch_are_one() -> None:
    assert merged([span(3, 4), span(1, 2), span(2, 3), span(5, 6)]) == (span(1, 4), span(5, 6))
