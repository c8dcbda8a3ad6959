"""A real process, killed at any instant: counters are successes, effects are done once."""

import pytest

from tests.simulation.command import simulate
from tests.simulation.kill import KILLS


def test_five_kills_lose_nothing_and_do_nothing_twice() -> None:
    done = simulate("--tier", "kill", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_lose_nothing_and_do_nothing_twice() -> None:
    done = simulate("--tier", "kill", "--seed", "100", "--seeds", str(100 // KILLS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 kills" in done.stdout.splitlines()[-1]
