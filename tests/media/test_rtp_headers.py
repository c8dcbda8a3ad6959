from dataclasses import replace
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from media.rtp import RtpPacket, sequence_delta, timestamp_delta
from media.rtp_headers import build, parse, sequence_deltas, timestamp_deltas

STRIDE = 2_048


def packet(random: Random) -> RtpPacket:
    extension = (random.getrandbits(16), random.randbytes(4 * random.randint(0, 5)))
    return RtpPacket(
        payload_type=random.getrandbits(7),
        sequence=random.getrandbits(16),
        timestamp=random.getrandbits(32),
        ssrc=random.getrandbits(32),
        payload=random.randbytes(random.choice((0, 1, 4, 160, 320))),
        marker=random.random() < 0.5,
        csrcs=tuple(random.getrandbits(32) for _ in range(random.choice((0, 0, 1, 15)))),
        extension=extension if random.random() < 0.4 else None,
    )


def padded(data: bytes, random: Random) -> bytes:
    count = random.randint(1, 8)
    return bytes([data[0] | 0x20]) + data[1:] + bytes(count - 1) + bytes([count])


def mutated(data: bytes, random: Random) -> bytes:
    """Cut short, or with a few bits turned over, mostly in the header."""
    changed = bytearray(data[: random.randint(0, len(data))] if random.random() < 0.5 else data)
    for _ in range(random.randint(0, 3) if changed else 0):
        changed[random.randrange(min(len(changed), 20))] ^= 1 << random.randrange(8)
    return bytes(changed)


def datagrams(random: Random, count: int) -> list[bytes]:
    found: list[bytes] = []
    for _ in range(count):
        data = packet(random).serialize()
        data = padded(data, random) if random.random() < 0.3 else data
        data = mutated(data, random) if random.random() < 0.6 else data
        found.append(random.randbytes(random.randint(0, 60)) if random.random() < 0.1 else data)
    return found


def batch(found: list[bytes], rest: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    rows = [data + (rest * STRIDE)[: STRIDE - len(data)] for data in found]
    data = np.frombuffer(b"".join(rows), np.uint8).reshape(len(found), STRIDE)
    return data, np.array([len(each) for each in found], np.int32)


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_read_like_its_packets_one_by_one(seed: int) -> None:
    random = Random(seed)
    found = datagrams(random, 2_000)
    # What an earlier datagram left behind the length of a row must not matter.
    data, lengths = batch(found, random.randbytes(1))
    headers = parse(data, lengths)
    for row, datagram in enumerate(found):
        try:
            expected = RtpPacket.parse(datagram)
        except ValueError:
            assert not headers.valid[row]
            assert headers.payload_length[row] == 0
            continue
        start = int(headers.payload_offset[row])
        end = start + int(headers.payload_length[row])
        assert headers.valid[row]
        assert RtpPacket(
            int(headers.payload_type[row]),
            int(headers.sequence[row]),
            int(headers.timestamp[row]),
            int(headers.ssrc[row]),
            data[row, start:end].tobytes(),
            bool(headers.marker[row]),
        ) == replace(expected, csrcs=(), extension=None)
    assert 0.2 < headers.valid.mean() < 0.95


def test_a_full_row_is_read_to_its_last_byte_and_no_further() -> None:
    whole = RtpPacket(0, 1, 2, 3, bytes(STRIDE - 12)).serialize()
    beyond = whole[:1] + b"\x00" + whole[2:12] + b"\xff" * (STRIDE - 12)
    extended = bytes([0x90]) + beyond[1:]  # An extension of 65,535 words.
    data, lengths = batch([whole, beyond, extended], b"")
    headers = parse(data, lengths)
    assert headers.valid.tolist() == [True, True, False]
    assert headers.payload_length.tolist() == [STRIDE - 12, STRIDE - 12, 0]


def test_no_datagrams_are_no_headers() -> None:
    assert len(parse(np.zeros((0, STRIDE), np.uint8), np.zeros(0, np.int32)).valid) == 0


def test_headers_are_built_as_a_packet_would_serialize() -> None:
    random = Random(1)
    packets = [replace(packet(random), csrcs=(), extension=None, payload=b"") for _ in range(500)]
    out = np.full((len(packets), 172), 0xEE, np.uint8)
    build(
        out,
        payload_type=np.array([each.payload_type for each in packets], np.uint8),
        marker=np.array([each.marker for each in packets]),
        # As functions of the clock give them: not yet reduced.
        sequence=np.array([each.sequence + 0x1_0000 * 7 for each in packets]),
        timestamp=np.array([each.timestamp + 0x1_0000_0000 * 7 for each in packets]),
        ssrc=np.array([each.ssrc for each in packets]),
    )
    assert [row[:12].tobytes() for row in out] == [each.serialize() for each in packets]
    assert (out[:, 12:] == 0xEE).all()


def test_deltas_take_the_short_way_round_like_those_of_single_packets() -> None:
    random = np.random.default_rng(1)
    later, earlier = random.integers(0, 1 << 16, (2, 1_000)).astype(np.uint16)
    pairs = zip(later.tolist(), earlier.tolist(), strict=True)
    assert sequence_deltas(later, earlier).tolist() == [sequence_delta(a, b) for a, b in pairs]
    late, early = random.integers(0, 1 << 32, (2, 1_000)).astype(np.uint32)
    pairs = zip(late.tolist(), early.tolist(), strict=True)
    assert timestamp_deltas(late, early).tolist() == [timestamp_delta(a, b) for a, b in pairs]
