"""Two planes joined in memory, on virtual time."""

from random import Random

import numpy as np
import pytest

from media.dtmf import EVENT
from media.plane import LEGS_MAX, Plane
from media.ports import PortLeft, PortReleased, PortTaken
from media.rtp import RtpPacket
from media.seal import (
    GateMark,
    Sealed,
    SealFailed,
    SealJob,
)
from media.units import FRAME_US, Samples, pcm
from media.wire import encode
from tests.media.line import (
    AGENT_KEY,
    CALLER_KEY,
    EPOCH,
    Network,
    deliver,
    events,
    gate,
    lease,
    named,
    noise,
    opening,
    play,
    ticked,
    voice,
)

KEYS = {track.party: track.key_id for track in (CALLER_KEY, AGENT_KEY)}


def sealed_track(jobs: list[SealJob | GateMark], party: str) -> tuple[int, Samples]:
    """Where a party's recording begins, and its samples, all to be sealed under its key."""
    chunks = [j.chunk for j in jobs if isinstance(j, SealJob) and j.chunk.track.party == party]
    assert {chunk.track.key_id for chunk in chunks} == {KEYS[party]}
    return chunks[0].first_sample, np.concatenate([chunk.samples for chunk in chunks])


def offset_of(needle: Samples, hay: Samples) -> int:
    """Where a signal begins in a recording: the peak of their correlation."""
    size = 1 << (len(hay) + len(needle)).bit_length()
    spectrum = np.fft.rfft(hay.astype(float), size) * np.conj(
        np.fft.rfft(needle.astype(float), size)
    )
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(hay)]))


def test_what_one_plane_plays_the_other_hears() -> None:
    network = Network()
    network.far.command({"cmd": "listen", "leg": "far", "on": True}, b"", network.now)
    network.run(500)
    network.near.command(play("near", "u"), pcm(voice(1_000)), network.now)
    began = network.now
    network.run(2_500)
    (heard,) = named(events(network.far), "heard")
    start, end = heard.header["at_us"], heard.header["end_us"]
    assert isinstance(start, int)
    assert isinstance(end, int)
    assert abs(start - (began - 300_000)) <= 40_000
    assert len(heard.payload) == (end - start) // 125 * 2
    (played,) = named(events(network.near), "played")
    assert (played.header["played_ms"], played.header["interrupted"]) == (1_000, False)


def test_who_may_not_listen_sends_nothing_that_was_said() -> None:
    network = Network()
    network.near.command(play("near", "u"), pcm(voice(1_000)), network.now)
    network.run(500)
    network.far.command({"cmd": "listen", "leg": "far", "on": True}, b"", network.now)
    permitted = network.now
    network.run(2_500)
    (heard,) = named(events(network.far), "heard")
    assert isinstance(heard.header["at_us"], int)
    assert heard.header["at_us"] >= permitted - 100_000


def test_the_caller_interrupts_within_200_ms_of_beginning_to_speak() -> None:
    network = Network()
    network.far.command(play("far", "prompt"), pcm(noise(5_000)), network.now)
    network.run(1_000)
    network.near.command(play("near", "but", False), pcm(voice(1_000)), network.now)
    began = network.now + FRAME_US
    while not (played := named(events(network.far), "played")):
        network.run(20)
        assert network.now - began < 1_000_000
    assert network.now - began <= 200_000
    assert (played[0].header["utterance"], played[0].header["interrupted"]) == ("prompt", True)


def test_a_notice_that_may_not_be_interrupted_is_not() -> None:
    network = Network()
    network.far.command(play("far", "notice", interruptible=False), pcm(noise(2_000)), network.now)
    network.near.command(play("near", "but", False), pcm(voice(1_000)), network.now)
    network.run(3_000)
    (played,) = named(events(network.far), "played")
    assert (played.header["played_ms"], played.header["interrupted"]) == (2_000, False)


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_keys_arrive_once_through_loss_and_jitter(loss: float) -> None:
    network = Network(seed=5, jitter_us=60_000, loss=loss)
    network.run(200)
    network.near.command(
        {"cmd": "dtmf", "leg": "near", "digits": "4711", "duration_ms": 160}, b"", 0
    )
    network.run(2_000)
    digits = [event.header["digit"] for event in named(events(network.far), "dtmf")]
    assert "".join(map(str, digits)) == "4711"


