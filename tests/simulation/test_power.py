"""The store on a disk that fails and loses power: nothing acknowledged is lost, ever."""

import pytest

from tests.simulation.command import simulate

FAST_SEEDS = 24
SLOW_SEEDS = 300
CUTS_A_SEED = 7


def test_what_was_acknowledged_survives_whatever_the_disk_does() -> None:
    done = simulate("--seeds", str(FAST_SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_thousand_power_cuts_lose_nothing() -> None:
    assert SLOW_SEEDS * CUTS_A_SEED >= 2_000
    done = simulate("--seed", "1000", "--seeds", str(SLOW_SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SLOW_SEEDS * CUTS_A_SEED} cuts" in done.stdout.splitlines()[-1]


def test_the_same_seed_is_the_same_run_in_every_process() -> None:
    one, other = [simulate("--seed", "5", hash_seed=seed).stdout for seed in ("1", "2")]
    assert "trace" in one
    assert one.splitlines()[0] == other.splitlines()[0]


def test_another_seed_is_another_run() -> None:
    traces = {line.split()[-1] for line in simulate("--seeds", "4").stdout.splitlines()[:4]}
    assert len(traces) == 4


def test_a_replaced_writer_acknowledges_nothing() -> None:
    done = simulate("--tier", "fence", "--seeds", "20")
    assert done.returncode == 0, done.stdout + done.stderr
