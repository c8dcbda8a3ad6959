"""What is broken on purpose is found: a simulation that can not fail proves nothing."""

import pytest

from tests.simulation.command import simulate
from tests.simulation.controls import CONTROLS

SEEDS = 20


@pytest.mark.parametrize("name", [name for name, control in CONTROLS.items() if control.claims])
def test_what_is_broken_is_found_and_named(name: str) -> None:
    control = CONTROLS[name]
    done = simulate("--control", name, "--seed", str(control.first_seed), "--seeds", str(SEEDS))
    assert done.returncode == 1, done.stdout + done.stderr
    (violated,) = [line for line in done.stdout.splitlines() if line.startswith("VIOLATED: ")]
    assert violated.removeprefix("VIOLATED: ").startswith(control.claims), violated


@pytest.mark.parametrize("name", [name for name, one in CONTROLS.items() if not one.claims])
def test_the_honest_twin_of_the_broken_holds(name: str) -> None:
    done = simulate("--control", name, "--seeds", str(SEEDS // 2))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failure_says_what_was_drawn_and_how_to_see_it_again() -> None:
    told = simulate("--control", "acknowledged-before-commit").stdout
    assert "drawn: Mix(" in told
    again = told.splitlines()[-1].removeprefix("again: python -m tests.simulation ")
    assert simulate(*again.split()).stdout == told