@pytest.mark.parametrize(("seed", "jitter_us"), [(1, 0), (2, 20_000), (3, 40_000)])
def test_both_tracks_lie_where_they_were_sent_and_heard(seed: int, jitter_us: int) -> None:
    network = Network(seed=seed, jitter_us=jitter_us)
    network.run(500)
    network.far.command(gate("far", 1, network.now), b"", network.now)
    network.run(300)
    spoken, said = noise(1_500, seed=1), noise(1_500, seed=2)
    began = (network.now + FRAME_US - EPOCH) // 125
    network.near.command(play("near", "spoken", False), pcm(spoken), network.now)
    network.far.command(play("far", "said", False), pcm(said), network.now)
    network.run(3_000)
    network.far.command({"cmd": "close_gate", "leg": "far"}, b"", network.now)
    jobs = network.far.take_jobs()
    assert isinstance(jobs[-1], GateMark)
    first, agent = sealed_track(jobs, "agent")
    assert first + offset_of(said, agent) == began
    first, caller = sealed_track(jobs, "caller")
    delay = first + offset_of(spoken, caller) - began
    assert 0 <= delay <= 160 + network.delay_us // 125
    if jitter_us == 0:
        assert delay == network.delay_us // 125


def test_no_frame_is_sealed_that_was_captured_before_the_grant() -> None:
    network = Network()
    network.near.command(play("near", "u", False), pcm(noise(3_000)), network.now)
    network.run(1_000)
    granted = network.now + 333_125
    network.far.command(gate("far", 1, granted), b"", network.now)
    network.run(3_000)
    first, _ = sealed_track(network.far.take_jobs(), "caller")
    assert first * 125 + EPOCH == granted


def test_after_the_gate_is_closed_nothing_is_sealed() -> None:
    network = Network()
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(1_000)
    network.far.command({"cmd": "close_gate", "leg": "far"}, b"", network.now)
    closed = (network.now - EPOCH) // 125
    jobs = network.far.take_jobs()
    assert all(
        job.chunk.first_sample + len(job.chunk.samples) <= closed
        for job in jobs
        if isinstance(job, SealJob)
    )
    network.run(3_000)
    assert network.far.take_jobs() == []


def test_a_gate_is_closed_as_of_the_moment_that_the_node_names() -> None:
    network = Network()
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(1_000)
    suspended = network.now
    network.run(300)  # The command takes its time on a busy machine.
    close = {"cmd": "close_gate", "leg": "far", "until": suspended}
    network.far.command(close, b"", network.now)
    jobs = [job for job in network.far.take_jobs() if isinstance(job, SealJob)]
    ends = [job.chunk.first_sample + len(job.chunk.samples) for job in jobs]
    assert max(ends) == (suspended - EPOCH) // 125


def test_a_gate_epoch_is_never_used_twice() -> None:
    network = Network()
    network.far.command(gate("far", 2, EPOCH), b"", network.now)
    network.far.command({"cmd": "close_gate", "leg": "far"}, b"", network.now)
    network.far.command(gate("far", 2, EPOCH), b"", network.now)
    (refused,) = named(events(network.far), "refused")
    assert "used before" in str(refused.header["reason"])


def test_a_gate_with_a_higher_epoch_follows_the_open_one() -> None:
    network = Network()
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(1_000)
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.far.command(gate("far", 2, EPOCH), b"", network.now)
    switched = (network.now - EPOCH) // 125
    network.run(2_000)
    chunks = [j.chunk for j in network.far.take_jobs() if isinstance(j, SealJob)]
    before = [c for c in chunks if c.epoch == 1]
    after = [c for c in chunks if c.epoch == 2]
    assert {c.first_sample + len(c.samples) for c in before} == {switched}
    assert min(c.first_sample for c in after) == switched
    assert named(events(network.far), "refused") == []


@pytest.mark.parametrize("refusal", ["queue", "disk"])
def test_what_cannot_be_sealed_closes_the_gate_and_says_so(refusal: str) -> None:
    network = Network()
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(1_600)
    job = network.far.take_jobs()[0]
    assert isinstance(job, SealJob)
    if refusal == "queue":
        network.far.seal_refused(job)
    else:
        network.far.sealed(SealFailed(job, "disk full"))
    (mark,) = network.far.take_jobs()
    assert isinstance(mark, GateMark)
    network.far.sealed(mark)
    network.run(3_000)
    assert network.far.take_jobs() == []
    (closed,) = named(events(network.far), "gate_closed")
    assert closed.header["epoch"] == 1
    assert closed.header["reason"] in ("the sealer's queue is full", "disk full")


def test_a_sealed_chunk_is_told_with_its_place_in_time() -> None:
    network = Network()
    network.far.command(gate("far", 1, EPOCH), b"", network.now)
    network.run(2_000)
    job = network.far.take_jobs()[0]
    assert isinstance(job, SealJob)
    network.far.sealed(Sealed(job, "00-0.seg", 16_016, "00", bytes(32), offset=300))
    (chunk,) = named(events(network.far), "chunk")
    place = [chunk.header[name] for name in ("path", "offset", "bytes", "rate")]
    assert place == ["00-0.seg", 300, 16_016, 8_000]
    first = chunk.header["first_sample"]
    assert isinstance(first, int)
    assert chunk.header["at_us"] == EPOCH + first * 125


