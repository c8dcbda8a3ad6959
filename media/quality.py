"""How well streams arrive: RFC 3550 appendices A.1, A.3 and A.8, for many legs at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.integer]

DROPOUT_MAX = 3_000
MISORDER_MAX = 100
"""Further ahead or behind is no gap, but another beginning: RFC 3550 appendix A.1."""

SEEN = 64
"""Sequence numbers back from the highest, of which is known whether they came before. What is
older counts as if it had, so that no flood of repeated packets makes up for lost ones."""

ROUND = 1 << 16
NO_SEQUENCE = -1
JITTER_GAIN = 1 / 16


@dataclass(frozen=True, slots=True)
class Received:
    """What came in on a slot since it was reset."""

    received: int
    """Packets, each counted once."""

    duplicated: int
    lost: int
    highest: int
    """The highest sequence number, with the rounds before it."""

    jitter: float
    """In ticks of the RTP clock."""

    @property
    def loss(self) -> float:
        """The share of what was sent that did not come at all."""
        sent = self.received + self.lost
        return self.lost / sent if sent else 0.0


class Statistics:
    """Counters for each of `slots` legs. Who sees another SSRC on a leg resets its slot."""

    def __init__(self, slots: int) -> None:
        self._row = np.zeros(slots, np.int64)
        self._first = np.zeros(slots, np.int64)
        self._highest = np.zeros(slots, np.int64)
        self._next_if_restarted = np.zeros(slots, np.int32)
        self._seen = np.zeros(slots, np.uint64)
        # Since the stream began, or began again.
        self._received = np.zeros(slots, np.int64)
        self._transit = np.zeros(slots, np.int64)
        self._is_timed = np.zeros(slots, np.bool_)
        self._received_before = np.zeros(slots, np.int64)
        self._lost_before = np.zeros(slots, np.int64)
        self._duplicated = np.zeros(slots, np.int64)
        self._jitter = np.zeros(slots, np.float64)
        self._expected_reported = np.zeros(slots, np.int64)
        self._arrived_reported = np.zeros(slots, np.int64)
        self.reset(np.arange(slots, dtype=np.int32))

    def reset(self, slots: Slots) -> None:
        """Other streams are on these slots now."""
        self._begin(slots)
        self._received_before[slots] = 0
        self._lost_before[slots] = 0
        self._duplicated[slots] = 0
        self._jitter[slots] = 0
        self._expected_reported[slots] = 0
        self._arrived_reported[slots] = 0

    def observe(
        self,
        slots: Slots,
        sequence: NDArray[np.uint16],
        timestamp: NDArray[np.uint32],
        arrival: NDArray[np.int64],
        timed: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Take note of k packets, also of several for one slot, in the order they came.

        `arrival` is in ticks of each packet's RTP clock, whatever it counts from. `timed` is false
        where a timestamp is not the time of sending: those of an event all name its beginning
        (RFC 4733 section 2.2.1). True comes back for each packet that belongs to its stream and
        came for the first time.
        """
        first = self._is_first(slots)
        if first.all():
            return self._observe(slots, sequence, timestamp, arrival, timed, distinct=True)
        # What takes long is to look for others of the same slot: here it is done for few.
        fresh = np.empty(len(slots), np.bool_)
        for some, distinct in ((first, True), (~first, False)):
            fresh[some] = self._observe(
                slots[some],
                sequence[some],
                timestamp[some],
                arrival[some],
                timed[some],
                distinct=distinct,
            )
        return fresh

    def received(self, slot: int) -> Received:
        """All that came in on a slot."""
        received = int(self._received[slot])
        expected = int(self._highest[slot] - self._first[slot]) + 1 if received else 0
        return Received(
            received=received + int(self._received_before[slot]),
            duplicated=int(self._duplicated[slot]),
            lost=expected - received + int(self._lost_before[slot]),
            highest=int(self._highest[slot]) - ROUND if received else 0,
            jitter=float(self._jitter[slot]),
        )

    def fraction_lost(self, slot: int) -> int:
        """Of 256, since this was asked last: RFC 3550 appendix A.3."""
        found = self.received(slot)
        expected, arrived = found.received + found.lost, found.received + found.duplicated
        since = expected - int(self._expected_reported[slot])
        lost = since - (arrived - int(self._arrived_reported[slot]))
        self._expected_reported[slot], self._arrived_reported[slot] = expected, arrived
        return 0 if since <= 0 or lost <= 0 else min(255, (lost << 8) // since)

    def _is_first(self, slots: Slots) -> NDArray[np.bool_]:
        """Which packets are the first of their slots."""
        rows = np.arange(len(slots))
        # Of several packets of a slot the first one counts: it is written last.
        self._row[slots[::-1]] = rows[::-1]
        return np.asarray(self._row[slots] == rows)

    def _observe(
        self,
        slots: Slots,
        sequence: NDArray[np.uint16],
        timestamp: NDArray[np.uint32],
        arrival: NDArray[np.int64],
        timed: NDArray[np.bool_],
        *,
        distinct: bool,
    ) -> NDArray[np.bool_]:
        """`distinct`: no slot is there twice."""
        extended, belongs = self._place(slots, sequence)
        before = self._came_before(slots, extended)
        if not distinct:
            before |= _is_again(slots, extended)
        fresh = belongs & ~before
        np.add.at(self._duplicated, slots[belongs & before], 1)
        heard = slots[fresh]
        self._note(heard, extended[fresh], heard if distinct else np.unique(heard))
        timed = timed & fresh
        transit = (arrival - timestamp)[timed]
        (self._time if distinct else self._time_runs)(slots[timed], transit)
        return fresh

    def _begin(self, slots: Slots) -> None:
        self._received[slots] = 0
        self._seen[slots] = 0
        self._is_timed[slots] = False
        self._next_if_restarted[slots] = NO_SEQUENCE

    def _place(
        self, slots: Slots, sequence: NDArray[np.uint16]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Sequence numbers with their rounds, and whether they go on with their stream."""
        self._start(slots, sequence)
        delta = (sequence - self._highest[slots].astype(np.uint16)).view(np.int16)
        belongs = (delta >= -MISORDER_MAX) & (delta < DROPOUT_MAX)
        if not belongs.all():
            self._restart(slots[~belongs], sequence[~belongs])
            delta = (sequence - self._highest[slots].astype(np.uint16)).view(np.int16)
            belongs = (delta >= -MISORDER_MAX) & (delta < DROPOUT_MAX)
        return self._highest[slots] + delta, belongs

    def _start(self, slots: Slots, sequence: NDArray[np.uint16]) -> None:
        new = self._received[slots] == 0
        # Of several packets of a slot the first one counts: it is written last.
        starting, at = slots[new][::-1], sequence[new][::-1].astype(np.int64) + ROUND
        self._first[starting] = at
        self._highest[starting] = at

    def _restart(self, slots: Slots, sequence: NDArray[np.uint16]) -> None:
        """Two in a row from elsewhere: the sender began again. One alone is a stray."""
        again = self._next_if_restarted[slots] == sequence
        self._next_if_restarted[slots] = sequence.astype(np.int32) + 1 & 0xFFFF
        slots, sequence = slots[again], sequence[again]
        new = np.unique(slots)
        expected = self._highest[new] - self._first[new] + 1
        self._lost_before[new] += expected - self._received[new]
        self._received_before[new] += self._received[new]
        self._begin(new)
        self._start(slots, sequence)

    def _came_before(self, slots: Slots, extended: NDArray[np.int64]) -> NDArray[np.bool_]:
        age = self._highest[slots] - extended
        known = (age >= 0) & (age < SEEN)
        bits = self._seen[slots] >> np.where(known, age, 0).astype(np.uint64)
        return (age >= SEEN) | known & (bits & np.uint64(1) > 0)

    def _note(self, slots: Slots, extended: NDArray[np.int64], heard: Slots) -> None:
        """`heard`: each of the slots once."""
        np.add.at(self._received, slots, 1)
        np.minimum.at(self._first, slots, extended)
        before = self._highest[heard]
        np.maximum.at(self._highest, slots, extended)
        shift = self._highest[heard] - before
        moved = self._seen[heard] << np.minimum(shift, SEEN - 1).astype(np.uint64)
        self._seen[heard] = np.where(shift < SEEN, moved, np.uint64(0))
        age = self._highest[slots] - extended
        # One of a batch which went on by more than that has left no trace when it ends.
        recent = age < SEEN
        bits = np.uint64(1) << age[recent].astype(np.uint64)
        np.bitwise_or.at(self._seen, slots[recent], bits)

    def _time(self, slots: Slots, transit: NDArray[np.int64]) -> None:
        """RFC 3550 appendix A.8, for one packet of each slot."""
        # Timestamps wrap around, and so do their differences.
        difference = np.abs((transit - self._transit[slots]).astype(np.int32).astype(np.float64))
        difference[~self._is_timed[slots]] = 0
        kept = self._jitter[slots] * (1 - JITTER_GAIN)
        self._jitter[slots] = kept + JITTER_GAIN * difference
        self._transit[slots] = transit
        self._is_timed[slots] = True

    def _time_runs(self, slots: Slots, transit: NDArray[np.int64]) -> None:
        """The same, for runs of packets of a slot in one step.

        A run of m differences d leaves J (1-g)^m + g (|d1| (1-g)^(m-1) + ... + |dm|).
        """
        order = np.argsort(slots, kind="stable")
        slots, transit = slots[order], transit[order]
        leads = np.diff(slots, prepend=NO_SEQUENCE) != 0
        starts = np.nonzero(leads)[0]
        runs = np.diff(starts, append=len(slots))
        before = np.roll(transit, 1)
        before[leads] = self._transit[slots[leads]]
        # Timestamps wrap around, and so do their differences.
        difference = np.abs((transit - before).astype(np.int32).astype(np.float64))
        difference[leads & ~self._is_timed[slots]] = 0
        remaining = np.repeat(starts + runs, runs) - np.arange(len(slots)) - 1
        gains = JITTER_GAIN * difference * (1 - JITTER_GAIN) ** remaining
        self._jitter[slots[starts]] *= (1 - JITTER_GAIN) ** runs
        np.add.at(self._jitter, slots, gains)
        ends = starts + runs - 1
        self._transit[slots[ends]] = transit[ends]
        self._is_timed[slots[ends]] = True


def _is_again(slots: Slots, extended: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The same packet twice in one batch: the first of them is the one that came."""
    _, first = np.unique((slots.astype(np.int64) << 32) + extended, return_index=True)
    again = np.ones(len(slots), np.bool_)
    again[first] = False
    return again
