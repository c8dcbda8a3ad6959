import numpy as np
import pytest
from numpy.typing import NDArray

from media.delay import HALF_LIFE, JUMP_US, MAX_MS, MIN_MS, START_MS, Delay

ONE = np.zeros(1, np.int32)
TRANSIT = 1_800_000_000_000_000


def hear(delay: Delay, late_us: list[int] | NDArray[np.int64], transit: int = TRANSIT) -> int:
    """Let packets come in on slot 0, each so late; the delay after the last of them."""
    for ten in np.array_split(np.array(late_us, np.int64), max(1, len(late_us) // 10)):
        delay.observe(np.zeros(len(ten), np.int32), transit + ten)
    return int(delay.target(ONE)[0])


def test_it_starts_at_60_ms_and_falls_to_20_where_nothing_is_late() -> None:
    delay = Delay(1)
    assert delay.target(ONE).tolist() == [START_MS]
    assert START_MS - 5 <= hear(delay, [0] * 50) < START_MS
    assert hear(delay, [0] * 10_000) == MIN_MS


def test_it_grows_at_once_and_shrinks_by_half_in_ten_seconds() -> None:
    delay = Delay(1)
    hear(delay, [0] * 5_000)
    assert hear(delay, [100_000]) == 120
    assert hear(delay, [0] * HALF_LIFE) == pytest.approx(70, abs=1)
    assert hear(delay, [0] * HALF_LIFE) == pytest.approx(45, abs=1)


def test_it_is_never_above_400_ms() -> None:
    assert hear(Delay(1), [0, 1_900_000]) == MAX_MS


def test_in_steady_jitter_next_to_nothing_comes_too_late() -> None:
    late = np.random.default_rng(1).gamma(2, 8_000, 5_000).astype(np.int64)
    delay, missed = Delay(1), 0
    for each in late:
        wait_us = int(delay.target(ONE)[0]) * 1_000
        missed += each - late.min() > wait_us
        hear(delay, [each])
    assert missed < 10
    assert hear(delay, []) < 140


def test_a_clock_that_drifts_is_followed() -> None:
    # 200 ppm slow for half an hour: 360 ms, which are no jitter.
    assert hear(Delay(1), np.arange(90_000) * 4) < 30
    assert hear(Delay(1), -np.arange(90_000) * 4) < 30


def test_a_sender_whose_clock_jumps_is_known_anew() -> None:
    for jump in (JUMP_US + 1, -JUMP_US - 1, 500_000_000_000, -TRANSIT):
        delay = Delay(1)
        before = hear(delay, [0] * 2_000)
        assert hear(delay, [jump] * 2) <= before
        assert hear(delay, [jump + 80_000]) == 100


def test_several_packets_of_a_slot_at_once_all_count() -> None:
    delay = Delay(3)
    slots = np.array([2, 0, 2, 2], np.int32)
    delay.observe(slots, np.array([90_000, 5_000, 0, 70_000]) + TRANSIT)
    assert delay.target(np.arange(3, dtype=np.int32)).tolist() == [60, 60, 110]


def test_slots_are_each_on_their_own_and_start_again_when_reset() -> None:
    delay = Delay(2)
    both = np.arange(2, dtype=np.int32)
    for late in (0, 200_000):
        delay.observe(both, np.array([TRANSIT + late, TRANSIT]))
    assert delay.target(both).tolist() == [220, 60]
    delay.reset(ONE)
    assert delay.target(both).tolist() == [START_MS, 60]
    hear(delay, [300_000])
    assert delay.target(both).tolist() == [60, 60]
