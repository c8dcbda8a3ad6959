"""One stream through a codec of FFmpeg's libraries: payloads and samples, mono, nothing else."""

from collections.abc import Mapping
from contextlib import suppress
from ctypes import CDLL
from fractions import Fraction
from pathlib import Path
from typing import Literal, SupportsBytes, TypeAlias, cast

import av
import numpy as np
from av import AudioFrame, Packet
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError

from media.units import Samples

Name: TypeAlias = Literal["g722", "libopus"]


def stay_on_one_thread() -> None:
    """Have FFmpeg's libraries see one processor.

    Each encoder has a filter graph before it, which starts as many threads as there are
    processors, and PyAV does not let one choose: a thousand legs would be thousands of threads.
    """
    bundled = Path(av.__file__).parents[1].glob("av.libs/libavutil*")
    ours = next(bundled, f"libavutil.so.{av.library_versions['libavutil'][0]}")
    # Where the library has another name, streams work as well, only with more threads.
    with suppress(OSError, AttributeError):
        CDLL(str(ours)).av_cpu_force_count(1)


stay_on_one_thread()


class Decoding:
    """A decoder at `rate` Hz."""

    def __init__(self, name: Name, rate: int) -> None:
        self._context = _context(name, "r", rate)

    def decode(self, payload: bytes) -> Samples:
        """The samples of a payload. ValueError if it is malformed; the stream goes on."""
        try:
            frames = self._context.decode(Packet(payload))
        except FFmpegError as error:
            raise ValueError(f"{self._context.name} payload: {error.strerror}") from error
        if not frames:
            raise ValueError(f"{self._context.name} payload holds no audio")
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


class Encoding:
    """An encoder at `rate` Hz for frames of equal length."""

    def __init__(
        self, name: Name, rate: int, bit_rate: int, options: Mapping[str, str] | None = None
    ) -> None:
        self._context = _context(name, "w", rate)
        self._context.time_base = Fraction(1, rate)
        self._context.bit_rate = bit_rate
        self._context.options = dict(options or {})
        self._position = 0

    def encode(self, samples: Samples) -> bytes:
        """The payload of a frame of int16."""
        frame = AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._context.sample_rate, self._position
        self._position += len(samples)
        packets = cast("list[SupportsBytes]", self._context.encode(frame))
        return b"".join(map(bytes, packets))


def _context(name: Name, mode: Literal["r", "w"], rate: int) -> AudioCodecContext:
    context = AudioCodecContext.create(name, mode)
    context.sample_rate, context.layout, context.format = rate, "mono", "s16"
    return context
