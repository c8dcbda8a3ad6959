"""Many legs in one plane: who hears whom, what floods whom, and what is one leg's alone."""

from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest

from media.bank.routes import GUESSES
from media.codecs import CODECS, Codec, Decoder, Encoder
from media.plane import Plane
from media.rtcp import ReceiverReport, ReportBlock, SenderReport, compound
from media.rtcp import parse as parse_rtcp
from media.rtp import RtpPacket
from media.srtp import SUITES, Receiver, Sender
from media.units import FRAME_US, Address, Samples, pcm
from tests.media.line import (
    EPOCH,
    Sent,
    deliver,
    events,
    named,
    noise,
    opening,
    play,
    ticked,
    voice,
)

HOST = "192.0.2.1"
PCMU = CODECS["PCMU"]


@dataclass
class Party:
    """A telephone at the other end of a leg."""

    plane: Plane
    leg: str
    port: int
    codec: Codec = PCMU
    ssrc: int = 7
    sent: int = 0
    heard: list[Samples] = field(default_factory=list[Samples])
    _encoder: Encoder = field(init=False)
    _decoder: Decoder = field(init=False)

    def __post_init__(self) -> None:
        self._encoder, self._decoder = self.codec.encoder(), self.codec.decoder()
        self.plane.add_port(self.port, "10.0.0.1", EPOCH)
        codec = {"codec": self.codec.name, "payload_type": self.codec.payload_type}
        header = opening(self.leg, self.address, port=self.port, **codec)
        self.plane.command(header, b"", EPOCH)

    @property
    def address(self) -> Address:
        return (HOST, self.port + 10_000)

    def say(self, frame: Samples, now: int) -> None:
        ticks = self.codec.frame_ticks * self.sent
        payload = self._encoder.encode(frame)
        packet = RtpPacket(self.codec.payload_type, self.sent, ticks, self.ssrc, payload)
        self.sent += 1
        deliver(self.plane, self.port, [(packet.serialize(), self.address)], now)

    def listen(self, sent: list[Sent]) -> None:
        for datagram in sent:
            if datagram.port == self.port:
                payload = RtpPacket.parse(datagram.data).payload
                self.heard.append(self._decoder.decode(payload))

    @property
    def ear(self) -> Samples:
        return np.concatenate(self.heard)


@dataclass
class Room:
    """Parties, who say something or nothing, tick by tick."""

    plane: Plane = field(default_factory=lambda: Plane("room"))
    parties: list[Party] = field(default_factory=list[Party])
    now: int = EPOCH

    def enter(self, leg: str, codec: Codec = PCMU) -> Party:
        port = 4_000 + 2 * len(self.parties)
        party = Party(self.plane, leg, port, codec, ssrc=len(self.parties) + 1)
        self.parties.append(party)
        return party

    def command(self, header: dict[str, object], payload: bytes = b"") -> None:
        self.plane.command(header, payload, self.now)

    def hear(self, leg: str, *sources: tuple[str, str], gain: int = 0) -> None:
        listed = [{"leg": m, "what": what, "gain_millibel": gain} for m, what in sources]
        self.command({"cmd": "hear", "leg": leg, "sources": listed})

    def run(self, ticks: int, **said: Samples) -> None:
        """`said`: what parties say by leg; silence afterwards, and by all others."""
        for n in range(ticks):
            self.now += FRAME_US
            for party in self.parties:
                frame = party.codec.frame_samples
                spoken = said.get(party.leg, np.zeros(0, np.int16))[n * frame : (n + 1) * frame]
                silent = np.zeros(frame, np.int16)
                silent[: len(spoken)] = spoken
                party.say(silent, self.now)
            sent = ticked(self.plane, self.now)
            for party in self.parties:
                party.listen(sent)


def likeness(one: Samples, other: Samples) -> float:
    """The highest normalised correlation of a sound with any place in another."""
    size = 1 << (len(one) + len(other)).bit_length()
    a, b = one.astype(float), other.astype(float)
    found = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    return float(found.max() / (np.linalg.norm(a) * np.linalg.norm(b) + 1))


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def test_a_bridge_of_three_hears_the_others_and_nobody_hears_themselves() -> None:
    room = Room()
    a, b, c = (room.enter(leg) for leg in "abc")
    room.hear("a", ("b", "voice"), ("c", "voice"))
    room.hear("b", ("a", "voice"))
    room.run(10)
    said = noise(400, seed=5) // 4
    room.run(40, b=said)
    assert likeness(said, a.ear) > 0.9
    assert loudness(b.ear) < 20
    assert loudness(c.ear) < 20


