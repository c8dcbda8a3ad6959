"""The operator's hold music, or ours."""

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media.music import hold_music
from media.units import pcm
from parley.config import Config
from parley.music import MusicError, music_of


def with_music(path: Path | str) -> Config:
    config = Config()
    return replace(config, media=replace(config.media, hold_music=str(path)))


def test_without_a_file_it_is_ours() -> None:
    assert music_of(Config()) == pcm(hold_music())


def test_a_file_of_any_rate_and_in_stereo_is_played_as_long_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "waltz.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.full(2 * 44_100, 1_000, np.int16).tobytes())
    assert abs(len(music_of(with_music(path))) / 2 - 8_000) <= 1


@pytest.mark.parametrize("content", [None, b"no music"])
def test_a_file_that_cannot_be_played_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "waltz.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MusicError, match=r"hold_music: .*waltz\.wav"):
        music_of(with_music(path))
