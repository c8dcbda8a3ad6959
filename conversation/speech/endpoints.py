"""Where in an utterance the speech is: its frames by their energy."""

import numpy as np
from numpy.typing import NDArray

from conversation.speech.engines import RATE

FRAME_SAMPLES = RATE // 100
WINDOW_SAMPLES = 2 * FRAME_SAMPLES

# Speech stands out of the noise, and is not much fainter than its loudest part.
ABOVE_NOISE_DB = 10
BELOW_PEAK_DB = 25
# At the edges a faint consonant still counts.
EDGE_BELOW_PEAK_DB = 35
NOISE_PERCENTILE, PEAK_PERCENTILE = 10, 97

# What is fainter than -60 dB of full scale is no speech, however quiet the line is.
SPEECH_DB_MIN = 30

Levels = NDArray[np.float64]
Frames = NDArray[np.bool_]


def levels(pcm: bytes) -> Levels:
    """The energy in dB of each frame of 10 ms, over 20 ms."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    if len(samples) < WINDOW_SAMPLES:
        return np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::FRAME_SAMPLES]
    return np.asarray(10 * np.log10(np.square(windows).mean(axis=1) + 1), dtype=np.float64)


def speech_span(frames: Levels) -> tuple[int, int] | None:
    """First frame of speech, and the frame after the last. None if all is silent."""
    if not len(frames) or frames.max() < SPEECH_DB_MIN:
        return None
    noise, peak = np.percentile(frames, (NOISE_PERCENTILE, PEAK_PERCENTILE))
    edge = max(min(noise + ABOVE_NOISE_DB, peak - ABOVE_NOISE_DB), peak - EDGE_BELOW_PEAK_DB)
    speech = np.flatnonzero(frames > edge)
    return (int(speech[0]), int(speech[-1]) + 1) if len(speech) else None


def loud(frames: Levels) -> Frames:
    """The frames in which something is certainly said."""
    if not len(frames):
        return np.zeros(0, dtype=np.bool_)
    noise, peak = np.percentile(frames, (NOISE_PERCENTILE, PEAK_PERCENTILE))
    return np.asarray(frames > max(noise + ABOVE_NOISE_DB, peak - BELOW_PEAK_DB), dtype=np.bool_)


def cut(pcm: bytes, span: tuple[int, int], margin_ms: int) -> bytes:
    """The span with a margin on both sides, as far as there is one."""
    margin = margin_ms * RATE // 1000
    first = max(0, span[0] * FRAME_SAMPLES - margin)
    last = span[1] * FRAME_SAMPLES + FRAME_SAMPLES + margin
    return pcm[first * 2 : last * 2]