def test_the_agent_of_another_leg_is_heard_beside_ones_own() -> None:
    room = Room()
    a, b = room.enter("a"), room.enter("b")
    room.hear("b", ("a", "agent"))
    theirs, own = noise(400, seed=1) // 4, noise(400, seed=2) // 4
    room.command(play("a", "u", False), pcm(theirs))
    room.command(play("b", "v", False), pcm(own))
    room.run(30)
    assert likeness(theirs, a.ear) > 0.95
    assert likeness(own, a.ear) < 0.2
    assert likeness(theirs, b.ear) > 0.5
    assert likeness(own, b.ear) > 0.5


def test_what_is_too_loud_together_is_cut_and_does_not_wrap_around() -> None:
    room = Room()
    room.enter("b")
    room.enter("c")
    a = room.enter("a")
    room.hear("a", ("b", "voice"), ("c", "voice"))
    loud = np.full(8_000, 30_000, np.int16)
    room.run(60, b=loud, c=loud)
    assert a.ear.max() > 31_000
    assert a.ear.min() >= -600  # Concealment and filters may ring a little; sums do not wrap.


def test_a_gain_is_in_millibel_and_an_empty_list_ends_it() -> None:
    room = Room()
    room.enter("b")
    a = room.enter("a")
    said = np.tile(noise(20, seed=3) // 2, 100)
    room.hear("a", ("b", "voice"))
    room.run(40, b=said)
    plain = loudness(a.ear[-1_600:])
    room.hear("a", ("b", "voice"), gain=-2_000)
    room.run(40, b=said)
    assert loudness(a.ear[-1_600:]) == pytest.approx(plain / 10, rel=0.1)
    room.hear("a")
    room.run(20, b=said)
    assert loudness(a.ear[-1_600:]) == 0


def test_a_muted_voice_is_heard_by_nobody() -> None:
    room = Room()
    room.enter("b")
    a = room.enter("a")
    room.hear("a", ("b", "voice"))
    room.command({"cmd": "listen", "leg": "b", "on": True})
    room.command({"cmd": "mute", "leg": "b", "voice": True})
    room.run(150, b=voice(1_000))
    assert loudness(a.ear) == 0
    assert named(events(room.plane), "heard") == []


@pytest.mark.parametrize(("mouth", "ear"), [("G722", "PCMU"), ("PCMU", "G722")])
def test_legs_of_different_rates_hear_each_other(mouth: str, ear: str) -> None:
    room = Room()
    speaker, listener = room.enter("s", CODECS[mouth]), room.enter("l", CODECS[ear])
    room.hear("l", ("s", "voice"))
    rate = speaker.codec.rate
    t = np.arange(rate) / rate
    said = (np.sin(2 * np.pi * 700 * t) * 8_000).astype(np.int16)
    room.run(45, s=said)
    heard = listener.ear[-listener.codec.rate // 2 :].astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    peak = np.argmax(spectrum) * listener.codec.rate / len(heard)
    assert peak == pytest.approx(700, abs=4)
    # The tone and next to nothing else: no seam between frames, no alias.
    tone = spectrum[np.argmax(spectrum) - 4 : np.argmax(spectrum) + 5]
    assert np.sum(tone**2) > 0.99 * np.sum(spectrum**2)


def test_a_leg_that_is_gone_is_heard_by_nobody_and_its_slot_is_clean() -> None:
    room = Room()
    room.enter("b")
    a = room.enter("a")
    room.hear("a", ("b", "voice"))
    room.run(20, b=noise(400))
    room.command({"cmd": "close", "leg": "b"})
    room.run(10)
    a.heard.clear()
    room.enter("c")
    room.run(20, c=noise(400))
    assert loudness(a.ear) == 0


def test_music_plays_round_and_round_and_gives_way_to_words() -> None:
    room = Room()
    a = room.enter("a")
    music, words = noise(100, seed=1) // 4, noise(200, seed=2) // 4
    header = play("a", "music") | {"loop": True}
    room.command(header, pcm(music))
    room.run(15)
    assert likeness(np.tile(music, 3), a.ear) > 0.95
    a.heard.clear()
    room.command(play("a", "words", False), pcm(words))
    room.run(10)
    assert likeness(words, a.ear) > 0.95
    assert likeness(music, a.ear) < 0.3
    a.heard.clear()
    room.run(10)
    assert likeness(music, a.ear) > 0.6
    assert [e.header["utterance"] for e in named(events(room.plane), "played")] == ["words"]
    room.command({"cmd": "stop", "leg": "a", "utterance": "music"})
    a.heard.clear()
    room.run(5)
    assert loudness(a.ear) == 0


def test_speech_that_is_still_being_made_is_played_as_it_comes_and_waited_for() -> None:
    room = Room()
    a = room.enter("a")
    said = noise(300, seed=1) // 4
    room.command(play("a", "u", False) | {"more": True}, pcm(said[:1_000]))
    room.run(20)
    assert named(events(room.plane), "played") == []
    room.command(play("a", "u") | {"append": True, "more": True}, pcm(said[1_000:1_700]))
    room.run(10)
    room.command(play("a", "u") | {"append": True}, pcm(said[1_700:]))
    room.run(10)
    (played,) = named(events(room.plane), "played")
    assert (played.header["played_ms"], played.header["interrupted"]) == (300, False)
    sounding = [frame for frame in a.heard if loudness(frame) > 100]
    assert likeness(said, np.concatenate(sounding)) > 0.95
    room.command(play("a", "u") | {"append": True}, pcm(said))
    room.run(5)
    assert len(named(events(room.plane), "played")) == 1


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_audio_of_another_rate_is_brought_to_that_of_the_leg(rate: int) -> None:
    room = Room()
    a = room.enter("a")
    t = np.arange(rate * 3) / rate
    tone = (np.sin(2 * np.pi * 440 * t) * 8_000).astype(np.int16)
    room.command(play("a", "u", False) | {"rate": rate}, pcm(tone))
    room.run(152)
    (played,) = named(events(room.plane), "played")
    assert played.header["total_ms"] == 3_000
    heard = a.ear[400 : 3 * 8_000 - 400].astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    peak = int(np.argmax(spectrum))
    assert peak * 8_000 / len(heard) == pytest.approx(440, abs=1)
    assert np.sum(spectrum[peak - 4 : peak + 5] ** 2) > 0.995 * np.sum(spectrum**2)


def test_a_leg_that_changes_its_codec_goes_on_with_what_it_says() -> None:
    room = Room()
    room.enter("a")
    room.command(play("a", "u", False), pcm(noise(1_000)))
    room.run(20)
    wide = {"codec": "G722", "payload_type": 9}
    room.command(opening("a", (HOST, 14_000), port=4_000, **wide))
    for _ in range(31):
        room.now += FRAME_US
        (sent,) = ticked(room.plane, room.now)
        assert RtpPacket.parse(sent.data).payload_type == 9
    (played,) = named(events(room.plane), "played")
    assert (played.header["played_ms"], played.header["interrupted"]) == (1_000, False)


def test_on_hold_nothing_is_sent_and_nobody_is_missed() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", (HOST, 9), direction="inactive"), b"", EPOCH)
    for n in range(1, 2_001):
        assert ticked(plane, EPOCH + n * FRAME_US) == []
    assert named(events(plane), "silent") == []
    plane.command(opening("l", (HOST, 9)), b"", EPOCH)
    assert len(ticked(plane, EPOCH + 2_001 * FRAME_US)) == 1


def test_a_flood_and_garbage_on_one_leg_never_touch_another() -> None:
    """The other leg's ear and events are the same, sample by sample, with and without it."""
    heard: list[Samples] = []
    for is_stormy in (False, True):
        random = Random(4711)
        room = Room()
        calm, victim = room.enter("calm"), room.enter("victim")
        room.command({"cmd": "listen", "leg": "calm", "on": True})
        room.hear("calm", ("victim", "agent"))
        said = np.concatenate([voice(1_000), np.zeros(8_000, np.int16)])
        for n in range(100):
            if is_stormy:
                flood = [
                    (random.randbytes(random.randint(0, 1_500)), victim.address) for _ in range(100)
                ] + [
                    (
                        RtpPacket(
                            random.choice((0, 13, 101)),
                            random.getrandbits(16),
                            random.getrandbits(32),
                            random.getrandbits(32),
                            random.randbytes(random.randint(0, 1_600)),
                        ).serialize(),
                        victim.address,
                    )
                    for _ in range(50)
                ]
                deliver(room.plane, victim.port, flood, room.now)
            room.run(1, calm=said[160 * n :])
        heard.append(calm.ear)
        (told,) = named(events(room.plane), "heard")
        heard.append(np.frombuffer(told.payload, np.int16))
    assert np.array_equal(heard[0], heard[2])
    assert np.array_equal(heard[1], heard[3])


# Shared ports.


def shared(leg: str, remote: Address, **changes: object) -> dict[str, object]:
    return opening(leg, remote, shared=True, **changes)


@pytest.mark.parametrize("step", [1, GUESSES])
def test_legs_on_a_shared_port_are_told_apart_by_source_and_ssrc(step: int) -> None:
    plane = Plane("boot")
    plane.add_shared_port(6_000, "10.0.0.1", EPOCH)
    trunks = [("192.0.2.1", 7_000), ("192.0.2.1", 7_000), ("192.0.2.2", 7_000)]
    for n, trunk in enumerate(trunks):
        leg = f"l{n}"
        plane.command(shared(leg, trunk), b"", EPOCH)
        first = RtpPacket(101, 1, 160, 50 + step * n, bytes([n, 10, 0, 160])).serialize()
        deliver(plane, 6_000, [(first, trunk)], EPOCH + 1_000)
    mixed = [
        (RtpPacket(101, 2, 1_600, 50 + step * n, bytes([n + 4, 10, 0, 160])).serialize(), trunk)
        for n, trunk in enumerate(trunks)
    ]
    stranger = RtpPacket(101, 1, 1, 50, bytes([9, 10, 0, 160])).serialize()
    deliver(plane, 6_000, [*mixed, (stranger, ("192.0.2.3", 7_000))], EPOCH + 2_000)
    digits = [(e.header["leg"], e.header["digit"]) for e in named(events(plane), "dtmf")]
    firsts = [(f"l{n}", str(n)) for n in range(3)]
    assert digits == firsts + [(f"l{n}", str(n + 4)) for n in range(3)]
    sent = ticked(plane, EPOCH + FRAME_US)
    assert [s.port for s in sent] == [6_000] * 3
    assert sorted(s.destination for s in sent) == sorted(trunks)


def test_of_two_legs_that_nobody_can_tell_apart_neither_hears_anything() -> None:
    plane = Plane("boot")
    plane.add_shared_port(6_000, "10.0.0.1", EPOCH)
    for leg in "ab":
        plane.command(shared(leg, (HOST, 7_000)), b"", EPOCH)
    key = RtpPacket(101, 1, 160, 5, bytes([1, 10, 0, 160])).serialize()
    deliver(plane, 6_000, [(key, (HOST, 7_000))], EPOCH + 1_000)
    assert named(events(plane), "dtmf") == []
    plane.command({"cmd": "close", "leg": "b"}, b"", EPOCH)
    deliver(plane, 6_000, [(key, (HOST, 7_000))], EPOCH + 2_000)
    assert [e.header["leg"] for e in named(events(plane), "dtmf")] == ["a"]
    assert plane.take_changes() == []


def test_reports_above_a_shared_port_find_their_leg_by_host_and_ssrc_or_by_the_signalled_port() -> (
    None
):
    plane = Plane("boot")
    plane.add_shared_port(6_000, "10.0.0.1", EPOCH)
    # Of one host: two are known by their sound, a third says nothing and named its port (RFC 3605).
    for leg, port, more in (("a", 7_000, {}), ("b", 7_002, {}), ("c", 7_004, {"rtcp_port": 7_100})):
        plane.command(shared(leg, (HOST, port), ssrc=ord(leg), **more), b"", EPOCH)
        if not more:
            sound = RtpPacket(0, 1, 160, ord(leg) + 1_000, bytes(160)).serialize()
            deliver(plane, 6_000, [(sound, (HOST, port))], EPOCH)

    def told(leg: str, ssrc: int, source: Address, lost: int) -> None:
        block = ReportBlock(ord(leg), lost, lost, 1, 80)
        report = compound(ReceiverReport(ssrc, (block,)))
        deliver(plane, 6_001, [(report, source)], EPOCH + FRAME_US)

    # Whatever port a NAT has made of it, but from no other host.
    told("a", ord("a") + 1_000, (HOST, 50_001), 64)
    told("b", ord("b") + 1_000, (HOST, 7_003), 128)
    told("b", ord("b") + 1_000, ("203.0.113.9", 7_003), 255)
    told("c", 4_711, (HOST, 7_100), 32)
    told("c", 4_712, (HOST, 7_005), 255)
    for leg in "abc":
        plane.command({"cmd": "close", "leg": leg}, b"", EPOCH)
    losses = [e.header["remote_loss_permille"] for e in named(events(plane), "quality")]
    assert losses == [250, 500, 125]


def test_reports_that_two_legs_could_have_sent_are_nobodys() -> None:
    plane = Plane("boot")
    plane.add_shared_port(6_000, "10.0.0.1", EPOCH)
    for leg, port in (("a", 7_000), ("b", 7_002)):
        plane.command(shared(leg, (HOST, port), ssrc=9, rtcp_port=7_100), b"", EPOCH)
        sound = RtpPacket(0, 1, 160, 5, bytes(160)).serialize()
        deliver(plane, 6_000, [(sound, (HOST, port))], EPOCH)
    for ssrc in (5, 6):
        report = compound(ReceiverReport(ssrc, (ReportBlock(9, 128, 1, 1, 80),)))
        deliver(plane, 6_001, [(report, (HOST, 7_100))], EPOCH + FRAME_US)
    for leg in "ab":
        plane.command({"cmd": "close", "leg": leg}, b"", EPOCH)
    losses = [e.header["remote_loss_permille"] for e in named(events(plane), "quality")]
    assert losses == [0, 0]


# SRTP.


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"])
def test_a_sealed_leg_hears_and_sends_what_only_its_keys_open(name: str) -> None:
    suite = SUITES[name]
    ours, theirs = bytes(range(suite.master_bytes)), bytes(range(1, suite.master_bytes + 1))
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    srtp = {"suite": name, "send_key": ours.hex(), "receive_key": theirs.hex()}
    plane.command(opening("l", (HOST, 9_000), srtp=srtp, seq0=65_530), b"", EPOCH)
    plane.command(play("l", "u", False), pcm(noise(200)), EPOCH)
    receiver, sender = Receiver(suite, ours), Sender(suite, theirs)
    for n in range(1, 16):
        (sent,) = ticked(plane, EPOCH + n * FRAME_US)
        packet = RtpPacket.parse(receiver.unprotect(sent.data))
        assert packet.sequence == (65_530 + n) & 0xFFFF
        assert (len(set(packet.payload)) > 1) == (n <= 10)
        key = RtpPacket(101, n, 1_600 * n, 5, bytes([n % 10, 10, 0, 160])).serialize()
        plain = [(key, (HOST, 9_000))]
        sealed = [(sender.protect(key, n), (HOST, 9_000))]
        deliver(plane, 4_000, [*plain, *sealed, *sealed], EPOCH + n * FRAME_US)
    assert receiver.roc == 1
    digits = [event.header["digit"] for event in named(events(plane), "dtmf")]
    assert digits == [str(n % 10) for n in range(1, 16)]


def test_a_rollover_counter_that_changes_is_told() -> None:
    suite = SUITES["AES_CM_128_HMAC_SHA1_80"]
    key = bytes(suite.master_bytes)
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    srtp = {"suite": suite.name, "send_key": key.hex(), "receive_key": key.hex(), "roc": 3}
    plane.command(opening("l", (HOST, 9_000), srtp=srtp), b"", EPOCH)
    sender = Sender(suite, key)
    for index in (0x3_FFFE, 0x3_FFFF, 0x4_0000):
        packet = RtpPacket(0, index & 0xFFFF, 160 * index, 5, bytes(160)).serialize()
        deliver(plane, 4_000, [(sender.protect(packet, index), (HOST, 9_000))], EPOCH)
    ticked(plane, EPOCH + FRAME_US)
    ticked(plane, EPOCH + 2 * FRAME_US)
    (told,) = named(events(plane), "roc")
    assert (told.header["leg"], told.header["roc"]) == ("l", 4)


# RTCP and quality.


def test_a_leg_reports_every_five_seconds_and_tells_its_quality_at_the_end() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", (HOST, 9_000), cname="c-name"), b"", EPOCH)
    reports: list[tuple[int, Address, bytes]] = []
    for n in range(1, 751):
        now = EPOCH + n * FRAME_US
        if n % 10:
            packet = RtpPacket(0, n, 160 * n, 5, bytes([n % 200]) * 160).serialize()
            deliver(plane, 4_000, [(packet, (HOST, 9_000))] * (2 if n == 5 else 1), now)
        ticked(plane, now)
        if (due := plane.due_reports(now)) is not None:
            data = due.data[0, : due.lengths[0]].tobytes()
            reports.append((int(due.ports[0]), (HOST, 9_001), data))
            (sent, _) = parse_rtcp(data)
            assert isinstance(sent, SenderReport)
            echo = ReportBlock(sent.ssrc, 26, 3, 1, 80, sent.ntp >> 16 & 0xFFFF_FFFF, 6_553)
            answer = compound(ReceiverReport(5, (echo,)))
            deliver(plane, 4_001, [(answer, (HOST, 9_001))], now + 150_000)
            deliver(plane, 4_001, [(answer, ("203.0.113.9", 9_001))], now + 900_000)
    assert [port for port, _, _ in reports] == [4_001] * 3
    (report, name) = parse_rtcp(reports[-1][2])
    assert isinstance(report, SenderReport)
    assert report.blocks[0].ssrc == 5
    assert report.blocks[0].fraction_lost == pytest.approx(25.6, abs=1.5)
    assert getattr(name, "cname", None) == "c-name"
    plane.command({"cmd": "close", "leg": "l"}, b"", EPOCH + 751 * FRAME_US)
    (quality,) = named(events(plane), "quality")
    told = quality.header
    assert (told["received"], told["lost"], told["duplicated"]) == (675, 74, 1)
    assert told["round_trip_us"] == pytest.approx(50_000, abs=200)
    assert told["remote_loss_permille"] == 101
    assert told["remote_jitter_us"] == 10_000
    concealed, mos = told["concealed_ms"], told["mos_milli"]
    assert isinstance(concealed, int)
    assert 1_400 <= concealed <= 1_500
    assert isinstance(mos, int)
    assert 1_500 < mos < 3_500


def test_a_leg_nobody_spoke_on_has_no_quality_to_tell() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", (HOST, 9_000)), b"", EPOCH)
    plane.command({"cmd": "close", "leg": "l"}, b"", EPOCH)
    (quality,) = named(events(plane), "quality")
    assert (quality.header["received"], quality.header["mos_milli"]) == (0, None)


def test_muxed_rtcp_is_no_sound_and_is_answered_on_the_same_port() -> None:
    plane = Plane("boot")
    plane.add_port(4_000, "h", EPOCH)
    plane.command(opening("l", (HOST, 9_000), rtcp_mux=True), b"", EPOCH)
    report = compound(ReceiverReport(5))
    deliver(plane, 4_000, [(report, (HOST, 9_000))], EPOCH)
    ports: list[int] = []
    for n in range(1, 500):
        ticked(plane, EPOCH + n * FRAME_US)
        if (due := plane.due_reports(EPOCH + n * FRAME_US)) is not None:
            ports += due.ports.tolist()
    assert set(ports) == {4_000}
    plane.command({"cmd": "close", "leg": "l"}, b"", EPOCH)
    (quality,) = named(events(plane), "quality")
    assert quality.header["received"] == 0