def test_missed_ticks_are_skipped_on_the_clock_and_not_made_up_for() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", ("192.0.2.1", 9)), b"", EPOCH)
    (before,) = ticked(plane, EPOCH + FRAME_US)
    (after,) = ticked(plane, EPOCH + 11 * FRAME_US + 7_000)
    assert ticked(plane, EPOCH + 11 * FRAME_US + 9_000) == []
    first, second = RtpPacket.parse(before.data), RtpPacket.parse(after.data)
    assert (second.sequence - first.sequence) & 0xFFFF == 10
    assert (second.timestamp - first.timestamp) & 0xFFFF_FFFF == 1_600
    plane.take_transient()
    plane.tick(EPOCH + 10_000_000)
    (stats,) = named(plane.take_transient(), "stats")
    assert stats.header["missed_ticks"] == 9 + 488
    assert stats.header["late_ticks"] == 1


def test_a_plane_without_legs_ticks() -> None:
    plane = Plane("boot")
    assert ticked(plane, EPOCH + FRAME_US) == []
    deliver(plane, 4_000, [(b"nobody's", ("192.0.2.1", 9))], EPOCH)
    assert ticked(plane, EPOCH + 2 * FRAME_US) == []


def test_another_plane_goes_on_in_the_same_stream() -> None:
    sent: list[RtpPacket] = []
    for n in range(1, 7):
        if n in (1, 4):
            plane = Plane(f"boot-{n}")
            plane.add_port(4_000, "h", EPOCH)
            plane.command(opening("l", ("192.0.2.1", 9), port=4_000), b"", EPOCH)
        sent += [RtpPacket.parse(out.data) for out in ticked(plane, EPOCH + n * FRAME_US)]
    assert [p.sequence for p in sent] == [65_501, 65_502, 65_503, 65_504, 65_505, 65_506]
    assert {p.timestamp - 160 * n for n, p in enumerate(sent)} == {4_294_960_160}


def test_opening_again_answers_again_and_a_leg_without_a_port_waits_for_one() -> None:
    plane = Plane("boot")
    plane.command(opening("l", ("192.0.2.1", 9)), b"", EPOCH)
    assert plane.take_transient() == []
    assert plane.ports_wanted() == 3
    plane.add_port(4_000, "10.0.0.1", EPOCH)
    plane.command(opening("l", ("192.0.2.2", 9)), b"", EPOCH)
    opened = [
        (e.header["port"], e.header["address"]) for e in named(plane.take_transient(), "opened")
    ]
    assert opened == [(4_000, "10.0.0.1")] * 2
    assert plane.take_changes() == [PortTaken(4_000, "l", fresh=True)]
    assert ticked(plane, EPOCH + FRAME_US)[0].destination == ("192.0.2.2", 9)


def test_a_closed_leg_leaves_its_port_to_rest() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", ("192.0.2.1", 9)), b"", EPOCH)
    plane.take_changes()
    plane.command({"cmd": "close", "leg": "l"}, b"", EPOCH)
    assert plane.take_changes() == [PortLeft(4_000)]
    assert ticked(plane, EPOCH + FRAME_US) == []
    plane.tick(EPOCH + 10_000_000)
    assert plane.take_changes() == [PortReleased(4_000)]
    assert plane.hello().header["legs"] == []


def test_a_line_gone_silent_is_told_once() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", ("192.0.2.1", 9)), b"", EPOCH)
    for n in range(1, 3_001, 5):
        plane.tick(EPOCH + n * FRAME_US)
    (silent,) = named(events(plane), "silent")
    assert silent.header["seconds"] == 30


def test_silence_counts_anew_once_the_other_side_says_where_its_media_is() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", ("192.0.2.1", 9)), b"", EPOCH)
    for n in range(1, 1_601, 5):
        plane.tick(EPOCH + n * FRAME_US)
    plane.command(opening("l", ("192.0.2.2", 4_002)), b"", EPOCH)
    for n in range(1_601, 3_001, 5):
        plane.tick(EPOCH + n * FRAME_US)
    assert len(named(events(plane), "silent")) == 1
    for n in range(3_001, 3_301, 5):
        plane.tick(EPOCH + n * FRAME_US)
    # What nobody has acknowledged is told again.
    assert len(named(events(plane), "silent")) == 2


