from dataclasses import replace
from random import Random

import pytest

from bench._network import Network
from bench.lossy import Keys, digits_to_send, keys_over
from media.dtmf import (
    DIGITS,
    DIGITS_MAX,
    DURATION_MAX,
    END_BIT,
    EVENT,
    DtmfReceiver,
    DtmfSender,
)
from media.rtp import RtpPacket

INDEPENDENT = Network(loss=0.1)
BURSTS = Network(loss=0.1, burst=(2, 3))
EVERYTHING = Network(loss=0.1, burst=(2, 3), jitter_us=10_000, reordered=0.01, duplicated=0.02)


def pressed(digits: str, ms: int = 160) -> list[RtpPacket]:
    """The event packets a sender makes of key presses."""
    sender = DtmfSender()
    sender.press(digits, ms)
    packets: list[RtpPacket] = []
    began = 0
    for n in range(len(digits) * (ms // 20 + 10)):
        if (tone := sender.tone()) is not None:
            began = 160 * n if tone.marker else began
            packets.append(RtpPacket(101, n, began, 7, tone.payload, tone.marker))
    return packets


def pressed_by_others(
    digits: str, press_ms: int, pause_ms: int, update_ms: int, *, marker: bool, clock: int
) -> list[tuple[int, RtpPacket]]:
    """The event packets of a telephone with habits of its own, and when it sends them, in ms."""
    packets: list[tuple[int, RtpPacket]] = []
    for n, digit in enumerate(digits):
        began = n * (press_ms + pause_ms)
        times = [*range(update_ms, press_ms, update_ms), press_ms, press_ms, press_ms]
        for k, ms in enumerate(times):
            flags = 10 | (END_BIT if ms == press_ms else 0)
            payload = EVENT.pack(DIGITS.index(digit), flags, ms * clock // 1_000)
            timestamp = began * clock // 1_000
            packet = RtpPacket(101, k, timestamp, 7, payload, marker and k == 0)
            packets.append((began + ms + 5 * max(0, k - len(times) + 3), packet))
    return packets


def heard(packets: list[RtpPacket], clock: int = 8_000) -> str:
    receiver = DtmfReceiver(clock)
    return "".join(digit for p in packets if (digit := receiver.receive(p)) is not None)


def test_every_key_is_heard_once() -> None:
    assert heard(pressed("0123456789*#ABCD")) == "0123456789*#ABCD"


def test_the_same_key_twice_is_heard_twice() -> None:
    assert heard(pressed("11")) == "11"


def test_an_event_ends_with_three_packets_of_the_same_duration() -> None:
    packets = pressed("5")
    fields = [EVENT.unpack(p.payload) for p in packets]
    assert [bool(flags & 0x80) for _, flags, _ in fields] == [False] * 7 + [True] * 3
    assert {duration for _, _, duration in fields[-3:]} == {1_280}
    assert len({p.timestamp for p in packets}) == 1
    assert [p.marker for p in packets] == [True] + [False] * 9


def test_one_packet_of_an_event_is_enough() -> None:
    packets = pressed("7")
    for survivor in packets:
        assert heard([survivor]) == "7"


@pytest.mark.parametrize("seed", range(20))
def test_digits_survive_loss_reordering_and_duplicates(seed: int) -> None:
    random = Random(seed)
    packets = [p for p in pressed("13579") if random.random() < 0.7]
    packets += random.sample(packets, 5)
    packets.sort(key=lambda p: p.sequence + random.uniform(0, 6))
    assert heard(packets) == "13579"


def test_a_key_held_longer_than_a_segment_is_one_key_press() -> None:
    first = RtpPacket(101, 1, 1_000, 7, EVENT.pack(3, 10, DURATION_MAX), marker=True)
    second = RtpPacket(101, 2, 1_000 + DURATION_MAX, 7, EVENT.pack(3, 10, 160))
    assert heard([first, second]) == "3"


def test_a_sender_that_loses_its_clock_in_a_key_press_pressed_it_once() -> None:
    packets = pressed("5")
    drifted = [replace(p, timestamp=p.timestamp + 160 * (n // 4)) for n, p in enumerate(packets)]

    assert heard(drifted) == "5"
    assert heard([*packets, *(replace(p, timestamp=p.timestamp + 4_000) for p in packets)]) == "55"


@pytest.mark.parametrize("network", [INDEPENDENT, BURSTS, EVERYTHING])
@pytest.mark.parametrize("press_ms", [100, 160])
def test_of_10_000_key_presses_none_is_lost_or_doubled_where_a_tenth_of_packets_is(
    network: Network, press_ms: int
) -> None:
    digits = digits_to_send(10_000)
    assert keys_over(network, digits, press_ms) == Keys(10_000, 10_000, lost=0, doubled=0)


# Short presses and pauses, rare updates, no marker: five packets at the least.
@pytest.mark.parametrize(("press_ms", "pause_ms", "update_ms"), [(60, 40, 20), (150, 40, 50)])
@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize("clock", [8_000, 48_000])
def test_key_presses_of_other_telephones_come_through_bursts_of_loss(
    press_ms: int, pause_ms: int, update_ms: int, marker: bool, clock: int
) -> None:
    digits = digits_to_send(3_000)
    sent = pressed_by_others(digits, press_ms, pause_ms, update_ms, marker=marker, clock=clock)
    arrivals = BURSTS.deliver([1_000 * ms for ms, _ in sent], Random(1))
    assert heard([sent[n][1] for _, n in arrivals], clock) == digits


def test_the_network_loses_what_it_is_asked_to() -> None:
    for network in (INDEPENDENT, BURSTS):
        arrived = {n for _, n in network.deliver(range(100_000), Random(1))}
        assert len(arrived) == pytest.approx(90_000, rel=0.01)
    runs = "".join("." if n in arrived else "x" for n in range(100_000)).split(".")
    assert {len(run) for run in runs[:-1]} == {0, 2, 3}  # The last one may be cut off.


def test_two_presses_without_their_ends_and_beginnings_are_two() -> None:
    packets = pressed("55", ms=40)
    first, second = packets[0], [p for p in packets if p.timestamp != packets[0].timestamp][1:]
    assert heard([first, *second]) == "55"


def test_a_long_press_in_segments_is_one_though_its_packets_are_lost() -> None:
    def update(segment: int, duration: int, flags: int = 10) -> RtpPacket:
        began = 1_000 + segment * (DURATION_MAX - 95)
        return RtpPacket(101, 1, began, 7, EVENT.pack(3, flags, duration))

    whole = [update(segment, d) for segment in range(3) for d in range(160, 65_440, 160)]
    assert heard([*whole, update(3, 160, END_BIT)]) == "3"
    assert heard([whole[0], whole[600], update(2, 800), update(3, 160, END_BIT)]) == "3"


def test_events_count_in_the_clock_of_their_stream() -> None:
    sender = DtmfSender(48_000)
    sender.press("5", 100)
    payloads = [tone.payload for _ in range(12) if (tone := sender.tone()) is not None]
    assert [EVENT.unpack(payload)[2] for payload in payloads] == [
        960,
        1_920,
        2_880,
        3_840,
        *[4_800] * 3,
    ]
    sender.press("5", 1_360)
    with pytest.raises(ValueError, match="DTMF"):
        sender.press("5", 1_380)


@pytest.mark.parametrize("payload", [b"", b"\x01", EVENT.pack(16, 10, 160), b"\xff" * 4])
def test_what_is_no_digit_is_ignored(payload: bytes) -> None:
    assert heard([RtpPacket(101, 1, 1, 7, payload)]) == ""


def test_what_cannot_be_pressed_is_refused() -> None:
    sender = DtmfSender()
    for digits, ms in (("x", 160), ("1", 10), ("1", 60_000), ("1" * (DIGITS_MAX + 1), 160)):
        with pytest.raises(ValueError, match="DTMF"):
            sender.press(digits, ms)
    assert sender.tone() is None
