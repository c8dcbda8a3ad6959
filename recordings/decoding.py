"""Audio of others as 16-bit PCM at a rate of ours: few containers, few codecs, and never too much.

What is decoded was made by a stranger: the container is the one that its media type names, and no
other is tried; a codec that is not listed is not opened; more than is allowed is refused while it
is decoded, so that a small file cannot unpack to a large one.
"""

import io
from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import FFmpegError

from recordings.vault import RATES, SAMPLE_BYTES

CONTAINERS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-mp3": "mp3",
}
CODECS = ("pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_f32le", "pcm_mulaw", "pcm_alaw")
COMPRESSED = ("opus", "libopus", "mp3", "mp3float")
CHANNELS_MAX = 2
SOURCE_RATES = range(8_000, 192_001)
BYTES_MAX = 64 * 1024 * 1024
PROBE_BYTES = 1024 * 1024


class NotDecoded(ValueError):
    """This is no audio that we take; the message says why."""


def tracks(content: bytes, mediatype: str, samples_max: int) -> tuple[int, list[bytes]]:
    """The rate (8 or 16 kHz), and the PCM of each channel.

    Raises NotDecoded for what is not listed, is broken, or has more than `samples_max` samples.
    """
    container = CONTAINERS.get(mediatype.partition(";")[0].strip().lower())
    if container is None:
        raise NotDecoded(f"{mediatype[:40]!r} is none of WAV, Ogg with Opus, and MP3")
    if len(content) > BYTES_MAX:
        raise NotDecoded(f"one recording has at most {BYTES_MAX // 1024 // 1024} MB")
    options = {"probesize": str(PROBE_BYTES), "protocol_whitelist": "pipe"}
    try:
        with av.open(io.BytesIO(content), "r", format=container, options=options) as opened:
            return _read(opened, samples_max)
    except (FFmpegError, ValueError, OverflowError, MemoryError, IndexError) as error:
        if isinstance(error, NotDecoded):
            raise
        raise NotDecoded(f"it cannot be read as {container}") from error


def _read(opened: InputContainer, samples_max: int) -> tuple[int, list[bytes]]:
    if len(opened.streams.audio) != 1 or len(opened.streams) != 1:
        raise NotDecoded("a recording has one stream of audio, and nothing else")
    stream = opened.streams.audio[0]
    codec, channels, rate = stream.codec_context.name, stream.channels, stream.rate
    if codec not in (*CODECS, *COMPRESSED):
        raise NotDecoded(f"codec {codec[:40]!r} is not one that we open")
    if not 1 <= channels <= CHANNELS_MAX or rate not in SOURCE_RATES:
        raise NotDecoded(f"{channels} channels at {rate} Hz are not a call")
    ours = RATES[0] if rate == RATES[0] else RATES[1]
    layout = "mono" if channels == 1 else "stereo"
    resampler = av.AudioResampler("s16", layout, ours)
    found = bytearray()
    for frame in _frames(opened):
        for one in resampler.resample(frame):
            found += one.to_ndarray().tobytes()
        if len(found) > samples_max * channels * SAMPLE_BYTES:
            raise NotDecoded("it is longer than a call can be")
    samples = np.frombuffer(bytes(found), np.int16).reshape(-1, channels)
    if not len(samples):
        raise NotDecoded("there is no sound in it")
    return ours, [np.ascontiguousarray(samples[:, at]).tobytes() for at in range(channels)]


def _frames(opened: InputContainer) -> Iterator[AudioFrame | None]:
    yield from opened.decode(audio=0)
    yield None
