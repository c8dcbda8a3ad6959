"""A media process dies in mid-word: its successor goes on in the same streams, both ways."""

import numpy as np
import pytest

from media.codecs import CODECS, Codec
from media.plane import Plane
from media.resample import resample
from media.rtp import RtpPacket
from media.seal import SealJob
from media.units import FRAME_MS, FRAME_US, Samples, pcm
from tests.media.line import EPOCH, deliver, gate, lease, opening, play, ticked, voice

HOST = ("192.0.2.1", 14_000)
PORT = 4_000
FRAMES, DIES_AT, BACK_AT = 200, 80, 95
SETTLED = 5
"""Frames until a codec with a memory has forgotten what it missed."""
ALIKE = 0.95
"""An encoder of Opus that begins anew decides otherwise than one which has run for long."""


def spoken() -> Samples:
    return np.tile(voice(1_000), 5)[: FRAMES * 160]


def leg(codec: Codec) -> dict[str, object]:
    names = {"codec": codec.name, "payload_type": codec.payload_type}
    return opening("l", HOST, port=PORT, **names)


def begun(codec: Codec, now: int) -> Plane:
    plane = Plane(f"boot-{now}")
    plane.add_port(PORT, "10.0.0.1", now)
    plane.command(leg(codec), b"", now)
    return plane


def said(codec: Codec) -> list[RtpPacket | None]:
    """What goes out in each tick; nothing while nobody has the leg."""
    sent: list[RtpPacket | None] = []
    plane = begun(codec, EPOCH)
    plane.command(play("l", "u", False), pcm(spoken()), EPOCH)
    for n in range(1, FRAMES + 1):
        now = EPOCH + n * FRAME_US
        if n == BACK_AT:
            plane = begun(codec, now)
            since = {**play("l", "u", False), "from_ms": (n - 1) * FRAME_MS}
            plane.command(since, pcm(spoken()), now)
        if DIES_AT <= n < BACK_AT:
            sent.append(None)
        else:
            (out,) = ticked(plane, now)
            sent.append(RtpPacket.parse(out.data))
    return sent


def alike(one: Samples, other: Samples) -> float:
    a, b = one.astype(float), other.astype(float)
    return float(np.sum(a * b) / np.sqrt(np.sum(a**2) * np.sum(b**2) + 1))


@pytest.mark.parametrize("codec", ["PCMU", "G722", "opus"])
def test_the_stream_goes_on_where_the_clock_is(codec: str) -> None:
    known = CODECS[codec]
    packets = [(n, packet) for n, packet in enumerate(said(known)) if packet is not None]
    first = packets[0][1]
    for n, packet in packets:
        assert packet.ssrc == first.ssrc
        assert packet.sequence == (first.sequence + n) & 0xFFFF
        assert packet.timestamp == (first.timestamp + n * known.frame_ticks) & 0xFFFF_FFFF
        assert packet.payload_type == known.payload_type


@pytest.mark.parametrize("codec", ["PCMU", "G722", "opus"])
def test_the_other_side_hears_on_with_the_decoder_that_it_has(codec: str) -> None:
    known = CODECS[codec]
    encoder, decoder, undisturbed = known.encoder(), known.decoder(), known.decoder()
    frames = resample(spoken(), 8_000, known.rate).reshape(FRAMES, known.frame_samples)
    heard, wanted = list[Samples](), list[Samples]()
    for n, packet in enumerate(said(known)):
        whole = undisturbed.decode(encoder.encode(frames[n]))
        if packet is not None:
            played = decoder.decode(packet.payload)
            if n >= BACK_AT - 1 + SETTLED:
                heard.append(played)
                wanted.append(whole)
    assert alike(np.concatenate(heard), np.concatenate(wanted)) > ALIKE


@pytest.mark.parametrize("codec", ["PCMU", "G722", "opus"])
def test_the_successor_understands_what_it_hears_from_the_middle_on(codec: str) -> None:
    known = CODECS[codec]
    encoder, undisturbed = known.encoder(), known.decoder()
    frames = resample(spoken(), 8_000, known.rate).reshape(FRAMES, known.frame_samples)
    began = EPOCH + BACK_AT * FRAME_US
    plane, wanted = begun(known, began), list[Samples]()
    plane.command(lease(began), b"", began)
    plane.command(gate("l", 2, began), b"", began)
    for n in range(FRAMES):
        payload = encoder.encode(frames[n])
        wanted.append(undisturbed.decode(payload))
        if n >= BACK_AT:
            now = EPOCH + (n + 1) * FRAME_US
            plane.command(lease(now), b"", now)
            ticked(plane, now)
            ticks = (n * known.frame_ticks) & 0xFFFF_FFFF
            packet = RtpPacket(known.payload_type, n, ticks, 7, payload)
            deliver(plane, PORT, [(packet.serialize(), HOST)], now + 3_000)
    plane.command({"cmd": "close", "leg": "l"}, b"", EPOCH + (FRAMES + 10) * FRAME_US)
    chunks = [job.chunk for job in plane.take_jobs() if isinstance(job, SealJob)]
    kept = np.concatenate([one.samples for one in chunks if one.track.party == "caller"])
    part = np.concatenate(wanted[BACK_AT + SETTLED :])
    found = np.correlate(kept.astype(float), part.astype(float))
    at = int(np.argmax(found))
    assert alike(kept[at : at + len(part)], part) > ALIKE
