import numpy as np

from media.recorder import GRACE_SAMPLES, STALL_SAMPLES_MAX, Gate
from tests.media.line import AGENT_KEY, CALLER_KEY, noise

BOTH = (CALLER_KEY, AGENT_KEY)


def test_what_was_captured_before_the_gate_opened_is_not_in_it() -> None:
    gate = Gate("c", 1, 100, BOTH)
    gate.write_received(0, noise(20))
    chunk = gate.close(1_000)[0]
    assert chunk.first_sample == 100
    assert np.array_equal(chunk.samples[:60], noise(20)[100:])
    assert not chunk.samples[60:].any()


def test_each_party_has_its_own_track_on_the_same_timeline() -> None:
    gate = Gate("c", 1, 0, BOTH)
    gate.write_received(160, noise(20, seed=1))
    gate.write_sent(320, noise(20, seed=2))
    caller, agent = gate.close(8_000)
    assert (caller.track, agent.track) == BOTH
    assert np.array_equal(caller.samples[160:320], noise(20, seed=1))
    assert np.array_equal(agent.samples[320:480], noise(20, seed=2))
    assert np.count_nonzero(caller.samples) <= 160


def test_a_party_without_a_key_is_not_written_anywhere() -> None:
    gate = Gate("c", 1, 0, (AGENT_KEY,))
    gate.write_received(0, noise(1_000))
    (chunk,) = gate.close(8_000)
    assert not chunk.samples.any()


def test_a_chunk_waits_for_late_packets() -> None:
    gate = Gate("c", 1, 0, (CALLER_KEY,))
    assert gate.due(8_000 + GRACE_SAMPLES - 1) == []
    gate.write_received(7_840, noise(20))
    (chunk,) = gate.due(8_000 + GRACE_SAMPLES)
    assert np.array_equal(chunk.samples[7_840:], noise(20))
    assert (chunk.n, chunk.first_sample) == (0, 0)


def test_closing_seals_the_rest_and_nothing_beyond_now() -> None:
    gate = Gate("c", 1, 0, (CALLER_KEY,))
    gate.write_received(0, noise(1_200))
    chunks = gate.close(9_000)
    assert [(c.n, c.first_sample, len(c.samples)) for c in chunks] == [
        (0, 0, 8_000),
        (1, 8_000, 1_000),
    ]
    assert np.array_equal(np.concatenate([c.samples for c in chunks]), noise(1_200)[:9_000])


def test_a_gate_closed_before_its_grant_begins_seals_nothing() -> None:
    assert Gate("c", 1, 16_000, BOTH).close(8_000) == []


def test_an_hour_without_ticks_is_not_sealed_as_an_hour_of_silence() -> None:
    gate = Gate("c", 1, 0, (CALLER_KEY,))
    chunks = gate.due(3_600 * 8_000)
    assert len(chunks) < STALL_SAMPLES_MAX // 8_000
    assert [c.n for c in chunks] == list(range(len(chunks)))
