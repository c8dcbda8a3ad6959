import pytest

from media.codecs import CODECS
from media.mos import IMPAIRMENTS, mos, rating


def test_a_perfect_call_is_that_of_the_defaults_of_g107() -> None:
    # G.107: R = 93.2 is a MOS of 4.41. A frame of 20 ms costs half a point of R.
    assert rating(0, 0, -20_000, "PCMU") == pytest.approx(93.2)
    assert mos(0, 0, -20_000, "PCMU") == pytest.approx(4.41, abs=0.005)
    assert mos(0, 0, 0, "PCMU") == pytest.approx(4.40, abs=0.005)


@pytest.mark.parametrize(
    ("loss", "delay_ms", "r"),
    [
        (0.01, 0, 93.2 - 95 / 26.1),
        (0.05, 0, 93.2 - 95 * 5 / 30.1),
        (0, 150, 93.2 - 3.6),
        (0, 300, 93.2 - 7.2 - 0.11 * 122.7),
        (0.2, 400, 93.2 - 9.6 - 0.11 * 222.7 - 95 * 20 / 45.1),
    ],
)
def test_loss_and_delay_cost_what_the_formulas_say(loss: float, delay_ms: float, r: float) -> None:
    assert rating(loss, 0, 1_000 * delay_ms - 20_000, "PCMA") == pytest.approx(r)


# G.107 annex B, table B.1: R and the MOS it stands for, at the limits of its classes.
@pytest.mark.parametrize(
    ("r", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)]
)
def test_ratings_are_scored_like_table_b1(r: float, score: float) -> None:
    percent = 25.1 * (93.2 - r) / (95 - (93.2 - r))
    assert mos(percent / 100, 0, -20_000, "PCMU") == pytest.approx(score, abs=0.01)


def test_worse_is_never_better_and_never_below_1() -> None:
    for codec in CODECS:
        assert codec in IMPAIRMENTS
        by_loss = [mos(n / 100, 0, 50_000, codec) for n in range(101)]
        by_delay = [mos(0.02, 0, 10_000 * n, codec) for n in range(300)]
        by_jitter = [mos(0.02, 1_000 * n, 50_000, codec) for n in range(300)]
        for scores in (by_loss, by_delay, by_jitter):
            assert scores == sorted(scores, reverse=True)
            assert min(scores) >= 1
