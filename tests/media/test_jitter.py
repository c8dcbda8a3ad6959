from random import Random

import numpy as np

from media.jitter import DELAY_SAMPLES, JUMP_SAMPLES, SILENCE, JitterBuffer, Placement
from media.units import FRAME_SAMPLES
from tests.media.line import noise


def test_frames_come_out_in_order_whatever_order_they_came_in() -> None:
    sent = noise(1_000)
    starts = list(range(0, len(sent), FRAME_SAMPLES))
    Random(1).shuffle(starts)
    buffer = JitterBuffer()
    buffer.release(DELAY_SAMPLES - FRAME_SAMPLES)
    for start in starts + starts[:10]:
        buffer.put(start, sent[start : start + FRAME_SAMPLES])
    frames = buffer.release(DELAY_SAMPLES + len(sent) - FRAME_SAMPLES)
    out = np.concatenate([f.samples for f in frames if f.position >= 0])
    assert np.array_equal(out, sent)
    assert [f.position for f in frames][-1] == len(sent) - FRAME_SAMPLES


def test_packets_of_30_ms_are_cut_into_frames_of_20() -> None:
    sent = noise(600)
    buffer = JitterBuffer()
    for start in range(0, len(sent), 240):
        buffer.put(start, sent[start : start + 240])
    frames = buffer.release(DELAY_SAMPLES + len(sent) - FRAME_SAMPLES)
    assert np.array_equal(np.concatenate([f.samples for f in frames]), sent)


def test_a_lost_frame_is_concealed_by_fading_and_then_by_silence() -> None:
    buffer = JitterBuffer()
    buffer.put(0, noise(20))
    frames = buffer.release(DELAY_SAMPLES + 5 * FRAME_SAMPLES)
    assert [f.received for f in frames] == [True, False, False, False, False, False]
    assert np.array_equal(frames[1].samples, frames[0].samples >> 1)
    assert np.array_equal(frames[3].samples, frames[0].samples >> 3)
    assert frames[4].samples is SILENCE
    assert buffer.lost == 3


def test_a_frame_that_comes_after_its_release_is_counted_late() -> None:
    buffer = JitterBuffer()
    buffer.put(0, noise(20))
    buffer.release(DELAY_SAMPLES + 5 * FRAME_SAMPLES)
    buffer.put(FRAME_SAMPLES, noise(20))
    assert buffer.late == 1


def test_an_hour_without_ticks_is_not_made_up_for() -> None:
    buffer = JitterBuffer()
    buffer.release(0)
    assert len(buffer.release(3_600 * 8_000)) == 1


def test_the_place_of_a_packet_is_its_timestamp_not_its_arrival() -> None:
    placement = Placement()
    assert placement.place(1, 0xFFFF_FFFF - 159, 1_000) == 1_000
    assert placement.place(1, 160, 1_500) == 1_320
    assert placement.place(1, 0, 1_500) == 1_160


def test_a_packet_cannot_arrive_before_it_was_sent_so_the_anchor_moves() -> None:
    placement = Placement()
    placement.place(1, 0, 1_000)
    assert placement.place(1, 160, 1_010) == 1_010


def test_another_ssrc_and_a_timestamp_jump_are_anchored_anew() -> None:
    placement = Placement()
    placement.place(1, 0, 1_000)
    assert placement.place(2, 900_000, 1_160) == 1_160
    assert placement.place(2, 700_000, 1_320) == 1_320
    assert placement.place(2, 700_160, 1_480 + JUMP_SAMPLES + 1) == 1_481 + JUMP_SAMPLES


def test_a_sender_that_paused_its_timestamps_is_followed_after_200_ms() -> None:
    placement = Placement()
    placement.place(1, 0, 0)
    places = [placement.place(1, 160 * n, 8_000 + 160 * n) for n in range(1, 15)]
    assert places[0] == 160
    assert places[-1] == 8_000 + 160 * 14


def test_a_clock_that_drifts_either_way_stays_within_20_ms() -> None:
    for drift in (0.999, 1.001):
        placement = Placement()
        random = Random(3)
        errors = [
            placement.place(1, 160 * n, int(160 * n * drift) + random.randint(0, 100))
            - int(160 * n * drift)
            for n in range(5_000)
        ]
        assert max(errors) < 160
        assert min(errors) > -2 * 160
