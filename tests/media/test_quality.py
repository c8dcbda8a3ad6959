from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest

from media.feedback import Feedback
from media.quality import Statistics
from media.rtcp import ReceiverReport, ReportBlock, SenderReport, ntp_from_us, ntp_middle

NOW = 1_800_000_000_000_000


@dataclass
class Reference:
    """RFC 3550 appendix A.8 and plain sets, packet by packet."""

    numbers: set[int] = field(default_factory=set)
    duplicated: int = 0
    jitter: float = 0.0
    transit: int | None = None

    def receive(self, number: int, timestamp: int, arrival: int) -> bool:
        if number in self.numbers:
            self.duplicated += 1
            return False
        self.numbers.add(number)
        transit = arrival - timestamp
        if self.transit is not None:
            self.jitter += (abs(transit - self.transit) - self.jitter) / 16
        self.transit = transit
        return True

    @property
    def lost(self) -> int:
        return max(self.numbers) - min(self.numbers) + 1 - len(self.numbers)


@dataclass(frozen=True)
class Arrival:
    slot: int
    number: int
    at: int


def arrivals(random: Random, slots: int, packets: int) -> list[Arrival]:
    """Streams with loss, jitter, reordering and duplicates, as they come in."""
    found: list[Arrival] = []
    for slot in range(slots):
        first = random.randint(0, 0xFFFF)
        for n in range(packets):
            copies = random.choices((0, 1, 2), (5, 90, 5))[0]
            ats = [160 * n + int(random.expovariate(1 / 200)) for _ in range(copies)]
            found += [Arrival(slot, first + n, at) for at in ats]
    return sorted(found, key=lambda each: each.at)


def observe(statistics: Statistics, batch: list[Arrival]) -> list[bool]:
    numbers = np.array([each.number for each in batch], np.int64)
    fresh = statistics.observe(
        np.array([each.slot for each in batch], np.int32),
        numbers.astype(np.uint16),
        (160 * numbers).astype(np.uint32),
        np.array([each.at for each in batch], np.int64) + 10**12,
        np.ones(len(batch), np.bool_),
    )
    return [bool(each) for each in fresh]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 7, 300])
def test_batches_of_any_size_count_like_packets_one_by_one(seed: int, size: int) -> None:
    found = arrivals(Random(seed), 5, 400)
    statistics, references = Statistics(5), [Reference() for _ in range(5)]
    for start in range(0, len(found), size):
        batch = found[start : start + size]
        fresh = observe(statistics, batch)
        assert fresh == [
            references[each.slot].receive(each.number, 160 * each.number, each.at) for each in batch
        ]
    for slot, reference in enumerate(references):
        received = statistics.received(slot)
        assert received.received == len(reference.numbers)
        assert received.duplicated == reference.duplicated
        assert received.lost == reference.lost
        assert received.highest == max(reference.numbers)
        assert received.jitter == pytest.approx(reference.jitter)
        assert 0 < received.loss < 0.12


def straight(slot: int, numbers: range) -> list[Arrival]:
    return [Arrival(slot, number, 160 * number) for number in numbers]


def test_a_steady_stream_has_neither_loss_nor_jitter_though_its_numbers_go_round() -> None:
    statistics = Statistics(1)
    for start in range(65_000, 300_000, 1_000):
        observe(statistics, straight(0, range(start, start + 1_000)))
    received = statistics.received(0)
    assert (received.received, received.lost, received.jitter) == (235_000, 0, 0)
    assert received.highest == 299_999


def test_one_stray_packet_changes_nothing_and_two_in_a_row_begin_again() -> None:
    statistics = Statistics(1)
    observe(statistics, straight(0, range(100, 200)))
    assert observe(statistics, straight(0, range(40_000, 40_001))) == [False]
    assert observe(statistics, straight(0, range(200, 210))) == [True] * 10
    assert statistics.received(0).lost == 0
    assert observe(statistics, straight(0, range(50_000, 50_001))) == [False]
    assert observe(statistics, straight(0, range(50_001, 50_051))) == [True] * 50
    received = statistics.received(0)
    assert (received.received, received.lost, received.highest) == (160, 0, 50_050)


