"""The recording gates of a bank: two tracks a slot on one timeline, silent where nothing came."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from media.bank.hush import Hush
from media.bank.memory import Frames, Slots, lazily, windows
from media.recorder import AGENT, TRACKS_MAX, Chunk, Track
from media.units import Samples

GRACE_TENTHS = 5
STALL_SECONDS_MAX = 10
CUTS_A_TICK_MIN = 8
SHUT = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Opened:
    """An open gate."""

    call: str
    epoch: int
    tracks: tuple[Track, ...]


class Recorders:
    """A gate opens with keys only. A row of samples is a track: slot * TRACKS_MAX + number."""

    def __init__(self, slots: int, rate: int, chunk_ms: int) -> None:
        self._rate = rate
        self._chunk = chunk_ms * rate // 1_000
        self._grace = rate // 10 * GRACE_TENTHS
        self._frame = rate // 50
        # A chunk, its grace, as much again before it is cut, and what comes early.
        self._room = self._chunk + 3 * self._grace
        rows = slots * TRACKS_MAX
        self._samples: Frames = lazily((rows, self._room), np.int16)
        self._frames = windows(self._samples, self._frame)
        self._hush = Hush(self._samples, rate)
        self._base = np.zeros(rows, np.int64)
        self._n = np.zeros(rows, np.int64)
        self._takes = {sent: np.zeros(rows, np.bool_) for sent in (False, True)}
        self._open: dict[int, Opened] = {}
        self.since = np.full(slots, SHUT, np.int64)
        """From which position on the gate of a slot is open; never where it is closed."""
        self._rows: Slots = np.empty(0, np.int64)
        self._is_listed = True
        self.cuts_max = CUTS_A_TICK_MIN

    def gate(self, slot: int) -> Opened | None:
        return self._open.get(slot)

    def open(self, slot: int, gate: Opened, start: int) -> None:
        """Record from position `start` on; nothing captured before gets in."""
        self._open[slot] = gate
        self.since[slot] = start
        for number, track in enumerate(gate.tracks):
            row = slot * TRACKS_MAX + number
            self._samples[row] = 0
            self._base[row], self._n[row] = start, 0
            self._hush.open(row)
            self._takes[track.party == AGENT][row] = True
        self._is_listed = False

    def close(self, slot: int, now: int) -> list[Chunk]:
        """All that is left up to position `now`; the last chunk of a track may be short."""
        gate, chunks = self._open[slot], list[Chunk]()
        for number in range(len(gate.tracks)):
            row = slot * TRACKS_MAX + number
            self._leap(row, now - int(self._base[row]), chunks)
            while (length := min(self._chunk, now - int(self._base[row]))) > 0:
                self._silence_keys(np.array([row]), length)
                chunks.append(self._cut(row, length))
        self.drop(slot)
        return chunks

    def beyond(self, slot: int, now: int) -> list[Samples]:
        """What each track has of after position `now`: packets reach into the next frames."""
        found: list[Samples] = []
        for number in range(len(self._open[slot].tracks)):
            row = slot * TRACKS_MAX + number
            offset = min(max(now - int(self._base[row]), 0), self._room)
            found.append(self._samples[row, offset : offset + self._grace].copy())
        return found

    def carry(self, slot: int, beginnings: Sequence[Samples]) -> None:
        """What the tracks of a gate that is still empty begin with."""
        for number, samples in enumerate(beginnings):
            self._write_part(slot * TRACKS_MAX + number, 0, samples)

    def drop(self, slot: int) -> None:
        """Forget what is not sealed."""
        self.since[slot] = SHUT
        if self._open.pop(slot, None) is not None:
            rows = slice(slot * TRACKS_MAX, (slot + 1) * TRACKS_MAX)
            for takes in self._takes.values():
                takes[rows] = False
            self._is_listed = False

    def write(self, slots: Slots, positions: Slots, samples: Frames, *, sent: bool) -> None:
        """Each row of samples at its place, where a gate takes what was sent, or received."""
        for number in range(TRACKS_MAX):
            rows = slots * TRACKS_MAX + number
            taken = np.flatnonzero(self._takes[sent][rows])
            if taken.size == len(slots):
                self._write(rows, positions, samples)
            elif taken.size:
                self._write(rows[taken], positions[taken], samples[taken])

    def due(self, now: Slots) -> list[tuple[int, Chunk]]:
        """The chunks which are complete, with their slots. `now`: the position of every slot.

        So many in a tick and no more: who began together is not cut together.
        """
        if not self._is_listed:
            self._list()
        rows, overdue = self._rows, self._chunk + self._grace
        ages = now[rows // TRACKS_MAX] - self._base[rows]
        complete = np.flatnonzero(ages >= overdue)
        if not complete.size:
            return []
        chunks: list[tuple[int, Chunk]] = []
        oldest = complete[np.argsort(-ages[complete], kind="stable")[: self.cuts_max]]
        # Of nearly all rows one chunk is due: their keys are looked for together.
        self._silence_keys(rows[oldest], self._chunk)
        for row, age in zip(rows[oldest].tolist(), ages[oldest].tolist(), strict=True):
            slot, cut = row // TRACKS_MAX, list[Chunk]()
            left = age - self._leap(row, age, cut)
            while left >= overdue:
                cut.append(self._cut(row, self._chunk))
                left -= self._chunk
                if left >= overdue:
                    self._silence_keys(np.array([row]), self._chunk)
            chunks += [(slot, chunk) for chunk in cut]
        return chunks

    def _silence_keys(self, rows: Slots, length: int) -> None:
        """Where they are tracks of what was received, and before so many samples are cut."""
        received = rows[self._takes[False][rows]]
        self._hush.silence(received, self._base[received], length)

    def _list(self) -> None:
        tracks = [s * TRACKS_MAX + n for s, g in self._open.items() for n in range(len(g.tracks))]
        self._rows, self._is_listed = np.array(tracks, np.int64), True
        # A quarter more than come to be complete in a tick.
        per_tick = len(tracks) * self._frame * 5 // (self._chunk * 4)
        self.cuts_max = max(CUTS_A_TICK_MIN, per_tick)

    def _write(self, rows: Slots, positions: Slots, samples: Frames) -> None:
        width = samples.shape[1]
        offsets = positions - self._base[rows]
        whole = (offsets >= 0) & (offsets + width <= self._room)
        if not whole.all():
            for n in np.flatnonzero(~whole).tolist():
                self._write_part(int(rows[n]), int(offsets[n]), samples[n])
            rows, offsets, samples = rows[whole], offsets[whole], samples[whole]
        view = self._frames if width == self._frame else windows(self._samples, width)
        view[rows * self._room + offsets] = samples

    def _write_part(self, row: int, offset: int, samples: Samples) -> None:
        first, last = max(offset, 0), min(offset + len(samples), self._room)
        if first < last:
            self._samples[row, first:last] = samples[first - offset : last - offset]

    def _leap(self, row: int, age: int, chunks: list[Chunk]) -> int:
        """By how much the track moved on, of which samples of this age are the oldest."""
        # After a long stall there is nothing to seal but silence: the timeline skips it.
        if age <= STALL_SECONDS_MAX * self._rate:
            return 0
        self._silence_keys(np.array([row]), self._chunk)
        chunks.append(self._cut(row, self._chunk))
        self._samples[row] = 0
        skipped = age - self._chunk
        self._base[row] += skipped - self._chunk
        return skipped

    def _cut(self, row: int, length: int) -> Chunk:
        gate = self._open[row // TRACKS_MAX]
        track, samples = gate.tracks[row % TRACKS_MAX], self._samples[row]
        first, n = int(self._base[row]), int(self._n[row])
        cut = samples[:length].copy()
        samples[:-length] = samples[length:]
        samples[-length:] = 0
        self._base[row] += length
        self._n[row] += 1
        return Chunk(gate.call, track, gate.epoch, n, first, cut, self._rate)
