"""What became of a test call."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from media.units import FRAME_MS, FRAME_SAMPLES, from_pcm
from media.vad import ENERGY_FLOOR


@dataclass(frozen=True, slots=True)
class CallReport:
    """`ended` says why, in words; times in seconds, durations from the answer on."""

    target: str
    answered: bool
    ended: str
    status: int | None
    """The SIP status of a call that was refused."""
    duration_s: float
    steps: int
    steps_done: int
    digits_sent: str
    speech_heard_s: float
    longest_gap_ms: int
    """The longest time in which no audio came between audio that came."""
    saved: str | None

    @property
    def completed(self) -> bool:
        """Whether all was said and pressed that the script asks for."""
        return self.answered and self.steps_done == self.steps

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "completed": self.completed}

    def __str__(self) -> str:
        if not self.answered:
            return f"Not answered: {self.ended}."
        lines = [f"Answered, {self.duration_s:.1f} s; {self.ended}."]
        if not self.completed:
            lines.append(f"Only {self.steps_done} of {self.steps} steps were done.")
        lines.append(f"Heard {self.speech_heard_s:.1f} s of speech.")
        if self.saved is not None:
            lines.append(f"Saved {self.saved}.")
        return " ".join(lines)


def speech_seconds(audio: bytes) -> float:
    """How much of s16le 8 kHz is not silence."""
    samples = from_pcm(audio)
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    loud = np.mean(frames.astype(np.float32) ** 2, axis=1) >= ENERGY_FLOOR
    return round(int(np.count_nonzero(loud)) * FRAME_MS / 1_000, 2)
