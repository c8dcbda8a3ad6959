"""Gates are open while the node says that its store commits, and not a frame longer."""

from typing import cast

import pytest

from media.bank.recorder import GRACE_TENTHS
from media.commands import LEASE_MS
from media.gates import CLOSED, LEASE_LOST, LOST_A_TICK, SPREAD_US
from media.plane import LEGS_MAX, Plane
from media.seal import GateMark, SealJob
from media.units import FRAME_US, pcm
from tests.media.line import EPOCH, Network, gate, gate_epoch, lease, noise, opening, play, ticked

LEASE_US = LEASE_MS * 1_000


def recorded(jobs: list[SealJob | GateMark], epoch: int) -> dict[str, tuple[int, int]]:
    """From when to when, in microseconds, each party is to be sealed under an epoch."""
    found: dict[str, tuple[int, int]] = {}
    for job in jobs:
        if isinstance(job, SealJob) and job.chunk.epoch == epoch:
            party, end = job.chunk.track.party, job.at_us + len(job.chunk.samples) * 125
            begin = found.get(party, (job.at_us, 0))[0]
            found[party] = (begin, end)
    return found


def marks(jobs: list[SealJob | GateMark]) -> list[tuple[int, str]]:
    return [(job.epoch, job.reason) for job in jobs if isinstance(job, GateMark)]


@pytest.fixture
def recording() -> Network:
    """Both ends speak, and the far one is recorded since 40 ms."""
    network = Network()
    network.near.command(play("near", "u", False), pcm(noise(9_000)), network.now)
    network.far.command(play("far", "v", False), pcm(noise(9_000, 2)), network.now)
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(40)
    return network


@pytest.mark.parametrize("ran_ms", [20, 400, 2_300])
def test_a_gate_is_open_until_the_lease_ends_to_the_sample(recording: Network, ran_ms: int) -> None:
    recording.run(ran_ms)
    recording.is_leased = False
    ends = recording.now + LEASE_US
    recording.run(LEASE_MS - 20)
    assert gate_epoch(recording.far, "far") == 1
    recording.run(20)
    assert gate_epoch(recording.far, "far") is None
    recording.run(2_000)
    jobs = recording.far.take_jobs()
    assert marks(jobs) == [(1, LEASE_LOST)]
    assert recorded(jobs, 1) == {"caller": (EPOCH, ends), "agent": (EPOCH, ends)}
    (told,) = cast(list[dict[str, object]], recording.far.hello().header["legs"])
    assert told["lease_lost"]


def test_who_renews_in_time_loses_nothing(recording: Network) -> None:
    recording.is_leased = False
    for _ in range(12):
        recording.run(LEASE_MS - 20)
        recording.far.command(lease(recording.now), b"", recording.now)
    recording.far.command({"cmd": "close_gate", "leg": "far"}, b"", recording.now)
    jobs = recording.far.take_jobs()
    assert marks(jobs) == [(1, CLOSED)]
    assert set(recorded(jobs, 1).values()) == {(EPOCH, recording.now)}


def test_a_renewal_that_comes_late_opens_nothing_and_the_next_gate_has_a_gap(
    recording: Network,
) -> None:
    recording.is_leased = False
    ends = recording.now + LEASE_US
    recording.run(3_000)
    recording.is_leased = True
    recording.run(500)
    assert gate_epoch(recording.far, "far") is None
    back = recording.now
    recording.far.command(gate("far", 2, EPOCH), b"", back)
    recording.run(1_000)
    recording.far.command({"cmd": "close_gate", "leg": "far"}, b"", recording.now)
    jobs = recording.far.take_jobs()
    assert marks(jobs) == [(1, LEASE_LOST), (2, CLOSED)]
    assert recorded(jobs, 1)["caller"] == (EPOCH, ends)
    assert recorded(jobs, 2)["caller"] == (back, recording.now)


def test_a_process_that_was_stopped_itself_seals_nothing_of_after_the_lease(
    recording: Network,
) -> None:
    """All that came meanwhile waits in its sockets: renewals, of before the node died, too."""
    ends = recording.now + LEASE_US
    sent = recording.now
    recording.now += 5_000_000
    recording.far.command(lease(sent + 200_000), b"", recording.now)
    ticked(recording.far, recording.now)
    jobs = recording.far.take_jobs()
    assert marks(jobs) == [(1, LEASE_LOST)]
    assert recorded(jobs, 1)["agent"][1] <= ends
    recording.far.command(gate("far", 2, EPOCH), b"", recording.now)
    assert gate_epoch(recording.far, "far") is None, "that renewal is old"


