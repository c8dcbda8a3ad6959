"""A recording as a file that any player takes: RIFF WAVE, or Opus in Ogg (RFC 7845)."""

from collections.abc import Iterable
from fractions import Fraction
from typing import BinaryIO, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from recordings import vault
from recordings.playing import Span

OPUS_RATE = 48_000
"""Opus counts at 48 kHz, whatever it carries (RFC 7845 section 4)."""

BIT_RATES = {1: 24_000, 2: 32_000}
"""By the number of channels."""

FRAME_SAMPLES = 960
OPTIONS = {"application": "audio", "frame_duration": "20", "vbr": "on"}
# Two exports of one recording are the same bytes: the serial number is not drawn by chance.
CONTAINER = {"fflags": "bitexact"}
LAYOUTS: dict[int, Literal["mono", "stereo"]] = {1: "mono", 2: "stereo"}


def write_wav(file: BinaryIO, blocks: Iterable[bytes], span: Span, channels: int) -> None:
    """16-bit PCM at the rate of the recording."""
    frame = vault.SAMPLE_BYTES * channels
    file.write(vault.wav_header((span.end - span.begin) * frame, channels, span.rate))
    for block in blocks:
        file.write(block)


def write_opus(file: BinaryIO, blocks: Iterable[bytes], span: Span, channels: int) -> None:
    """As long as the recording, to the sample: what the encoder needs before its first one is
    told as pre-skip, and the last page ends where the recording does."""
    layout = LAYOUTS[channels]
    with av.open(file, "w", format="ogg", container_options=CONTAINER) as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE, options=OPTIONS, layout=layout)
        stream.bit_rate = BIT_RATES[channels]
        resampler = av.AudioResampler("s16", layout, OPUS_RATE, FRAME_SAMPLES)
        position = 0
        for block in blocks:
            samples = np.frombuffer(block, np.int16)[None]
            frame = AudioFrame.from_ndarray(samples, format="s16", layout=layout)
            frame.sample_rate, frame.pts = span.rate, position
            frame.time_base = Fraction(1, span.rate)
            position += samples.shape[1] // channels
            _encode(container, stream, [*resampler.resample(frame)])
        _encode(container, stream, [*resampler.resample(None), None])


def _encode(
    container: OutputContainer,
    stream: AudioStream,
    frames: Iterable[AudioFrame | None],
) -> None:
    for frame in frames:
        container.mux(stream.encode(frame))


WRITERS = {"wav": write_wav, "opus": write_opus}
SUFFIXES = {"wav": "wav", "opus": "ogg"}
MEDIATYPES = {"wav": "audio/x-wav", "opus": "audio/ogg"}
"""As the draft of vCons names them."""
