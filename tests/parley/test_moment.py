import pytest

from parley import moment
from parley.moment import Moment

ZERO_US = 1_772_373_600_000_000  # 2026-03-01T14:00:00Z.


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("812", Moment(seq=812)),
        ("+3.5s", Moment(at_us=ZERO_US + 3_500_000)),
        ("+0.000001", Moment(at_us=ZERO_US + 1)),
        ("14:00:07", Moment(at_us=ZERO_US + 7_000_000)),
        ("2026-03-01T14:00:00Z", Moment(at_us=ZERO_US)),
        ("2026-03-01T15:00:00.25+01:00", Moment(at_us=ZERO_US + 250_000)),
        ("2026-03-01 14:00", Moment(at_us=ZERO_US)),
    ],
)
def test_a_moment_is_a_place_a_distance_an_hour_or_a_time(text: str, wanted: Moment) -> None:
    assert moment.parse(text, ZERO_US) == wanted


@pytest.mark.parametrize("text", ["", "soon", "-3s", "3.5", "25:00:00", "+", "2026-13-01T00:00:00"])
def test_what_is_no_moment_is_told_how_to_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="seconds after the answer"):
        moment.parse(text, ZERO_US)


def test_what_is_shown_can_be_asked_for() -> None:
    shown = moment.after(ZERO_US + 12_500_000, ZERO_US)
    assert shown == "+12.5s"
    assert moment.parse(shown, ZERO_US) == Moment(at_us=ZERO_US + 12_500_000)
    assert moment.clock(ZERO_US + 1_500) == "2026-03-01T14:00:00.001Z"
