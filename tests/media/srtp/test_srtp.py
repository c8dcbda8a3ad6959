from random import Random

import pytest

from media.srtp import (
    SUITES,
    AuthenticationError,
    Receiver,
    ReplayError,
    Sender,
    SrtpError,
    Suite,
)
from media.srtp.receiver import SSRCS_MAX
from media.srtp.window import WINDOW
from tests.media.srtp.vectors import SENDER_REPORT, rtp

ANY = SUITES["AES_CM_128_HMAC_SHA1_80"]


def master(suite: Suite) -> bytes:
    return bytes(range(suite.master_bytes))


def ends(suite: Suite = ANY, roc: int = 0) -> tuple[Sender, Receiver]:
    return Sender(suite, master(suite)), Receiver(suite, master(suite), roc)


def of_ssrc(packet: bytes, ssrc: int) -> bytes:
    return packet[:8] + ssrc.to_bytes(4) + packet[12:]


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_packets_come_through_across_a_round_of_sequence_numbers(suite: Suite) -> None:
    sender, receiver = ends(suite)
    for index in range(65_500, 65_600):
        sealed = sender.protect(rtp(index), index)
        assert sealed[:12] == rtp(index)[:12]
        assert rtp(index)[12:] not in sealed
        assert receiver.unprotect(sealed) == rtp(index)
    assert receiver.roc == 1


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_a_packet_that_was_changed_anywhere_is_not_taken(suite: Suite) -> None:
    sender, receiver = ends(suite)
    sealed = sender.protect(rtp(7), 7)
    report = sender.protect_rtcp(SENDER_REPORT, 7)
    for place in range(len(sealed)):
        with pytest.raises(SrtpError):
            receiver.unprotect(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
        with pytest.raises(SrtpError):
            receiver.unprotect(sealed[:place])
    for place in range(len(report)):
        with pytest.raises(SrtpError):
            receiver.unprotect_rtcp(
                report[:place] + bytes([report[place] ^ 1]) + report[place + 1 :]
            )
        with pytest.raises(SrtpError):
            receiver.unprotect_rtcp(report[:place])
    assert receiver.unprotect(sealed) == rtp(7)
    assert receiver.unprotect_rtcp(report) == SENDER_REPORT


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_a_packet_under_another_key_is_not_authentic(suite: Suite) -> None:
    stranger = Sender(suite, bytes(suite.master_bytes))
    receiver = Receiver(suite, master(suite))
    with pytest.raises(AuthenticationError):
        receiver.unprotect(stranger.protect(rtp(7), 7))
    with pytest.raises(AuthenticationError):
        receiver.unprotect_rtcp(stranger.protect_rtcp(SENDER_REPORT, 7))


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_nothing_that_is_no_packet_is_more_than_a_typed_error(suite: Suite) -> None:
    random, (_, receiver) = Random(1), ends(suite)
    for _ in range(2_000):
        data = random.choice((b"", b"\x80", b"\x9f")) + random.randbytes(random.randint(0, 60))
        with pytest.raises(SrtpError):
            receiver.unprotect(data)
        with pytest.raises(SrtpError):
            receiver.unprotect_rtcp(data)


def test_no_packet_is_taken_twice_in_whatever_order_they_come() -> None:
    random, (sender, receiver) = Random(1), ends()
    packets = [sender.protect(rtp(index), index) for index in range(65_400, 65_700)]
    late = sorted(range(300), key=lambda n: n + random.uniform(0, 60))
    for n in late:
        assert receiver.unprotect(packets[n]) == rtp(65_400 + n)
    for packet in packets:
        with pytest.raises(ReplayError):
            receiver.unprotect(packet)
    assert receiver.roc == 1


def test_a_packet_is_too_old_behind_a_window_of_128() -> None:
    sender, receiver = ends()
    packets = [sender.protect(rtp(index), index) for index in range(WINDOW + 1)]
    receiver.unprotect(packets[WINDOW])
    assert receiver.unprotect(packets[1]) == rtp(1)
    with pytest.raises(ReplayError):
        receiver.unprotect(packets[0])


def test_reports_are_not_taken_twice() -> None:
    sender, receiver = ends()
    reports = [sender.protect_rtcp(SENDER_REPORT, index) for index in (1, 2, 500)]
    for report in (reports[1], reports[0], reports[2]):
        assert receiver.unprotect_rtcp(report) == SENDER_REPORT
    for report in reports:
        with pytest.raises(ReplayError):
            receiver.unprotect_rtcp(report)


def test_no_index_is_used_twice_and_none_that_is_not_the_packets() -> None:
    sender, _ = ends()
    sender.protect(rtp(9), 9)
    for index in (9, 8, 65_536 + 8, 1 << 48 | 9):
        with pytest.raises(ValueError, match="index"):
            sender.protect(rtp(9), index)
    sender.protect_rtcp(SENDER_REPORT, 9)
    for index in (9, 8, 1 << 31):
        with pytest.raises(ValueError, match="index"):
            sender.protect_rtcp(SENDER_REPORT, index)


@pytest.mark.parametrize("stored", [6, 7, 8])
def test_a_successor_goes_on_though_its_rollover_counter_may_lag_behind(stored: int) -> None:
    sender, _ = ends()
    _, successor = ends(roc=stored)
    for index in (7 << 16 | 3, 7 << 16 | 4):
        assert successor.unprotect(sender.protect(rtp(index), index)) == rtp(index)
    assert successor.roc == 7


@pytest.mark.parametrize("missed", [0x7FFF, 0x8001, 0x1_0000, 0x2_0000, 0x3_0000])
def test_a_sender_that_was_on_hold_is_heard_again(missed: int) -> None:
    sender, receiver = ends()
    receiver.unprotect(sender.protect(rtp(500), 500))
    for index in (500 + missed, 501 + missed):
        assert receiver.unprotect(sender.protect(rtp(index), index)) == rtp(index)
    assert receiver.roc == 501 + missed >> 16


def test_a_successor_that_knows_no_rollover_counter_hears_nothing() -> None:
    sender, receiver = ends()
    with pytest.raises(AuthenticationError):
        receiver.unprotect(sender.protect(rtp(7 << 16), 7 << 16))


def test_a_new_ssrc_begins_at_a_rollover_counter_of_0() -> None:
    sender, receiver = ends(roc=7)
    receiver.unprotect(sender.protect(rtp(7 << 16), 7 << 16))
    other = Sender(ANY, master(ANY))
    packet = of_ssrc(rtp(500), 99)
    assert receiver.unprotect(other.protect(packet, 500)) == packet
    assert receiver.roc == 0


def test_the_streams_of_a_key_are_counted() -> None:
    _, receiver = ends()
    for ssrc in range(SSRCS_MAX + 1):
        receiver.unprotect(Sender(ANY, master(ANY)).protect(of_ssrc(rtp(5), ssrc), 5))
    again = [Sender(ANY, master(ANY)).protect(of_ssrc(rtp(5), s), 5) for s in (0, SSRCS_MAX)]
    with pytest.raises(ReplayError):
        receiver.unprotect(again[1])
    assert receiver.unprotect(again[0]) == of_ssrc(rtp(5), 0)


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_a_key_identifier_goes_with_each_packet(suite: Suite) -> None:
    sender = Sender(suite, master(suite), b"\x00\x07")
    receiver = Receiver(suite, master(suite), mki_bytes=2)
    sealed, report = sender.protect(rtp(7), 7), sender.protect_rtcp(SENDER_REPORT, 7)
    assert len(sealed) == len(Sender(suite, master(suite)).protect(rtp(7), 7)) + 2
    assert receiver.unprotect(sealed) == rtp(7)
    assert receiver.unprotect_rtcp(report) == SENDER_REPORT


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="30 bytes"):
        Sender(ANY, bytes(28))
