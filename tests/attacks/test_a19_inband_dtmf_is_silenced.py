"""A19: a card's number is keyed in before anybody could stop the recording. No key is in it."""

from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from media.bank.hush import LOOK_AHEAD_MS, LOOK_BACK_MS, TAIL_MS
from media.bank.recorder import GRACE_TENTHS
from media.codecs import CODECS
from media.dtmf import EVENT
from media.outbox import Event
from media.plane import Plane
from media.resample import resample
from media.rtp import RtpPacket
from media.seal import SealJob
from media.tones import NO_KEY, judged, tone, window_samples
from media.units import FRAME_US, Samples
from tests.media.line import EPOCH, deliver, events, gate, lease, named, opening, ticked, voice

CARD = "4242424242424242"
HOST, COLLEAGUE = ("192.0.2.1", 14_000), ("192.0.2.2", 14_000)
PORT, BESIDE = 4_000, 4_002
SPOKEN_MS = 1_500


@dataclass
class Call:
    """A caller who is recorded from the beginning, and whom a colleague hears."""

    codec: str = "PCMU"
    dtmf_payload_type: int | None = 101
    plane: Plane = field(default_factory=lambda: Plane("boot"))
    passed_on: list[Samples] = field(default_factory=list[Samples])

    def __post_init__(self) -> None:
        codec = CODECS[self.codec]
        kinds = {"payload_type": codec.payload_type, "dtmf_payload_type": self.dtmf_payload_type}
        plane = self.plane
        plane.command(lease(EPOCH), b"", EPOCH)
        for leg, port, host in (("l", PORT, HOST), ("beside", BESIDE, COLLEAGUE)):
            plane.add_port(port, "10.0.0.1", EPOCH)
            plane.command(opening(leg, host, port=port, codec=self.codec, **kinds), b"", EPOCH)
        heard = [{"leg": "l", "what": "voice"}]
        plane.command({"cmd": "hear", "leg": "beside", "sources": heard}, b"", EPOCH)
        plane.command(gate("l", 1, EPOCH), b"", EPOCH)

    def send(self, packets: list[RtpPacket | None], late: Random | None = None) -> None:
        """One packet in each frame, or none; `late`: by up to 150 ms, in any order."""
        decoder = CODECS[self.codec].decoder()
        flying: list[tuple[int, bytes]] = []
        for n, packet in enumerate([*packets, *[None] * 40]):
            now = EPOCH + (n + 1) * FRAME_US
            self.plane.command(lease(now), b"", now)
            if packet is not None:
                delay = 3_000 if late is None else late.randint(3_000, 150_000)
                flying.append((now + delay, packet.serialize()))
            due = sorted(one for one in flying if one[0] < now + FRAME_US)
            flying = [one for one in flying if one[0] >= now + FRAME_US]
            sent = [out for out in ticked(self.plane, now) if out.port == BESIDE]
            self.passed_on += [decoder.decode(RtpPacket.parse(s.data).payload) for s in sent]
            for came, data in due:
                deliver(self.plane, PORT, [(data, HOST)], came)
        end = EPOCH + (len(packets) + 40) * FRAME_US
        self.plane.command({"cmd": "close_gate", "leg": "l"}, b"", end)

    def kept(self, party: str = "caller") -> Samples:
        """What is to be sealed of a party."""
        jobs = [job for job in self.plane.take_jobs() if isinstance(job, SealJob)]
        return np.concatenate([j.chunk.samples for j in jobs if j.chunk.track.party == party])

    def keys(self) -> str:
        found: list[Event] = named(events(self.plane), "dtmf")
        return "".join(str(event.header["digit"]) for event in found)


def packets(sound: Samples, codec: str = "PCMU") -> list[RtpPacket | None]:
    known = CODECS[codec]
    encoder = known.encoder()
    frames = resample(sound, 8_000, known.rate).reshape(-1, known.frame_samples)
    return [
        RtpPacket(known.payload_type, n, n * known.frame_ticks, 7, encoder.encode(frame))
        for n, frame in enumerate(frames)
    ]