def test_keys_played_from_a_capture_are_heard_and_its_source_is_never_answered() -> None:
    network = Network()
    network.run(100)
    for n in range(10):
        data = RtpPacket(101, n, 7, 999, EVENT.pack(1, 10, 160 * n)).serialize()
        deliver(network.far, 5_000, [(data, ("10.0.0.1", 0))], network.now)
    audio = RtpPacket(0, 1, 0, 999, bytes(160)).serialize()
    deliver(network.far, 5_000, [(audio, ("10.0.0.1", 0))], network.now)
    (dtmf,) = named(events(network.far), "dtmf")
    assert dtmf.header["digit"] == "1"
    network.now += FRAME_US
    assert ticked(network.far, network.now)[0].destination == ("10.0.0.1", 4_000)


@pytest.mark.parametrize("seed", [4711])
def test_ten_thousand_hostile_datagrams_change_nothing_that_is_heard(seed: int) -> None:
    random = Random(seed)
    calm, stormy = Network(), Network()
    for network in (calm, stormy):
        network.run(100)
        network.far.command(gate("far", 1, network.now), b"", network.now)
        network.near.command(play("near", "u", False), pcm(noise(4_000)), network.now)
    model = RtpPacket(0, 1, 1, 1, bytes(160), csrcs=(1, 2), extension=(3, bytes(8))).serialize()
    for n in range(10_000):
        data = bytearray(
            model if random.random() < 0.7 else random.randbytes(random.randint(0, 300))
        )
        for _ in range(random.randint(0, 4)):
            if data:
                data[random.randrange(len(data))] = random.getrandbits(8)
        source = ("203.0.113.9", random.randint(0, 65_535))
        deliver(stormy.far, 5_000, [(bytes(data[: random.randint(0, 300)]), source)], stormy.now)
        if n % 100 == 99:
            calm.run(40)
            stormy.run(40)
    recorded = [sealed_track(network.far.take_jobs(), "caller") for network in (calm, stormy)]
    assert recorded[0][0] == recorded[1][0]
    assert np.array_equal(recorded[0][1], recorded[1][1])
    assert named(events(stormy.far), "dtmf") == []


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_datagrams_of_the_source_itself_do_not_crash_the_leg(seed: int) -> None:
    random = Random(seed)
    network = Network()
    network.run(100)
    network.far.command(gate("far", 1, network.now), b"", network.now)
    for n in range(5_000):
        kind = random.choice((0, 13, 101))
        sequence, timestamp, ssrc = (random.getrandbits(bits) for bits in (16, 32, 32))
        payload = random.randbytes(random.randint(0, 400))
        data = RtpPacket(kind, sequence, timestamp, ssrc, payload).serialize()
        deliver(network.far, 5_000, [(data, ("10.0.0.1", 4_000))], network.now)
        if n % 100 == 99:
            network.run(20)
    assert len(network.far.outbox) <= 1_024


def test_the_hello_of_a_full_plane_fits_into_one_header() -> None:
    plane = Plane("0123456789abcdef")
    plane.command(lease(EPOCH), b"", EPOCH)
    for n in range(LEGS_MAX + 1):
        leg = f"{n:064}"
        plane.add_port(60_000 + n, "h", EPOCH)
        plane.command(opening(leg, ("192.0.2.1", 9), port=60_000 + n), b"", EPOCH)
        plane.command(play(leg, leg), bytes(3_200), EPOCH)
        plane.command(gate(leg, 0xFFFF_FFFF, EPOCH), b"", EPOCH)
    assert len(plane.legs) == LEGS_MAX
    encode(plane.hello().header)


def test_a_refusal_never_outgrows_its_header() -> None:
    plane = Plane("boot")
    plane.command(opening("l", ("9" * 60_000, 9)), b"", EPOCH)
    plane.command({"cmd": "x" * 60_000, "leg": ["y" * 1_000] * 60}, b"", EPOCH)
    for event in plane.take_transient():
        assert len(encode(event.header)) < 1_000


def test_a_changed_codec_is_taken_over_and_the_stream_goes_on() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", ("192.0.2.1", 9)), b"", EPOCH)
    (before,) = ticked(plane, EPOCH + FRAME_US)
    changed = {"codec": "PCMA", "payload_type": 8, "epoch_us": EPOCH + 5, "ssrc": 5, "seq0": 9}
    plane.command(opening("l", ("192.0.2.1", 9), **changed), b"", EPOCH)
    (after,) = ticked(plane, EPOCH + 2 * FRAME_US)
    first, second = RtpPacket.parse(before.data), RtpPacket.parse(after.data)
    assert (second.sequence, second.ssrc) == (first.sequence + 1, first.ssrc)
    assert (second.payload_type, second.payload) == (8, b"\xd5" * 160)


def test_a_command_that_makes_no_sense_is_refused() -> None:
    plane = Plane("boot")
    for header in ({}, {"cmd": "play"}, {"cmd": ["x"]}, {"cmd": "listen", "leg": "no", "on": True}):
        plane.command(header, b"", EPOCH)
    assert len(named(plane.take_transient(), "refused")) == 4
