import numpy as np
import pytest

from conversation.speech.resample import resample


def tone(hertz: float, rate: int, seconds: float = 1.0) -> bytes:
    time = np.arange(int(rate * seconds)) / rate
    samples = np.rint(10_000 * np.sin(2 * np.pi * hertz * time)).astype("<i2")
    return bytes(samples.tobytes())


def level(pcm: bytes) -> float:
    """RMS of the middle, away from the edges."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return float(np.sqrt(np.square(middle).mean()))


@pytest.mark.parametrize("hertz", [100, 1_000, 3_000, 3_400])
def test_a_tone_of_the_telephone_band_keeps_its_level(hertz: int) -> None:
    resampled = resample(tone(hertz, 22_050), 22_050, 8_000)

    assert len(resampled) == 2 * 8_000
    assert level(resampled) == pytest.approx(10_000 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("hertz", [4_200, 5_000, 9_000])
def test_a_tone_above_the_band_leaves_no_alias(hertz: int) -> None:
    assert level(resample(tone(hertz, 22_050), 22_050, 8_000)) < 3


def test_a_tone_stays_where_it_is_in_time() -> None:
    resampled = np.frombuffer(resample(tone(440, 22_050), 22_050, 8_000), dtype="<i2")
    expected = np.frombuffer(tone(440, 8_000), dtype="<i2")

    assert np.abs(resampled[200:-200].astype(int) - expected[200:-200]).max() < 20


def test_there_and_back_is_the_same_sound() -> None:
    before = tone(1_000, 8_000)

    after = resample(resample(before, 8_000, 16_000), 16_000, 8_000)

    assert (
        np.abs(np.frombuffer(after, "<i2")[99:-99] - np.frombuffer(before, "<i2")[99:-99]).max()
        < 20
    )


def test_full_scale_is_clipped_and_does_not_wrap_around() -> None:
    square = np.tile(np.repeat([32_767, -32_768], 50), 50).astype("<i2")

    wide = np.frombuffer(resample(square.tobytes(), 8_000, 16_000), dtype="<i2")

    assert (np.sign(wide[20:80]) == 1).all()


def test_nothing_stays_nothing() -> None:
    assert resample(b"", 22_050, 8_000) == b""
