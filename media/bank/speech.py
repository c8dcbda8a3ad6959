"""When callers speak: the frames of all legs in, starts and ends of speech out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from media.bank.memory import NEVER, Frames, Levels, Mask, Slots, lazily, windows
from media.bank.ring import HISTORY_FRAMES, Rings
from media.units import FRAME_MS
from media.vad import (
    ENERGY_FLOOR,
    HANGOVER_MS,
    ONSET_MS,
    PREROLL_MS,
    QUIET_FRAMES_IN_RUN,
    SEGMENT_MS_MAX,
    TAIL_MS,
    Detector,
    SpeechEnded,
    SpeechStarted,
)

ONSET_FRAMES = ONSET_MS // FRAME_MS
HANGOVER_FRAMES = HANGOVER_MS // FRAME_MS
PREROLL_FRAMES = PREROLL_MS // FRAME_MS
TAIL_FRAMES = TAIL_MS // FRAME_MS
SEGMENT_FRAMES_MAX = SEGMENT_MS_MAX // FRAME_MS
RECALLED_FRAMES_MAX = HISTORY_FRAMES - 1

Found = list[tuple[int, SpeechStarted | SpeechEnded]]


def energies(frames: Frames) -> Levels:
    """The mean square of each frame."""
    wide = frames.astype(np.float32)
    means: Levels = np.einsum("ij,ij->i", wide, wide) / frames.shape[1]
    return means


class Speech:
    """`media.vad.Segmenter` for many legs: Python only where somebody begins or ends."""

    def __init__(
        self, slots: int, rate: int, rings: Rings, detector: Callable[[], Detector]
    ) -> None:
        self._rate, self._frame, self._rings = rate, rate // 50, rings
        self._new_detector = detector
        self._is_speech: NDArray[np.object_] = np.full(slots, None, np.object_)
        """What a detector of each leg says of bytes at a rate."""
        self._run = np.zeros(slots, np.int64)
        self._run_start = np.zeros(slots, np.int64)
        self._quiet = np.zeros(slots, np.int64)
        self._floor = np.full(slots, NEVER, np.int64)
        self._speaking = np.zeros(slots, np.bool_)
        self._start = np.zeros(slots, np.int64)
        self._count = np.zeros(slots, np.int64)
        self._voiced_end = np.full(slots, NEVER, np.int64)
        # Half a second more than the longest segment: the pre-roll may be as long.
        self._blocks: Frames = lazily((slots, rate * SEGMENT_MS_MAX // 1_000 + rate), np.int16)
        self._places = windows(self._blocks, self._frame)
        self.listening = np.zeros(slots, np.bool_)

    def open(self, slot: int) -> None:
        self._is_speech[slot] = self._new_detector().is_speech
        self.listening[slot] = False
        self.reset(slot)

    def close(self, slot: int) -> None:
        self._is_speech[slot] = None

    def reset(self, slot: int) -> None:
        """Forget all audio and begin anew."""
        self._run[slot] = self._quiet[slot] = 0
        self._speaking[slot] = False
        self._voiced_end[slot] = NEVER
        self._floor[slot] = self._rings.cursor[slot]

    def is_quiet(self, slots: Slots) -> Mask:
        """Who has not been speaking just now."""
        return self._quiet[slots] >= QUIET_FRAMES_IN_RUN

    def push(
        self, slots: Slots, positions: Slots, frames: Frames, wordless: Mask | None = None
    ) -> tuple[Found, Slots]:
        """The next frame of each slot. What begins and ends, and who speaks just now.

        `wordless`: what is known to be no speech, however it sounds.
        """
        unset = self._floor[slots] == NEVER
        if unset.any():
            self._floor[slots[unset]] = positions[unset]
        voiced = self._voiced(slots, frames)
        if wordless is not None:
            voiced &= ~wordless
        run = self._follow(slots, positions, voiced)
        found: Found = []
        speaking = self._speaking[slots]
        rows = np.flatnonzero(speaking)
        if rows.size:
            found += self._go_on(slots[rows], positions[rows], frames[rows], voiced[rows])
        talking = run >= ONSET_FRAMES
        for n in np.flatnonzero(talking & ~speaking).tolist():
            found.append(self._begin(int(slots[n]), int(positions[n])))
        return found, slots[talking]

    def _voiced(self, slots: Slots, frames: Frames) -> Mask:
        voiced = np.zeros(len(slots), np.bool_)
        loud = np.flatnonzero(energies(frames) >= ENERGY_FLOOR)
        # One call for all of them, both times: one for each takes as long as half a detector.
        detectors: list[Callable[[bytes, int], bool]] = self._is_speech[slots[loud]].tolist()
        sounds: list[bytes] = frames[loud].view(f"V{2 * self._frame}")[:, 0].tolist()
        pairs = zip(detectors, sounds, strict=True)
        voiced[loud] = [is_speech(sound, self._rate) for is_speech, sound in pairs]
        return voiced

    def _follow(self, slots: Slots, positions: Slots, voiced: Mask) -> Slots:
        run = self._run[slots]
        fresh = voiced & (run == 0)
        if fresh.any():
            self._run_start[slots[fresh]] = positions[fresh]
        quiet = np.where(voiced, 0, self._quiet[slots] + 1)
        run = np.where(quiet >= QUIET_FRAMES_IN_RUN, 0, run + voiced)
        self._run[slots], self._quiet[slots] = run, quiet
        return run

    def _begin(self, slot: int, position: int) -> tuple[int, SpeechStarted]:
        earliest = max(
            int(self._run_start[slot]) - PREROLL_FRAMES * self._frame, int(self._floor[slot])
        )
        now = position + self._frame
        count = min(-((earliest - now) // self._frame), RECALLED_FRAMES_MAX)
        start = now - count * self._frame
        self._speaking[slot] = True
        self._start[slot], self._count[slot], self._voiced_end[slot] = start, count, now
        if self.listening[slot]:
            length = count * self._frame
            self._blocks[slot, :length] = self._rings.span(slot, start, length)
        return slot, SpeechStarted(int(self._run_start[slot]))

    def _go_on(self, slots: Slots, positions: Slots, frames: Frames, voiced: Mask) -> Found:
        kept = self.listening[slots]
        at = slots * self._blocks.shape[1] + self._count[slots] * self._frame
        self._places[at[kept]] = frames[kept]
        self._count[slots] += 1
        ends = positions + self._frame
        self._voiced_end[slots[voiced]] = ends[voiced]
        full = self._count[slots] >= SEGMENT_FRAMES_MAX
        over = full | (self._quiet[slots] >= HANGOVER_FRAMES)
        found: Found = []
        for n in np.flatnonzero(over).tolist():
            slot, end = int(slots[n]), int(ends[n])
            found += self._ended(slot)
            if full[n]:
                # Still speaking: the segment is cut, and the next one begins with the next frame.
                self._start[slot], self._count[slot] = end, 0
            else:
                self._speaking[slot] = False
                recalled = end - PREROLL_FRAMES * self._frame
                self._floor[slot] = max(recalled, int(self._start[slot]))
        return found

    def _ended(self, slot: int) -> Found:
        voiced_end, start = int(self._voiced_end[slot]), int(self._start[slot])
        self._voiced_end[slot] = NEVER
        if voiced_end == NEVER:
            return []  # Nothing but the hangover after a cut.
        spoken = -((start - voiced_end) // self._frame) + TAIL_FRAMES
        length = min(spoken, int(self._count[slot])) * self._frame
        samples = self._blocks[slot, :length].copy() if self.listening[slot] else EMPTY
        return [(slot, SpeechEnded(start, start + length, samples))]


EMPTY = np.zeros(0, np.int16)
