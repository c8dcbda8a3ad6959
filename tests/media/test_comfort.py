import numpy as np
import pytest

from media.comfort import level, levels, noise


def test_levels_are_below_a_square_wave_of_full_scale() -> None:
    assert level(b"\x00") == pytest.approx(32_767)
    assert level(b"\x14") == pytest.approx(3_276.7)
    assert level(b"\x28\x10\x20") == pytest.approx(327.67)  # What colours the noise is left out.
    assert level(b"\xa8") == level(b"\x28")  # RFC 3389 section 3: the highest bit is 0.
    octets = np.array([0, 20, 40, 255], np.uint8)
    assert levels(octets).tolist() == [level(bytes([octet])) for octet in octets.tolist()]


def test_an_empty_payload_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="comfort noise"):
        level(b"")


def test_noise_has_its_level_and_differs_from_leg_to_leg() -> None:
    wanted = np.array([0, 30, 300, 3_000], np.float32)
    heard = noise(wanted, np.random.default_rng(1), 16_000)
    assert heard.shape == (4, 16_000)
    assert heard.dtype == np.int16
    for row, expected in zip(heard, wanted, strict=True):
        assert np.sqrt(np.square(row.astype(float)).mean()) == pytest.approx(expected, rel=0.03)
    assert abs(np.corrcoef(heard[2], heard[3])[0, 1]) < 0.05


def test_the_loudest_noise_is_clipped_and_does_not_wrap() -> None:
    loudest = noise(levels(np.zeros(1, np.uint8)), np.random.default_rng(1), 8_000)
    assert (loudest.min(), loudest.max()) == (-32_768, 32_767)
