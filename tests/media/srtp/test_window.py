from random import Random

import pytest

from media.srtp import ReplayError
from media.srtp.window import WINDOW, Window


@pytest.mark.parametrize(
    ("highest", "sequence", "index"),
    [
        (0x5_0010, 0x0011, 0x5_0011),
        (0x5_0010, 0xFFFF, 0x4_FFFF),  # Late, from the round before.
        (0x5_FFF0, 0x0001, 0x6_0001),  # The next round.
        (0x5_0000, 0x8000, 0x5_8000),
        (0x5_0000, 0x8001, 0x4_8001),
        (0x5_8000, 0x0000, 0x5_0000),
        (0x5_8001, 0x0000, 0x6_0000),
        (0x0_0010, 0xFFFF, -1),  # Before the first round there was none.
    ],
)
def test_the_index_is_the_nearest_with_that_sequence_number(
    highest: int, sequence: int, index: int
) -> None:
    assert Window(highest).estimate(sequence) == index


def test_estimates_are_right_for_all_that_come_within_half_a_round() -> None:
    random = Random(1)
    for _ in range(5_000):
        highest = random.randrange(1 << 17, 1 << 20)
        index = highest + random.randint(-0x7FFF, 0x7FFF)
        assert Window(highest).estimate(index & 0xFFFF) == index


def test_a_window_takes_each_index_once_like_a_set_of_them_would() -> None:
    random = Random(1)
    highest, window, taken = 1_000, Window(1_000), {1_000}
    for _ in range(20_000):
        index = max(0, highest + random.randint(-2 * WINDOW, random.choice((2, 2, 2, 300))))
        fresh = index not in taken and index > highest - WINDOW
        if not fresh:
            with pytest.raises(ReplayError):
                window.check(index)
            continue
        window.check(index)
        window.take(index)
        taken.add(index)
        highest = max(highest, index)
        assert window.highest == highest


def test_an_index_before_the_first_round_is_refused() -> None:
    with pytest.raises(ReplayError):
        Window(3).check(-1)
