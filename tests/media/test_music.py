import numpy as np

from media.music import PEAK, hold_music


def test_the_loop_is_quiet_whole_and_without_a_seam() -> None:
    for rate in (8_000, 16_000):
        loop = hold_music(rate)
        assert len(loop) == 8 * rate
        assert np.abs(loop).max() <= PEAK
        # The step from the end to the beginning is no bigger than those within.
        steps = np.abs(np.diff(loop.astype(int)))
        assert abs(int(loop[0]) - int(loop[-1])) <= steps.max()
        # There is no second of silence in it.
        assert np.abs(loop.reshape(8, -1)).max(axis=1).min() > 500
