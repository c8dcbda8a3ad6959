"""A number in several breaths: what waits, what is kept, and what is cut."""

from transcripts.redaction.finding import What
from transcripts.redaction.keeping import HELD_MAX, HOLD_US, Keeping, Kept

SECOND_US = 1_000_000


class Caller:
    """Says one thing a second."""

    def __init__(self) -> None:
        self.keeping = Keeping()
        self.said = 0

    def says(self, text: str) -> list[Kept]:
        self.said += 1
        return self.keeping.heard(str(self.said), text.split(), self.said * SECOND_US)


def ids(kept: list[Kept]) -> list[str]:
    return [one.id for one in kept]


def test_what_cannot_begin_a_card_is_kept_at_once() -> None:
    assert ids(Caller().says("I want to book an appointment")) == ["1"]


def test_a_card_in_four_breaths_is_cut_out_of_all_of_them() -> None:
    caller = Caller()
    assert caller.says("my card is four two four two") == []
    assert caller.says("four two four two") == []
    assert caller.says("uh") == []
    assert caller.says("forty two forty two") == []
    kept = caller.says("four two four two thank you")
    assert ids(kept) == ["1", "2", "3", "4", "5"]
    assert [[(one.first, one.last) for one in each.found] for each in kept] == [
        [(3, 6)],
        [(0, 3)],
        [(0, 0)],
        [(0, 3)],
        [(0, 3)],
    ]
    assert {one.what for each in kept for one in each.found} == {What.CARD}


def test_digit_by_digit_with_a_pause_after_each_is_a_card_too() -> None:
    caller = Caller()
    kept = [one for digit in "4242424242424242" for one in caller.says(digit)]
    assert len(kept) == 16 and all(one.found for one in kept)


def test_what_follows_shows_that_it_was_no_card() -> None:
    caller = Caller()
    assert caller.says("order number four two") == []
    kept = caller.says("it should have come on Monday")
    assert ids(kept) == ["1", "2"]
    assert all(one.found == () for one in kept)


def test_nothing_waits_longer_than_it_takes_to_say_a_number() -> None:
    caller = Caller()
    caller.says("four two four two")
    wake_at_us = caller.keeping.wake_at_us
    assert wake_at_us == SECOND_US + HOLD_US
    assert caller.keeping.wake(wake_at_us - 1) == []
    assert ids(caller.keeping.wake(wake_at_us)) == ["1"]
    assert caller.keeping.wake_at_us is None


def test_what_was_kept_too_early_is_named_when_its_number_goes_on() -> None:
    caller = Caller()
    caller.says("four two four two")
    caller.keeping.wake(2 * HOLD_US)
    kept = caller.says("four two four two four two four two four two four two")
    assert [(one.id, one.again) for one in kept] == [("1", True), ("2", False)]
    assert all(one.found for one in kept)


def test_the_end_of_the_call_keeps_what_waits() -> None:
    caller = Caller()
    caller.says("four two four two")
    assert ids(caller.keeping.close()) == ["1"]
    assert caller.keeping.close() == []


def test_so_many_utterances_wait_and_no_more() -> None:
    caller = Caller()
    said = [("two", "um")[at % 2] for at in range(HELD_MAX + 3)]
    kept = [one for text in said for one in caller.says(text)]
    assert ids(kept) == ["1", "2", "3"]


def test_what_the_agent_asks_for_decides_what_three_digits_are() -> None:
    caller = Caller()
    caller.says("4242424242424242")
    caller.keeping.asked(["And", "the", "three", "digits", "on", "the", "back?"])
    (kept,) = caller.says("seven three seven")
    assert [one.what for one in kept.found] == [What.CODE]
    (later,) = caller.says("I have seven three nine of them")
    assert later.found == ()


def test_the_agent_reading_a_card_back_is_cut_as_well() -> None:
    caller = Caller()
    caller.says("4242424242424242")
    found = caller.keeping.asked(["So", "that", "is", "four", "two", "four", "two", "four", "two"])
    assert [(one.first, one.last) for one in found] == [(3, 8)]
    assert caller.keeping.cleared("card: 4242 4242, thanks") == "card: [card number] thanks"
    assert caller.keeping.cleared("table  for two") == "table  for two"
