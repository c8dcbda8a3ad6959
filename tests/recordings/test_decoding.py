"""Claims about audio of others: what is decoded, and what is refused while it is."""

import io
import random
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from recordings import decoding
from recordings.decoding import NotDecoded
from recordings.vault import wav_header

RATE = 16_000
ENOUGH = 60 * RATE


def tone(seconds: int = 1) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (8_000 * np.sin(2 * np.pi * 440 * np.arange(RATE * seconds) / RATE)).astype(np.int16)


def wav(pcm: bytes, channels: int = 1, rate: int = RATE) -> bytes:
    return wav_header(len(pcm), channels, rate) + pcm


def coded(codec: str, container: str, rate: int) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as made:
        stream = made.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(stream.format.name, "mono", rate, stream.frame_size or 960)
        frame = AudioFrame.from_ndarray(tone()[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for one in [*resampler.resample(frame), *resampler.resample(None)]:
            made.mux(stream.encode(one))
        made.mux(stream.encode(None))
    return file.getvalue()


def test_wav_comes_out_to_the_bit() -> None:
    rate, sound = decoding.tracks(wav(tone().tobytes()), "audio/x-wav; codecs=1", ENOUGH)
    assert (rate, sound) == (RATE, [tone().tobytes()])


@pytest.mark.parametrize(
    ("codec", "container", "rate", "mediatype"),
    [
        ("libopus", "ogg", 48_000, "audio/ogg"),
        ("libmp3lame", "mp3", 44_100, "audio/mpeg"),
        ("pcm_mulaw", "wav", 8_000, "audio/wav"),
    ],
)
def test_what_calls_are_kept_in_is_decoded(
    codec: str, container: str, rate: int, mediatype: str
) -> None:
    found, (pcm,) = decoding.tracks(coded(codec, container, rate), mediatype, ENOUGH)
    samples = np.frombuffer(pcm, np.int16).astype(float)
    assert abs(len(samples) / found - 1) < 0.2
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(int(spectrum.argmax()) * found / len(samples) - 440) < 5


@pytest.mark.parametrize(
    ("content", "mediatype", "why"),
    [
        (wav(tone().tobytes()), "audio/flac", "none of WAV"),
        (wav(tone().tobytes()), "audio/ogg", "cannot be read as ogg"),
        (b"", "audio/wav", "cannot be read"),
        (wav(b""), "audio/wav", "no sound|cannot be read"),
        (wav(bytes(60), channels=3), "audio/wav", "are not a call"),
        (wav(bytes(60), rate=4_000), "audio/wav", "are not a call"),
        (coded("pcm_s32le", "wav", 16_000), "audio/wav", "not one that we open"),
    ],
)
def test_what_is_not_listed_is_refused(content: bytes, mediatype: str, why: str) -> None:
    with pytest.raises(NotDecoded, match=why):
        decoding.tracks(content, mediatype, ENOUGH)


def test_more_than_may_be_is_refused_while_it_is_decoded() -> None:
    with pytest.raises(NotDecoded, match="longer than a call"):
        decoding.tracks(coded("libopus", "ogg", 48_000), "audio/ogg", RATE // 2)


@pytest.mark.parametrize("seed", range(40))
def test_noise_is_refused_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(coded("pcm_mulaw", "wav", 8_000)[:2_000])
    for _ in range(chance.randrange(1, 40)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    try:
        _, sound = decoding.tracks(bytes(content), "audio/wav", ENOUGH)
    except NotDecoded:
        return
    assert 1 <= len(sound) <= 2 and all(len(one) <= 2 * ENOUGH for one in sound)
