"""The clip of a spoken yes as bytes."""

import io

import av
import numpy as np
import pytest

from consent.clips import CLIP_BYTES_MAX, CLIP_MS_MAX, prepared


def tone(seconds: float, rate: int) -> bytes:
    at = np.arange(int(seconds * rate)) / rate
    return (8_000 * np.sin(2 * np.pi * 440 * at)).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_any_player_hears_what_was_said(rate: int) -> None:
    pcm = tone(1.5, rate)
    wav, duration_ms = prepared(pcm, rate)

    assert duration_ms == 1_500
    with av.open(io.BytesIO(wav), "r") as file:
        (stream,) = file.streams.audio
        assert (stream.codec_context.name, stream.rate) == ("pcm_mulaw", rate)
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(stream)])
    said = np.frombuffer(pcm, "<i2")
    assert len(heard) == len(said)
    assert np.abs(heard.astype(int) - said).max() < 300


def test_of_a_long_one_the_end_is_kept() -> None:
    pcm = bytes(2 * 8_000) + tone(CLIP_MS_MAX / 1_000, 8_000)
    wav, duration_ms = prepared(pcm, 8_000)

    assert duration_ms == CLIP_MS_MAX
    assert wav == prepared(tone(CLIP_MS_MAX / 1_000, 8_000), 8_000)[0]
    assert len(prepared(tone(9, 16_000), 16_000)[0]) == CLIP_BYTES_MAX


def test_what_was_said_over_the_question_is_no_part_of_it() -> None:
    assert prepared(tone(2, 8_000), 8_000, 500) == prepared(tone(2, 8_000)[8_000:], 8_000)


@pytest.mark.parametrize(("pcm", "rate", "from_ms"), [(b"", 8_000, 0), (bytes(160), 8_000, 20)])
def test_where_nothing_is_left_there_is_no_clip(pcm: bytes, rate: int, from_ms: int) -> None:
    with pytest.raises(ValueError, match="nothing was said"):
        prepared(pcm, rate, from_ms)


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        prepared(bytes(100), 44_100)
