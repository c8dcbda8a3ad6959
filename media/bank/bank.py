"""All legs of one sampling rate: what is heard of them, what is recorded, what is played."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media import comfort, plc
from media.bank.keys import Keys, Pressed
from media.bank.memory import Frames, Mask, Slots, ranks
from media.bank.placement import Placements
from media.bank.recorder import Recorders
from media.bank.ring import Rings
from media.bank.speech import Found, Speech
from media.bank.stage import Stage
from media.delay import Delay
from media.units import FRAME_MS
from media.vad import Detector

CONCEALED_MAX = 128
"""Legs at once, of a tick: where more lose a frame together, the network has gone, or we were late,
and the tick is not to become late of it, too."""

US = 1_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What one tick released: who began and ended speaking, who speaks, and the last frames.

    And which keys came as sound. `positions`: where the frames belong on their legs' timelines.
    """

    speech: Found
    pressed: Pressed
    speaking: Slots
    slots: Slots
    frames: Frames
    positions: Slots


class Bank:
    def __init__(
        self, slots: int, rate: int, chunk_ms: int, detector: Callable[[], Detector]
    ) -> None:
        self.rate, self.frame = rate, rate // 50
        self._remembered = plc.LOST_FRAMES_MAX * self.frame + plc.HISTORY_MS * rate // 1_000
        self.rings = Rings(slots, rate)
        self.placements = Placements(slots, rate)
        self.speech = Speech(slots, rate, self.rings, detector)
        self.recorders = Recorders(slots, rate, chunk_ms)
        self.keys = Keys(slots, rate)
        self.stage = Stage(slots, rate)
        self.delay = Delay(slots)
        self.active: Slots = np.empty(0, np.int64)
        self.concealed = np.zeros(slots, np.int64)
        self._lost = np.full(slots, plc.LOST_FRAMES_MAX, np.int32)
        self._noise = np.zeros(slots, np.float32)
        self._waits = np.zeros(slots, np.int64)
        self._generator = np.random.default_rng(0)

    def open(self, slot: int, clock_rate: int) -> None:
        self.rings.open(slot)
        self.placements.open(slot, clock_rate)
        self.speech.open(slot)
        self.keys.open(slot)
        self.stage.open(slot)
        self.delay.reset(np.array([slot]))
        self.concealed[slot] = self._noise[slot] = 0
        self._lost[slot] = plc.LOST_FRAMES_MAX
        self._waits[slot] = self._wanted(np.array([slot]))[0]
        self.active = np.union1d(self.active, [slot])

    def close(self, slot: int) -> None:
        """The gate is closed, and the utterances are ended, before."""
        self.speech.close(slot)
        self.stage.close(slot)
        self.active = self.active[self.active != slot]

    def place(self, slots: Slots, ssrcs: Slots, timestamps: Slots, arrived: Slots) -> Slots:
        """Where on their legs' timelines packets belong, in the order they came."""
        positions, moved = np.empty(len(slots), np.int64), np.zeros(len(slots), np.bool_)
        rank = ranks(slots)
        for turn in range(int(rank.max(initial=-1)) + 1):
            rows = slice(None) if len(slots) and rank.max() == 0 else np.flatnonzero(rank == turn)
            positions[rows], moved[rows] = self.placements.place(
                slots[rows], ssrcs[rows], timestamps[rows], arrived[rows]
            )
        for n in np.flatnonzero(moved).tolist():
            self.rings.align(int(slots[n]), int(positions[n]))
        self.delay.observe(slots, (arrived - positions) * US // self.rate)
        return positions

    def put(self, slots: Slots, positions: Slots, samples: Frames) -> None:
        """Decoded packets of equal length, at their places: to be heard, and to be recorded."""
        self.rings.put(slots, positions, samples)
        # Written at its place on arrival: the delay until it is heard does not move it.
        self.recorders.write(slots, positions, samples, sent=False)
        self._noise[slots] = 0

    def comfort(self, slot: int, level: float) -> None:
        """The party is silent, and says how its silence sounds (RFC 3389)."""
        self._noise[slot] = level

    def listen(self, now: Slots) -> Heard:
        """Release what is due at the positions `now`, of all slots: one frame a tick, mostly."""
        ready = self.active
        self._adapt(ready)
        due, cursor = now - self._waits, self.rings.cursor
        for slot in ready[due[ready] - cursor[ready] >= self.rings.ahead].tolist():
            self.rings.skip(slot, int(due[slot]))
        found: Found = []
        pressed: Pressed = []
        speaking = NOBODY
        slots, frames, positions = NOBODY, np.empty((0, self.frame), np.int16), NOBODY
        while (ready := ready[cursor[ready] <= due[ready]]).size:
            positions, frames = self._release(ready)
            keys, sounding = self.keys.push(ready, positions, frames)
            heard, talking = self.speech.push(ready, positions, frames, sounding)
            found += heard
            pressed += keys
            # More than one frame of a leg is due where we were late.
            speaking = np.union1d(speaking, talking) if speaking.size else talking
            slots = ready
        return Heard(found, pressed, speaking, slots, frames, positions)

    def is_covered(self, slots: Slots, positions: Slots) -> Mask:
        """Whether frames at these positions may leave by a tap: an open gate covers them.

        And all that they may be made of, too: what was lost is concealed out of what went before,
        and who takes another rate remembers the end of the frame before.
        """
        covered: Mask = positions - self._remembered >= self.recorders.since[slots]
        return covered

    def _adapt(self, slots: Slots) -> None:
        """Wait longer at once, and less by a frame at a time, while nothing is heard."""
        wanted, waits = self._wanted(slots), self._waits[slots]
        grown = wanted > waits
        shrunk = (waits - wanted >= self.frame) & self.speech.is_quiet(slots)
        if grown.any() or shrunk.any():
            waits = np.where(shrunk, waits - self.frame, waits)
            self._waits[slots] = np.where(grown, wanted, waits)

    def _wanted(self, slots: Slots) -> Slots:
        """How long received sound waits, in samples: whole frames."""
        frames = -(-self.delay.target(slots) // FRAME_MS)
        return frames.astype(np.int64) * self.frame

    def _release(self, slots: Slots) -> tuple[Slots, Frames]:
        positions, frames, missing = self.rings.release(slots)
        gone: Mask = np.all(missing, axis=1)
        lost = self._lost[slots]
        if missing.any():
            frames[missing] = 0
            self._fill(slots, positions, frames, gone)
        back = np.flatnonzero(~gone & (lost > 0) & (lost < plc.LOST_FRAMES_MAX))
        if back.size:
            history = self._before(slots[back], positions[back], lost[back])
            frames[back] = plc.join(history, lost[back], frames[back], self.rate)
        self._lost[slots] = np.where(gone, lost + 1, 0)
        return positions, frames

    def _fill(self, slots: Slots, positions: Slots, frames: Frames, gone: Mask) -> None:
        """Make up for lost frames: what went before, then silence; or the comfort asked for."""
        lost, noise = self._lost[slots], self._noise[slots]
        quiet = gone & (noise > 0)
        if quiet.any():
            frames[quiet] = comfort.noise(noise[quiet], self._generator, self.frame)
        rows = np.flatnonzero(gone & ~quiet & (lost < plc.LOST_FRAMES_MAX))[:CONCEALED_MAX]
        if rows.size:
            history = self._before(slots[rows], positions[rows], lost[rows])
            frames[rows] = plc.conceal(history, lost[rows], self.rate)
            self.rings.amend(slots[rows], positions[rows], frames[rows])
            self.concealed[slots[rows]] += 1

    def _before(self, slots: Slots, positions: Slots, lost: NDArray[np.int32]) -> Frames:
        """What was heard before a loss."""
        count = plc.HISTORY_MS * self.rate // 1_000
        return self.rings.spans(slots, positions - lost * self.frame, count)


NOBODY = np.empty(0, np.int64)
