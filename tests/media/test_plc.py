from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from media.plc import HISTORY_MS, LOST_FRAMES_MAX, conceal, join
from media.units import Samples
from tests.media.voices import snr_db, tone, voiced

RATES = [8_000, 16_000]
ALL_RUNS = np.arange(LOST_FRAMES_MAX + 2, dtype=np.int32)


def history(sound: Samples, end: int, rate: int) -> NDArray[np.int16]:
    """What was heard until `end`, as one leg."""
    return sound[None, end - rate * HISTORY_MS // 1_000 : end]


def concealed(sound: Samples, end: int, rate: int, runs: int = 1) -> Samples:
    """The frames in the place of `runs` lost ones."""
    past = history(sound, end, rate)
    frames = [conceal(past, np.array([run], np.int32), rate)[0] for run in range(runs)]
    return np.concatenate(frames)


def steps(sound: Samples) -> int:
    """The largest difference between neighbours."""
    return int(np.abs(np.diff(sound.astype(int))).max())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency", [70, 100, 125, 190])
def test_a_periodic_sound_goes_on_as_if_nothing_was_lost(rate: int, frequency: int) -> None:
    sound = tone(rate, frequency, 400) // 2 + tone(rate, 3 * frequency, 400) // 3
    end, half = rate // 5, rate // 100
    heard = concealed(sound, end, rate)
    assert snr_db(sound[end : end + half], heard[:half]) > 15


@pytest.mark.parametrize("rate", RATES)
def test_nothing_clicks_where_sound_ends_goes_on_and_comes_back(rate: int) -> None:
    frame = rate // 50
    for seed in range(10):
        sound = voiced(rate, 600, seed)
        end = 10 * frame
        for runs in range(1, LOST_FRAMES_MAX + 2):
            back = end + runs * frame
            lost = concealed(sound, end, rate, runs)
            past = history(sound, end, rate)
            after = join(past, np.array([runs], np.int32), sound[None, back : back + frame], rate)
            played = np.concatenate([sound[:end], lost, after[0], sound[back + frame :]])
            # A gap filled with zeros steps from the height of the sound, of up to 14,000.
            assert steps(played) < 1.5 * steps(sound)
            assert np.array_equal(after[0][frame // 2 :], sound[back + frame // 2 : back + frame])


@pytest.mark.parametrize("rate", RATES)
def test_it_is_full_for_10_ms_and_gone_after_60(rate: int) -> None:
    sound = tone(rate, 100, 400)
    heard = concealed(sound, rate // 5, rate, 5).astype(float)
    loudness = [np.sqrt(np.square(part).mean()) for part in heard.reshape(10, -1)]
    assert loudness[0] > 0.95 * 8_000 / np.sqrt(2)
    assert all(after < before for before, after in pairwise(loudness[:6]))
    assert not heard[6 * rate // 100 :].any()


def test_speech_is_closer_to_what_was_lost_than_silence_is() -> None:
    wins = 0
    for seed in range(40):
        sound = voiced(8_000, 600, seed)
        lost = slice(2_400, 2_560)
        spectra = [
            10 * np.log10(np.abs(np.fft.rfft(each * np.hanning(160))) ** 2 + 160_000)
            for each in (sound[lost], concealed(sound, 2_400, 8_000), np.zeros(160))
        ]
        original, guess, silence = spectra
        wins += np.square(original - guess).sum() < 0.5 * np.square(original - silence).sum()
    assert wins >= 36


@pytest.mark.parametrize("rate", RATES)
def test_many_legs_at_once_are_each_on_their_own(rate: int) -> None:
    sounds = [voiced(rate, 600, seed) for seed in range(20)]
    past = np.concatenate([history(sound, rate // 4, rate) for sound in sounds])
    run = np.arange(20, dtype=np.int32) % 4
    together = conceal(past, run, rate)
    assert together.shape == (20, rate // 50)
    assert together.dtype == np.int16
    for row in range(20):
        alone = conceal(past[row : row + 1], run[row : row + 1], rate)
        assert np.abs(alone[0].astype(int) - together[row]).max() <= 1


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("value", [0, 1, 32_767, -32_768])
def test_any_sound_can_be_concealed(rate: int, value: int) -> None:
    flat = np.full((len(ALL_RUNS), rate // 20), value, np.int16)
    heard = conceal(flat, ALL_RUNS, rate)
    assert np.abs(heard.astype(int)).max() <= abs(value)
    hard = np.random.default_rng(1).choice([-32_768, 32_767], flat.shape).astype(np.int16)
    assert conceal(hard, ALL_RUNS, rate)[:LOST_FRAMES_MAX].any()
    assert not conceal(hard, ALL_RUNS, rate)[LOST_FRAMES_MAX:].any()


def test_no_legs_are_no_frames() -> None:
    assert conceal(np.zeros((0, 400), np.int16), np.zeros(0, np.int32), 8_000).shape == (0, 160)


def test_a_run_without_end_stays_silent() -> None:
    past = history(tone(8_000, 100, 400), 1_600, 8_000)
    assert not conceal(past, np.array([2**31 - 1], np.int32), 8_000).any()
