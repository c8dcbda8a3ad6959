"""WAV files: any 16-bit PCM in, 8 kHz mono out."""

import wave
from pathlib import Path

import numpy as np

from conversation.speech.engines import RATE
from conversation.speech.resample import resample
from media.units import from_pcm, pcm
from parley.caller.script import CallError, Say

SECONDS_MAX = 10 * 60
RATE_MIN, RATE_MAX = 4_000, 192_000


def read(name: str) -> Say:
    """A file to be said. Raises CallError."""
    path = Path(name)
    try:
        with wave.open(str(path), "rb") as file:
            return Say(_audio(file, path), path.name)
    except OSError as error:
        raise CallError(f"{path} cannot be read: {error.strerror}. Name a WAV file.") from error
    except (wave.Error, EOFError) as error:
        raise CallError(f"{path} is no WAV file we can read: {error}. {_convert(path)}") from error


def _audio(file: wave.Wave_read, path: Path) -> bytes:
    channels, rate, frames = file.getnchannels(), file.getframerate(), file.getnframes()
    if file.getsampwidth() != 2 or channels not in (1, 2) or not RATE_MIN <= rate <= RATE_MAX:
        raise CallError(f"{path} is not 16-bit PCM, mono or stereo. {_convert(path)}")
    if frames > SECONDS_MAX * rate:
        raise CallError(f"{path} is longer than {SECONDS_MAX} seconds. Cut it.")
    content = file.readframes(frames)
    whole = len(content) - len(content) % (2 * channels)
    samples = from_pcm(content[:whole]).reshape(-1, channels)
    if not len(samples):
        raise CallError(f"{path} has no audio in it. Name another WAV file.")
    mixed = np.rint(samples.mean(axis=1)).astype(np.int16)
    return resample(pcm(mixed), rate, RATE)


def _convert(path: Path) -> str:
    return f"Convert it: ffmpeg -i {path.name} -ac 1 -ar {RATE} -c:a pcm_s16le out.wav"


def write(path: Path, audio: bytes) -> None:
    """Save s16le 8 kHz. Raises CallError."""
    try:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(audio)
    except OSError as error:
        raise CallError(
            f"{path} cannot be written: {error.strerror}. Name another file with --save."
        ) from error
