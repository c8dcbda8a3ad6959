import numpy as np
import pytest

from media.codecs import G711
from media.codecs.g711 import LAWS, decode_all, encode_all
from media.units import Samples

# Decision and quantized values of ITU-T G.711 tables 1 and 2, scaled to 16 bits.
ULAW = {0xFF: 0, 0xFE: 8, 0xF0: 120, 0xEF: 132, 0x80: 32_124, 0x7F: 0, 0x7E: -8, 0x00: -32_124}
ALAW = {0xD5: 8, 0xD4: 24, 0x55: -8, 0xAA: 32_256, 0x2A: -32_256, 0xC5: 264, 0x80: 5_504}
ALL = bytes(range(256))


def samples(*values: int) -> Samples:
    return np.array(values, np.int16)


@pytest.mark.parametrize(("code", "value"), ULAW.items())
def test_ulaw_decodes_to_the_values_of_the_itu_table(code: int, value: int) -> None:
    assert G711["PCMU"].decode(bytes([code])).tolist() == [value]


@pytest.mark.parametrize(("code", "value"), ALAW.items())
def test_alaw_decodes_to_the_values_of_the_itu_table(code: int, value: int) -> None:
    assert G711["PCMA"].decode(bytes([code])).tolist() == [value]


def test_ulaw_encodes_the_extremes_and_the_smallest_steps() -> None:
    encoded = G711["PCMU"].encode(samples(0, 3, 4, -1, -4, -5, 32_767, -32_768, 1_000, -1_000))
    assert encoded == bytes.fromhex("ff ff fe 7f 7f 7e 80 00 ce 4e")


def test_alaw_encodes_the_extremes_and_the_smallest_steps() -> None:
    encoded = G711["PCMA"].encode(samples(0, 15, 16, -1, -16, -17, 32_767, -32_768))
    assert encoded == bytes.fromhex("d5 d5 d4 55 55 54 aa 2a")


def test_every_alaw_code_survives_decoding_and_encoding() -> None:
    assert G711["PCMA"].encode(G711["PCMA"].decode(ALL)) == ALL


def test_every_ulaw_code_survives_but_negative_zero() -> None:
    expected = ALL.replace(b"\x7f", b"\xff")
    assert G711["PCMU"].encode(G711["PCMU"].decode(ALL)) == expected


@pytest.mark.parametrize("name", G711)
def test_no_sample_is_further_off_than_half_a_step_of_its_segment(name: str) -> None:
    codec = G711[name]
    linear = np.arange(-32_256, 32_257).astype(np.int16)
    decoded = codec.decode(codec.encode(linear)).astype(np.int32)
    # Sixteen steps to a segment, so half a step is at most a 32nd of the biased magnitude.
    half_step = (np.abs(linear.astype(np.int32)) + 132) / 32 + 8
    assert (np.abs(decoded - linear) <= half_step).all()


def test_the_frames_of_all_legs_at_once_are_those_of_each_by_its_law() -> None:
    random = np.random.default_rng(1)
    laws = random.integers(0, 2, 50).astype(np.int32)
    payloads = random.integers(0, 256, (50, 160)).astype(np.uint8)
    decoded = decode_all(laws, payloads)
    encoded = encode_all(laws, decoded[:, ::-1])

    assert decoded.dtype == np.int16
    for law, payload, frame, back in zip(laws, payloads, decoded, encoded, strict=True):
        codec = G711[LAWS[law]]
        assert np.array_equal(frame, codec.decode(payload.tobytes()))
        assert back.tobytes() == codec.encode(frame[::-1])
