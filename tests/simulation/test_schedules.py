"""The whole runtime in any order of events, through deaths at any await."""

import pytest

from tests.simulation.command import simulate

FAST_SEEDS = 40
SLOW_SEEDS = 250


def test_whatever_the_order_of_events_every_claim_holds() -> None:
    done = simulate("--tier", "schedules", "--seeds", str(FAST_SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_every_claim_holds_in_hundreds_of_runs() -> None:
    done = simulate("--tier", "schedules", "--seed", "1000", "--seeds", str(SLOW_SEEDS))
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr


def test_the_same_seed_is_the_same_schedule_in_every_process() -> None:
    words = ("--tier", "schedules", "--seed", "5", "--seeds", "3")
    one, other = [simulate(*words, hash_seed=seed) for seed in ("1", "2")]
    assert one.returncode == other.returncode == 0, one.stdout + other.stdout
    assert one.stdout.splitlines()[:3] == other.stdout.splitlines()[:3]


def test_another_seed_is_another_schedule() -> None:
    told = simulate("--tier", "schedules", "--seeds", "4").stdout
    assert len({line.split()[-1] for line in told.splitlines()[:4]}) == 4