def keyed(random: Random, pressed_ms: int, pause_ms: int, digits: str = CARD) -> Samples:
    """Somebody speaks, keys in digits, and speaks again; nothing begins with a frame."""
    parts = [voice(SPOKEN_MS), np.zeros(random.randint(0, 900), np.int16)]
    for digit in digits:
        parts += [tone(digit, pressed_ms), np.zeros(pause_ms * 8, np.int16)]
    parts.append(voice(SPOKEN_MS, 2))
    sound = np.concatenate(parts)
    return np.append(sound, np.zeros(-len(sound) % 160, np.int16))


def windows_with_keys(samples: Samples, rate: int = 8_000) -> int:
    """Any window at all, wherever it begins."""
    every = sliding_window_view(samples, window_samples(rate))[:: rate // 1_000]
    return int(np.count_nonzero(judged(every, rate) != NO_KEY))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("pressed_ms", "pause_ms"), [(40, 40), (80, 80), (700, 300)])
def test_no_key_is_recorded_wherever_it_lies_between_chunks(
    seed: int, pressed_ms: int, pause_ms: int
) -> None:
    call, sound = Call(), keyed(Random(seed), pressed_ms, pause_ms)
    assert windows_with_keys(sound) > len(CARD)
    call.send(packets(sound))
    kept = call.kept()
    assert windows_with_keys(kept) == 0
    assert windows_with_keys(np.concatenate(call.passed_on)) > len(CARD), "who listens hears them"
    spoken = (SPOKEN_MS - LOOK_BACK_MS - TAIL_MS) * 8
    assert np.count_nonzero(kept[:spoken]) > spoken // 2, "what was said before is there"
    assert np.count_nonzero(kept[-SPOKEN_MS * 8 - 40 * 160 :]) > spoken // 2


@pytest.mark.parametrize("seed", range(3))
def test_late_packets_bring_no_key_in(seed: int) -> None:
    random = Random(seed)
    call = Call()
    call.send(packets(keyed(random, 80, 80)), late=random)
    assert windows_with_keys(call.kept()) == 0


@pytest.mark.parametrize("seed", range(3))
def test_nor_is_it_in_wideband(seed: int) -> None:
    call = Call(codec="G722")
    call.send(packets(keyed(Random(seed), 80, 80), "G722"))
    assert windows_with_keys(call.kept(), 16_000) == 0


def test_a_key_is_found_while_its_chunk_waits() -> None:
    assert LOOK_BACK_MS >= 200
    assert LOOK_BACK_MS + TAIL_MS <= LOOK_AHEAD_MS <= GRACE_TENTHS * 100


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
@pytest.mark.parametrize("digits", [CARD, "0123456789*#ABCD", "1111"])
def test_who_agreed_on_no_events_presses_keys_as_sound(codec: str, digits: str) -> None:
    call = Call(codec=codec, dtmf_payload_type=None)
    call.send(packets(keyed(Random(1), 80, 80, digits), codec))
    assert call.keys() == digits


def test_where_events_were_agreed_on_sound_presses_nothing_twice() -> None:
    call = Call()
    call.send(packets(keyed(Random(1), 80, 80)))
    assert call.keys() == ""


def test_a_key_that_comes_as_an_event_is_never_rendered() -> None:
    """RFC 4733: silence in the recording of who pressed it, and for who listens."""
    call = Call()
    sound = packets(keyed(Random(1), 20, 20, ""))
    pressed = [
        RtpPacket(101, len(sound) + n, len(sound) * 160, 7, EVENT.pack(4, 10, 160 * (n + 1)))
        for n in range(50)
    ]
    call.send([*sound, *pressed])
    assert call.keys() == "4"
    kept = call.kept()
    assert windows_with_keys(kept) == windows_with_keys(np.concatenate(call.passed_on)) == 0
    assert not kept[(len(sound) + 2) * 160 :].any()
