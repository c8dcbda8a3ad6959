import pytest

from media.rtp import RtpClock, RtpPacket, sequence_delta, timestamp_delta

FULL = RtpPacket(
    payload_type=101,
    sequence=65_535,
    timestamp=0xFFFF_FFFF,
    ssrc=0xDEAD_BEEF,
    payload=b"hello",
    marker=True,
    csrcs=(1, 2, 3),
    extension=(0xBEDE, b"\x10\xaa\x00\x00"),
)


def test_a_packet_with_everything_in_it_comes_back_the_same() -> None:
    assert RtpPacket.parse(FULL.serialize()) == FULL


def test_a_plain_packet_is_read_field_by_field() -> None:
    data = bytes.fromhex("80 80 0001 000000a0 00000007 ff7f")
    assert RtpPacket.parse(data) == RtpPacket(0, 1, 160, 7, b"\xff\x7f", marker=True)


def test_padding_is_taken_off() -> None:
    data = bytes.fromhex("a0 00 0001 000000a0 00000007 ff7f 000003")
    assert RtpPacket.parse(data).payload == b"\xff\x7f"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        bytes.fromhex("00 00 0001 000000a0 00000007"),  # Version 0.
        bytes.fromhex("82 00 0001 000000a0 00000007 00000001"),  # One CSRC of two.
        bytes.fromhex("90 00 0001 000000a0 00000007 bede"),  # Half an extension header.
        bytes.fromhex("90 00 0001 000000a0 00000007 bede0002 00000000"),  # One word of two.
        bytes.fromhex("a0 00 0001 000000a0 00000007 00"),  # Padding of nothing.
        bytes.fromhex("a0 00 0001 000000a0 00000007 0009"),  # Padding into the header.
        bytes.fromhex("b0 00 0001 000000a0 00000007 bede0001 00000003"),  # Into the extension.
    ],
)
def test_a_truncated_or_malformed_packet_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="RTP"):
        RtpPacket.parse(data)


def test_every_truncation_is_a_value_error_or_a_shorter_payload() -> None:
    data = FULL.serialize()
    header = len(data) - len(FULL.payload)
    for length in range(header):
        with pytest.raises(ValueError, match="RTP"):
            RtpPacket.parse(data[:length])


def test_deltas_take_the_short_way_round() -> None:
    assert sequence_delta(3, 65_534) == 5
    assert sequence_delta(65_534, 3) == -5
    assert timestamp_delta(80, 0xFFFF_FFFF - 79) == 160
    assert timestamp_delta(0xFFFF_FFFF - 79, 80) == -160


def test_the_stream_is_a_function_of_the_wall_clock() -> None:
    clock = RtpClock(sequence_base=65_535, timestamp_base=0xFFFF_FFFF, epoch=1_000_000)
    assert clock.n(999_999) == -1
    assert (clock.n(1_019_999), clock.n(1_020_000)) == (0, 1)
    assert clock.sequence(1_020_000) == 0
    assert clock.timestamp(1_020_000) == 159
