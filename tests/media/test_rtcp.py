from random import Random

import pytest

from media.rtcp import (
    COMPOUND_BYTES_MAX,
    PACKETS_MAX,
    Bye,
    Description,
    Packet,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    compound,
    ntp_from_us,
    ntp_middle,
    parse,
    round_trip_us,
)

BLOCK = ReportBlock(0xDEAD, 25, -3, 0x1_0007, 160, 0x8765_4321, 65_536)
EVERYTHING: list[Packet] = [
    SenderReport(7, ntp_from_us(1_800_000_000_000_000), 160, 50, 8_000, (BLOCK, BLOCK)),
    ReceiverReport(7, (BLOCK,)),
    Description(7, "a@b"),
    Bye((7, 8), "over"),
]


def test_a_compound_comes_back_as_it_was() -> None:
    assert parse(compound(*EVERYTHING)) == EVERYTHING


@pytest.mark.parametrize("length", range(9))
def test_names_and_reasons_of_any_length_are_padded(length: int) -> None:
    packets: list[Packet] = [
        ReceiverReport(7),
        Description(7, "x" * length),
        Bye((7,), "y" * length),
    ]
    assert parse(compound(*packets)) == packets
    assert len(compound(*packets)) % 4 == 0


def test_a_sender_report_is_written_octet_by_octet() -> None:
    report = SenderReport(1, 2 << 32 | 3, 4, 5 + (1 << 32), 6, (BLOCK,))
    assert report.serialize() == bytes.fromhex(
        "81c8000c 00000001 00000002 00000003 00000004 00000005 00000006"
        "0000dead 19fffffd 00010007 000000a0 87654321 00010000"
    )


def test_a_description_ends_with_zeros_and_a_bye_has_its_reason() -> None:
    assert Description(1, "ab").serialize() == bytes.fromhex("81ca0003 00000001 01026162 00000000")
    assert Bye((1,)).serialize() == bytes.fromhex("81cb0001 00000001")
    assert Bye((1,), "ab").serialize() == bytes.fromhex("81cb0002 00000001 02616200")


def test_what_is_lost_stays_within_24_bits() -> None:
    for lost, seen in ((1 << 30, 0x7F_FFFF), (-(1 << 30), -0x80_0000), (-1, -1)):
        (report,) = parse(compound(ReceiverReport(7, (ReportBlock(1, 0, lost, 0, 0),))))
        assert isinstance(report, ReceiverReport)
        assert report.blocks[0].lost == seen


def test_what_is_of_no_use_to_us_is_left_out() -> None:
    application = bytes.fromhex("80cc0002 00000001 41424344")
    feedback = bytes.fromhex("81cd0002 00000001 00000002")
    note = bytes.fromhex("81ca0003 00000001 07026162 00000000")  # A description without a name.
    report = ReceiverReport(7, (BLOCK,))
    assert parse(report.serialize() + application + feedback + note) == [report]


def test_extensions_of_a_report_and_padding_at_the_end_are_left_out() -> None:
    extended = bytes.fromhex("80c90003 00000007 01020304 05060708")
    assert parse(extended) == [ReceiverReport(7)]
    padded = bytes.fromhex("80c90001 00000007 a1cb0002 00000007 00000004")
    assert parse(padded) == [ReceiverReport(7), Bye((7,))]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "80c900",
        "40c90001 00000007",  # Version 1.
        "80cb0000",  # No report first.
        "80c90000",  # No SSRC.
        "80c90002 00000007",  # Shorter than it says.
        "81c90001 00000007",  # A block is missing.
        "80c80005 00000007 00000000 00000000 00000000 00000000",  # Half a sender report.
        "80c90001 00000007 00",  # An octet left over.
        "a0c90002 00000007 00000004 80cb0000",  # Padding that is not at the end.
        "80c90001 00000007 a0cb0001 00000000",  # Padding of nothing.
        "80c90001 00000007 a0cb0001 00000005",  # Padding into the header.
        "80c90001 00000007 81ca0001 00000007",  # A chunk that does not end.
        "80c90001 00000007 81ca0002 00000007 01ff6162",  # A name longer than the packet.
        "80c90001 00000007 82ca0002 00000007 00000000",  # A chunk is missing.
        "80c90001 00000007 82cb0001 00000007",  # Two sources, one SSRC.
        "80c90001 00000007 81cb0002 00000007 04616200",  # A reason longer than the packet.
    ],
)
def test_what_is_no_compound_is_a_value_error(data: str) -> None:
    with pytest.raises(ValueError, match="RTCP"):
        parse(bytes.fromhex(data))


def test_a_compound_is_limited_in_packets_and_bytes() -> None:
    report = ReceiverReport(7)
    assert len(parse(report.serialize() * PACKETS_MAX)) == PACKETS_MAX
    with pytest.raises(ValueError, match="packets"):
        parse(report.serialize() * (PACKETS_MAX + 1))
    with pytest.raises(ValueError, match="bytes"):
        parse(bytes(COMPOUND_BYTES_MAX + 1))


@pytest.mark.parametrize("seed", range(5))
def test_mutated_and_random_compounds_are_read_or_refused(seed: int) -> None:
    random, whole = Random(seed), compound(*EVERYTHING)
    read = 0
    for _ in range(3_000):
        data = bytearray(whole[: random.choice((len(whole), random.randint(0, len(whole))))])
        for _ in range(random.randint(0, 4) if data else 0):
            data[random.randrange(len(data))] = random.getrandbits(8)
        if random.random() < 0.2:
            data = bytearray(b"\x81\xc9\x00\x07" + random.randbytes(random.randint(0, 80)))
        try:
            parse(bytes(data))
            read += 1
        except ValueError as refused:
            assert "RTCP" in str(refused)
    assert 0 < read < 3_000


def test_times_are_told_in_ntp() -> None:
    # RFC 5905 figure 4: the first day of Unix, and a half.
    assert ntp_from_us(500_000) == 2_208_988_800 << 32 | 1 << 31
    assert ntp_middle(0x1111_2222_3333_4444) == 0x2222_3333


@pytest.mark.parametrize("sent", [1_800_000_000_000_000, 2_085_978_496_000_000 - 30_000])
def test_the_round_trip_is_what_the_other_end_did_not_keep(sent: int) -> None:
    # The second one crosses the end of the NTP era in 2036.
    last_sr = ntp_middle(ntp_from_us(sent))
    block = ReportBlock(7, 0, 0, 0, 0, last_sr, 65_536 // 2)
    trip = round_trip_us(sent + 500_000 + 80_000, block)
    assert trip == pytest.approx(80_000, abs=40)


def test_there_is_no_round_trip_without_an_echo_or_with_an_impossible_one() -> None:
    now = 1_800_000_000_000_000
    assert round_trip_us(now, ReportBlock(7, 0, 0, 0, 0)) is None
    future = ntp_middle(ntp_from_us(now + 1_000_000))
    assert round_trip_us(now, ReportBlock(7, 0, 0, 0, 0, future)) is None