@pytest.mark.parametrize("seed", range(5))
def test_no_flood_makes_the_counters_lie(seed: int) -> None:
    random = np.random.default_rng(seed)
    statistics, taken = Statistics(2), 0
    for spread in (4, 64, 200, 3_000, 65_536) * 4:
        count = int(random.integers(1, 400))
        fresh = statistics.observe(
            random.integers(0, 2, count).astype(np.int32),
            random.integers(0, spread, count).astype(np.uint16),
            random.integers(0, 1 << 32, count).astype(np.uint32),
            random.integers(-(1 << 40), 1 << 40, count),
            random.integers(0, 2, count) == 1,
        )
        taken += int(fresh.sum())
    both = [statistics.received(slot) for slot in (0, 1)]
    assert sum(each.received for each in both) == taken
    assert all(each.lost >= 0 and 0 <= each.loss <= 1 and each.jitter >= 0 for each in both)
    assert all(0 <= statistics.fraction_lost(slot) <= 255 for slot in (0, 1))


def test_events_count_but_tell_nothing_of_jitter() -> None:
    statistics, numbers = Statistics(1), np.arange(50)
    statistics.observe(
        np.zeros(50, np.int32),
        numbers.astype(np.uint16),
        np.where(numbers < 20, 160 * numbers, 3_200).astype(np.uint32),
        160 * numbers,
        numbers < 20,
    )
    assert statistics.received(0).received == 50
    assert statistics.received(0).jitter == 0


def test_a_slot_that_is_reset_counts_from_nothing() -> None:
    statistics = Statistics(2)
    for slot in (0, 1):
        observe(statistics, straight(slot, range(0, 500, 2)))
    statistics.reset(np.array([0], np.int32))
    assert statistics.received(0).received == 0
    observe(statistics, straight(0, range(30_000, 30_010)))
    assert (statistics.received(0).received, statistics.received(0).lost) == (10, 0)
    assert statistics.received(1).lost == 249


def test_the_fraction_lost_is_that_since_the_last_report() -> None:
    statistics = Statistics(1)
    assert statistics.fraction_lost(0) == 0
    observe(statistics, straight(0, range(100)))
    assert statistics.fraction_lost(0) == 0
    observe(statistics, straight(0, range(100, 200, 2)))
    observe(statistics, straight(0, range(199, 200)))
    assert statistics.fraction_lost(0) == 256 * 49 // 100
    observe(statistics, straight(0, range(195, 196)))  # Late, and more than was to be expected.
    assert statistics.fraction_lost(0) == 0


def test_nothing_observed_is_nothing_counted() -> None:
    assert observe(Statistics(1), []) == []


def test_a_report_says_how_the_other_end_is_heard_and_what_it_said_last() -> None:
    statistics, feedback = Statistics(1), Feedback()
    observe(statistics, straight(0, range(70_000, 70_100, 2)))
    assert feedback.block(statistics, 0, 77, NOW) == ReportBlock(77, 49 * 256 // 99, 49, 4_562, 0)
    sent = ntp_from_us(NOW - 1_000_000)
    feedback.hear([SenderReport(77, sent, 0, 0, 0)], 7, NOW)
    block = feedback.block(statistics, 0, 77, NOW + 500_000)
    assert (block.last_sr, block.since_last_sr) == (ntp_middle(sent), 32_768)


def test_what_the_other_end_reports_of_us_is_kept() -> None:
    feedback = Feedback()
    assert (feedback.round_trip_us, feedback.remote_loss) == (None, 0)
    last_sr = ntp_middle(ntp_from_us(NOW))
    ours = ReportBlock(7, 64, 10, 100, 80, last_sr, 0)
    feedback.hear([ReceiverReport(77, (ReportBlock(8, 255, 0, 0, 0), ours))], 7, NOW + 100_000)
    feedback.hear([SenderReport(77, 0, 0, 0, 0, (ReportBlock(7, 0, 0, 0, 90),))], 7, NOW)
    assert feedback.round_trip_us == pytest.approx(100_000, abs=20)
    assert feedback.remote_loss == 0.125
    assert feedback.remote_jitter == 90


def test_a_round_trip_that_cannot_be_is_not_believed() -> None:
    feedback = Feedback()
    for last_sr in (1, ntp_middle(ntp_from_us(NOW + 1_000_000))):
        feedback.hear([ReceiverReport(77, (ReportBlock(7, 0, 0, 0, 0, last_sr),))], 7, NOW)
    assert feedback.round_trip_us is None
