"""When the caller speaks: frames in, segments of speech out."""

from collections import deque
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

from media.jitter import Frame
from media.units import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, SAMPLES_PER_MS, Samples, pcm

ONSET_MS = 100
HANGOVER_MS = 600
PREROLL_MS = 300
TAIL_MS = 200
SEGMENT_MS_MAX = 15_000
QUIET_FRAMES_IN_RUN = 3
ONSET_FRAMES_KEPT = 30
AGGRESSIVENESS = 2
ENERGY_FLOOR = 80.0 * 80.0
"""Mean square below which nothing is speech: about -52 dBFS."""


class Detector(Protocol):
    def is_speech(self, buf: bytes, sample_rate: int) -> bool: ...


def webrtc_detector() -> Detector:
    """WebRTC's detector. It has no type stubs, hence the import by name."""
    detector: Detector = import_module("webrtcvad").Vad(AGGRESSIVENESS)
    return detector


def mean_square(samples: Samples) -> float:
    wide = samples.astype(np.float32)
    return float(np.dot(wide, wide)) / len(samples)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    position: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """`samples` begin at `start`, some pre-roll before the speech, and end at `end`."""

    start: int
    end: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class SegmenterTimes:
    onset_ms: int = ONSET_MS
    hangover_ms: int = HANGOVER_MS
    preroll_ms: int = PREROLL_MS
    segment_ms_max: int = SEGMENT_MS_MAX


class Segmenter:
    """Push every frame in order; get the starts and ends of speech. Holds 15 s at most."""

    def __init__(self, detector: Detector, times: SegmenterTimes | None = None) -> None:
        self._detector = detector
        self._times = times or SegmenterTimes()
        kept = self._times.preroll_ms // FRAME_MS + ONSET_FRAMES_KEPT
        self._recent: deque[Frame] = deque(maxlen=kept)
        self._segment: list[Frame] | None = None
        self._voiced_end: int | None = None
        self._run_start = 0
        self._run = 0
        self._quiet = 0

    @property
    def speaking(self) -> bool:
        return self._segment is not None

    @property
    def run_ms(self) -> int:
        """How long the caller has been speaking just now, short breaks allowed."""
        return self._run * FRAME_MS

    def reset(self) -> None:
        """Forget all audio and begin anew."""
        self._recent.clear()
        self._segment, self._voiced_end = None, None
        self._run = self._quiet = 0

    def push(self, frame: Frame) -> list[SpeechStarted | SpeechEnded]:
        voiced = self._is_voiced(frame)
        self._count(frame, voiced)
        if self._segment is None:
            self._recent.append(frame)
            return self._begin() if self._run * FRAME_MS >= self._times.onset_ms else []
        self._segment.append(frame)
        if voiced:
            self._voiced_end = frame.position + FRAME_SAMPLES
        return self._end_if_due(self._segment)

    def _is_voiced(self, frame: Frame) -> bool:
        if mean_square(frame.samples) < ENERGY_FLOOR:
            return False
        return self._detector.is_speech(pcm(frame.samples), SAMPLE_RATE)

    def _count(self, frame: Frame, voiced: bool) -> None:
        if voiced:
            if self._run == 0:
                self._run_start = frame.position
            self._run += 1
            self._quiet = 0
            return
        self._quiet += 1
        if self._quiet >= QUIET_FRAMES_IN_RUN:
            self._run = 0

    def _begin(self) -> list[SpeechStarted | SpeechEnded]:
        earliest = self._run_start - self._times.preroll_ms * SAMPLES_PER_MS
        self._segment = [frame for frame in self._recent if frame.position >= earliest]
        self._recent.clear()
        self._voiced_end = self._segment[-1].position + FRAME_SAMPLES
        return [SpeechStarted(self._run_start)]

    def _end_if_due(self, segment: list[Frame]) -> list[SpeechStarted | SpeechEnded]:
        if len(segment) * FRAME_MS >= self._times.segment_ms_max:
            # Still speaking: the segment is cut, and the next one begins with the next frame.
            self._segment = []
            return self._ended(segment)
        quiet_ms = self._quiet * FRAME_MS
        if quiet_ms < self._times.hangover_ms:
            return []
        self._segment = None
        self._recent.extend(segment[-self._times.preroll_ms // FRAME_MS :])
        return self._ended(segment)

    def _ended(self, segment: list[Frame]) -> list[SpeechStarted | SpeechEnded]:
        if self._voiced_end is None:
            return []  # Nothing but the hangover after a cut.
        latest = self._voiced_end + TAIL_MS * SAMPLES_PER_MS
        self._voiced_end = None
        frames = [frame for frame in segment if frame.position < latest]
        samples = np.concatenate([frame.samples for frame in frames])
        return [SpeechEnded(frames[0].position, frames[-1].position + FRAME_SAMPLES, samples)]
