from dataclasses import replace
from random import Random

import pytest

from media.dtmf import DIGITS_MAX, DURATION_MAX, EVENT, DtmfReceiver, DtmfSender
from media.rtp import RtpPacket


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


def heard(packets: list[RtpPacket]) -> str:
    receiver = DtmfReceiver()
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


@pytest.mark.parametrize("payload", [b"", b"\x01", EVENT.pack(16, 10, 160), b"\xff" * 4])
def test_what_is_no_digit_is_ignored(payload: bytes) -> None:
    assert heard([RtpPacket(101, 1, 1, 7, payload)]) == ""


def test_what_cannot_be_pressed_is_refused() -> None:
    sender = DtmfSender()
    for digits, ms in (("x", 160), ("1", 10), ("1", 60_000), ("1" * (DIGITS_MAX + 1), 160)):
        with pytest.raises(ValueError, match="DTMF"):
            sender.press(digits, ms)
    assert sender.tone() is None
