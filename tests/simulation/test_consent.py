"""A real store and keystore, killed at any instant of consent and recording: nothing is recorded
that nobody agreed to, and nothing acknowledged is lost."""

import pytest

from tests.simulation.command import simulate
from tests.simulation.consent import KILLS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_kills_record_nothing_that_nobody_agreed_to() -> None:
    done = simulate("--tier", "consent", "--seed", "1", "--seeds", str(50 // KILLS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "50 kills" in done.stdout.splitlines()[-1]
