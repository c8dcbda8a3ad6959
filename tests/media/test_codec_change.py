"""A leg whose codec changes, also to another rate: nothing that was said is lost or shifted."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from media.codecs import CODECS, Codec
from media.gates import CODEC_CHANGED, CONTINUED
from media.plane import Plane
from media.recorder import Chunk
from media.resample import resample
from media.rtp import RtpPacket
from media.seal import GateMark, SealJob
from media.units import FRAME_US, Samples, pcm
from tests.media.line import EPOCH, deliver, gate, lease, opening, play, ticked, voice

HOST = ("192.0.2.1", 14_000)
PORT = 4_000
FRAMES = 150
CHANGE_AT, FOLLOWED_AT = 70, 78
"""The other side changes when it has our answer, which takes a while."""
CODECS_MS_MAX = 12
"""What codecs and filters may delay."""
SILENT = 50
OFF_MS = 13
"""Packets come in between our ticks."""


def spoken() -> Samples:
    return np.tile(voice(1_000), 3)[: FRAMES * 160]


def packets(before: Codec, after: Codec) -> Iterator[RtpPacket]:
    """Somebody says all of it, in one codec and then in the other."""
    encoders = {codec: codec.encoder() for codec in (before, after)}
    ticks = 4_000_000_000
    for n in range(FRAMES):
        codec = before if n < FOLLOWED_AT else after
        sound = resample(spoken(), 8_000, codec.rate).reshape(FRAMES, codec.frame_samples)[n]
        yield RtpPacket(
            codec.payload_type, n, ticks & 0xFFFF_FFFF, 7, encoders[codec].encode(sound)
        )
        ticks += codec.frame_ticks


def called(before: Codec, after: Codec, epoch: int | None) -> list[SealJob | GateMark]:
    """What is sealed of a call that is recorded from its beginning."""
    plane = Plane("boot")
    plane.add_port(PORT, "10.0.0.1", EPOCH)
    names = {"payload_type": before.payload_type, "codec": before.name}
    plane.command(opening("l", HOST, port=PORT, **names), b"", EPOCH)
    plane.command(lease(EPOCH), b"", EPOCH)
    plane.command(gate("l", 1, EPOCH), b"", EPOCH)
    plane.command(play("l", "u", False), pcm(spoken()), EPOCH)
    for n, packet in enumerate(packets(before, after)):
        now = EPOCH + (n + 1) * FRAME_US
        plane.command(lease(now), b"", now)
        ticked(plane, now)
        if n == CHANGE_AT:
            names = {"payload_type": after.payload_type, "codec": after.name, "gate_epoch": epoch}
            plane.command(opening("l", HOST, port=PORT, **names), b"", now + 5_000)
        deliver(plane, PORT, [(packet.serialize(), HOST)], now + OFF_MS * 1_000)
    plane.command({"cmd": "close", "leg": "l"}, b"", EPOCH + (FRAMES + 2) * FRAME_US)
    return plane.take_jobs()


def track(jobs: Sequence[SealJob | GateMark], party: str) -> Samples:
    """A party's chunks at 8 kHz, each where it belongs; they leave no gap and do not overlap."""
    chunks = [
        job.chunk for job in jobs if isinstance(job, SealJob) and job.chunk.track.party == party
    ]
    assert [one.epoch for one in chunks] == sorted(one.epoch for one in chunks)
    at_us, parts = began_us(chunks[0]), list[Samples]()
    for chunk in chunks:
        assert abs(began_us(chunk) - at_us) < 1_000
        at_us = began_us(chunk) + len(chunk.samples) * 1_000_000 // chunk.rate
        parts.append(resample(chunk.samples, chunk.rate, 8_000))
    return np.concatenate(parts)


def began_us(chunk: Chunk) -> int:
    return chunk.first_sample * 1_000_000 // chunk.rate


def alike(first: int, last: int, whole: Samples) -> tuple[float, int]:
    """How alike these frames are to what is in the track; by how much it is late, in ms.

    Looked for up to 20 ms before and 60 ms after their place.
    """
    part = spoken()[first * 160 : last * 160].astype(float)
    room = whole[first * 160 - 160 : last * 160 + 480].astype(float)
    found = np.correlate(room, part)
    power = np.convolve(room**2, np.ones(len(part)), "valid")
    likeness = found / np.sqrt(power * np.sum(part**2) + 1)
    best = int(np.argmax(likeness))
    return float(likeness[best]), (best - 160) // 8


def longest_silence_ms(samples: Samples) -> int:
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > SILENT)
    return int(np.diff(loud).max()) // 8


@pytest.mark.parametrize(
    ("before", "after"),
    [("PCMU", "G722"), ("G722", "PCMA"), ("PCMA", "opus"), ("opus", "PCMU"), ("G722", "opus")],
)
def test_a_recording_goes_on_over_a_change_of_the_codec(before: str, after: str) -> None:
    one, other = CODECS[before], CODECS[after]
    jobs = called(one, other, 2)
    crosses = one.rate != other.rate
    marks = [(job.epoch, job.reason) for job in jobs if isinstance(job, GateMark)]
    assert marks == ([(1, CONTINUED), (2, "closed")] if crosses else [(1, "closed")])
    rates = {job.chunk.epoch: job.chunk.rate for job in jobs if isinstance(job, SealJob)}
    assert rates == ({1: one.rate, 2: other.rate} if crosses else {1: one.rate})
    for party, late_ms in (("agent", 20), ("caller", 20 + OFF_MS)):
        kept = track(jobs, party)
        # Before, with the former codec meanwhile, and with the new one.
        for first, last in ((10, 60), (CHANGE_AT + 2, FOLLOWED_AT - 1), (90, 140)):
            likeness, at_ms = alike(first, last, kept)
            assert likeness > 0.8, (party, first)
            assert late_ms - 1 <= at_ms <= late_ms + CODECS_MS_MAX, (party, first, at_ms)
        assert longest_silence_ms(kept[(CHANGE_AT - 10) * 160 : 100 * 160]) <= CODECS_MS_MAX, party


def test_a_gate_without_a_next_epoch_closes_where_the_rate_changes() -> None:
    jobs = called(CODECS["PCMU"], CODECS["G722"], None)
    marks = [(job.epoch, job.reason) for job in jobs if isinstance(job, GateMark)]
    assert marks == [(1, CODEC_CHANGED)]
