import numpy as np
import pytest

from media.resample import LIVE_DELAY, Resampler, resample
from media.units import Samples
from tests.media.voices import best_snr_db, snr_db, tone, voiced

ONE = np.zeros(1, np.int32)
RATES = [(8_000, 16_000), (16_000, 8_000), (48_000, 16_000), (48_000, 8_000)]


def live(samples: Samples, rate: int, wanted: int, ms: float = 20) -> Samples:
    """The sound frame by frame."""
    resampler, frame = Resampler(1, rate, wanted), int(rate * ms / 1_000)
    starts = range(0, len(samples) - frame + 1, frame)
    return np.concatenate([resampler.run(ONE, samples[None, s : s + frame])[0] for s in starts])


@pytest.mark.parametrize(("rate", "wanted"), RATES)
def test_a_live_tone_in_the_pass_band_is_only_delayed(rate: int, wanted: int) -> None:
    for frequency in (200, 1_000, 3_000):
        heard = live(tone(rate, frequency, 400), rate, wanted)
        expected = tone(wanted, frequency, 400)
        delay = LIVE_DELAY * wanted // min(rate, wanted)
        settled = slice(4 * delay, len(expected) - delay)
        assert snr_db(expected[settled], heard[delay:][settled]) > 40


@pytest.mark.parametrize(
    ("rate", "wanted", "alias"), [(16_000, 8_000, 5_000), (48_000, 16_000, 9_500)]
)
def test_what_the_lower_rate_cannot_hold_is_filtered_off(
    rate: int, wanted: int, alias: int
) -> None:
    for heard in (
        live(tone(rate, alias, 400), rate, wanted)[400:],
        resample(tone(rate, alias, 400), rate, wanted)[400:-400],
    ):
        assert np.abs(heard).max() < 8_000 / 10 ** (50 / 20)


def test_frames_of_any_length_join_without_a_seam() -> None:
    sound = voiced(48_000, 600)
    whole = live(sound, 48_000, 16_000).astype(int)
    for ms in (2.5, 5, 10, 40, 60):
        # Products of other shapes are summed in another order, so a rounding may differ.
        assert np.abs(live(sound, 48_000, 16_000, ms) - whole).max() <= 1


def test_legs_do_not_hear_each_other_and_come_in_any_order() -> None:
    sounds = [voiced(8_000, 200, seed) for seed in range(5)]
    resampler = Resampler(8, 8_000, 16_000)
    heard: dict[int, list[Samples]] = {slot: [] for slot in range(5)}
    for n in range(10):
        slots = np.roll(np.arange(5), n)
        frames = np.stack([sounds[slot][160 * n : 160 * n + 160] for slot in slots])
        for slot, out in zip(slots.tolist(), resampler.run(slots, frames), strict=True):
            heard[slot].append(out)
    for slot, sound in enumerate(sounds):
        assert (
            np.abs(np.concatenate(heard[slot]) - live(sound, 8_000, 16_000).astype(int)).max() <= 1
        )


def test_a_slot_that_is_reset_has_no_past() -> None:
    resampler = Resampler(2, 8_000, 16_000)
    both, frames = np.arange(2), np.stack([tone(8_000, 440, 20)] * 2)
    first = resampler.run(both, frames)
    resampler.reset(np.array([1]))
    again = resampler.run(both, frames)
    assert np.array_equal(again[1], first[1])
    assert not np.array_equal(again[0], first[0])


def test_the_loudest_sound_is_clipped_and_does_not_wrap() -> None:
    square = np.where(tone(8_000, 300, 200) > 0, 32_767, -32_768).astype(np.int16)
    heard = live(square, 8_000, 16_000)[2 * LIVE_DELAY :: 2]
    assert (heard.max(), heard.min()) == (32_767, -32_768)
    assert np.array_equal(np.sign(heard), np.sign(square[: len(heard)]))


@pytest.mark.parametrize("rate", [22_050, 24_000, 48_000, 8_000, 16_000])
@pytest.mark.parametrize("wanted", [8_000, 16_000])
def test_a_whole_sound_is_neither_delayed_nor_changed(rate: int, wanted: int) -> None:
    heard = resample(tone(rate, 1_000, 500), rate, wanted)
    expected = tone(wanted, 1_000, 500)
    assert abs(len(heard) - len(expected)) <= 1
    assert snr_db(expected[200:-200], heard[200 : len(expected) - 200]) > 50


def test_speech_goes_up_and_comes_down_again() -> None:
    sound = voiced(8_000, 1_000)
    back = live(live(sound, 8_000, 16_000), 16_000, 8_000)
    delay, snr = best_snr_db(sound, back, 64)
    assert delay == 2 * LIVE_DELAY
    assert snr > 35