def test_no_gate_opens_without_a_lease_and_the_node_is_told() -> None:
    network = Network(is_leased=False)
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    assert gate_epoch(network.far, "far") is None
    assert network.far.take_jobs() == [GateMark("far", 1, LEASE_LOST)]
    network.far.command(lease(network.now), b"", network.now)
    network.far.command(gate("far", 2, EPOCH), b"", network.now)
    assert gate_epoch(network.far, "far") == 2


@pytest.mark.parametrize(
    ("since", "ms", "holds_ms"),
    [
        (EPOCH, 1_000, 1_000),
        (EPOCH, 300, 300),
        (EPOCH - 900_000, 1_000, 100),
        (EPOCH + 3_600_000_000, 1_000, 1_000),
        (EPOCH, 1_001, 0),
        (EPOCH - 1_000_000, 1_000, 0),
    ],
    ids=["whole", "shorter", "seen earlier", "of the future", "too long", "over"],
)
def test_a_lease_counts_from_when_the_store_was_seen_and_is_never_longer_than_asked(
    since: int, ms: int, holds_ms: int
) -> None:
    network = Network(is_leased=False)
    network.far.command(lease(since, ms), b"", network.now)
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    held = 0
    while gate_epoch(network.far, "far") is not None:
        network.run(20)
        held += 20
    assert held == holds_ms


def test_the_clock_of_a_plane_may_be_ahead_of_the_one_leases_count_by() -> None:
    plane = Plane("boot", clock_us=EPOCH - 1_000_000)
    plane.add_port(4_000, "10.0.0.1", EPOCH)
    network = Network(far=plane, is_leased=False)
    plane.command(lease(1_000_000 - 400_000), b"", network.now)
    plane.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(580)
    assert gate_epoch(plane, "far") == 1
    network.run(20)
    assert gate_epoch(plane, "far") is None


def test_a_gate_closed_to_be_forgotten_seals_nothing_more(recording: Network) -> None:
    recording.run(2_000)
    sealed = len([job for job in recording.far.take_jobs() if isinstance(job, SealJob)])
    assert sealed == 2, "a chunk of each, the rest is not due"
    recording.run(200)
    recording.far.command({"cmd": "close_gate", "leg": "far", "drop": True}, b"", recording.now)
    recording.run(3_000)
    jobs = recording.far.take_jobs()
    assert jobs == [GateMark("far", 1, CLOSED)]
    recording.far.command(gate("far", 2, EPOCH), b"", recording.now)
    began = recording.now
    recording.run(2_000)
    again = [job for job in recording.far.take_jobs() if isinstance(job, SealJob)]
    assert min(job.at_us for job in again) == began
    assert all(job.chunk.samples.any() for job in again)


def test_what_was_cut_in_the_same_breath_is_dropped_too(recording: Network) -> None:
    """Cut by a tick, and not yet handed to the sealer when the command is read."""
    recording.run(1_460)
    recording.far.take_jobs()
    recording.now += FRAME_US
    recording.far.command(lease(recording.now), b"", recording.now)
    ticked(recording.far, recording.now)
    recording.far.command({"cmd": "close_gate", "leg": "far", "drop": True}, b"", recording.now)
    assert recording.far.take_jobs() == [GateMark("far", 1, CLOSED)]


def test_a_thousand_gates_are_closed_a_few_in_a_tick_and_none_seals_more() -> None:
    plane, legs = Plane("boot"), 1_000
    plane.command(lease(EPOCH), b"", EPOCH)
    for n in range(legs):
        plane.add_port(4_000 + 2 * n, "h", EPOCH)
        plane.command(opening(f"l{n}", ("192.0.2.1", 9), port=4_000 + 2 * n), b"", EPOCH)
        plane.command(gate(f"l{n}", 1, EPOCH), b"", EPOCH)
    lost: list[int] = []
    ends: set[int] = set()
    for tick in range(1, 100):
        ticked(plane, EPOCH + tick * FRAME_US)
        if tick == 60:
            now = EPOCH + tick * FRAME_US
            plane.command({"cmd": "close_gate", "leg": "l999"}, b"", now)
        jobs = plane.take_jobs()
        lost.append(len(marks(jobs)))
        ends |= {j.at_us + len(j.chunk.samples) * 125 for j in jobs if isinstance(j, SealJob)}
    assert sum(lost) == legs
    assert max(lost) <= LOST_A_TICK
    assert sum(lost[:49]) == 0
    assert sum(lost[: 49 + SPREAD_US // FRAME_US]) == legs
    assert max(ends) == EPOCH + LEASE_US
    assert LEGS_MAX <= LOST_A_TICK * (SPREAD_US // FRAME_US + 1)
    assert SPREAD_US + FRAME_US <= GRACE_TENTHS * 100_000
