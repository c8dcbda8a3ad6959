from media.latch import Latch
from media.rtp import RtpPacket

SIGNALLED = ("192.0.2.1", 4_000)
REAL = ("198.51.100.1", 5_000)
STRANGER = ("203.0.113.9", 6_000)


def packet(sequence: int, ssrc: int = 1) -> RtpPacket:
    return RtpPacket(0, sequence & 0xFFFF, 0, ssrc, b"x")


def latched() -> Latch:
    latch = Latch(SIGNALLED)
    assert latch.accept(REAL, packet(1), 0)
    return latch


def test_the_first_valid_source_is_believed_over_the_signalling() -> None:
    latch = Latch(SIGNALLED)
    assert latch.destination == SIGNALLED
    latch.accept(REAL, packet(1), 0)
    assert latch.destination == REAL


def test_a_stranger_is_not_heard_while_the_source_speaks() -> None:
    latch = latched()
    for n in range(100):
        assert latch.accept(REAL, packet(n), 20_000 * n)
        assert not latch.accept(STRANGER, packet(n, ssrc=2), 20_000 * n + 1)
    assert latch.destination == REAL


def test_a_burst_of_a_stranger_between_two_packets_is_no_probation() -> None:
    latch = latched()
    assert not any(latch.accept(STRANGER, packet(n), n) for n in range(1_000))


def test_a_new_source_alone_is_believed_after_five_packets() -> None:
    latch = latched()
    heard = [latch.accept(STRANGER, packet(65_533 + n), 20_000 * n) for n in range(6)]
    assert heard == [False] * 4 + [True] * 2
    assert latch.destination == STRANGER


def test_packets_which_do_not_follow_each_other_prove_nothing() -> None:
    latch = latched()
    assert not any(latch.accept(STRANGER, packet(7 * n), 20_000 * n) for n in range(50))


def test_source_port_zero_is_heard_from_the_right_host_and_never_answered() -> None:
    latch = Latch(SIGNALLED)
    assert latch.accept(("192.0.2.1", 0), packet(1), 0)
    assert not latch.accept(("203.0.113.9", 0), packet(1), 0)
    assert latch.destination == SIGNALLED
    assert latch.source is None


def test_a_change_in_the_signalling_is_followed_at_once() -> None:
    latch = latched()
    latch.redirect(SIGNALLED)
    assert latch.destination == REAL
    latch.redirect(STRANGER)
    assert latch.destination == STRANGER


def test_a_stranger_who_was_quicker_gives_way_to_the_signalled_address() -> None:
    latch = Latch(SIGNALLED)
    assert latch.accept(STRANGER, packet(1), 0)

    heard = [
        latch.accept(source, packet(n), n * 20_000)
        for n in range(2, 100)
        for source in (SIGNALLED, STRANGER)
    ]

    assert heard == [True, False] * 98
    assert latch.destination == SIGNALLED
