import numpy as np
import pytest

from media.codecs import CODECS
from media.codecs.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from media.units import Samples

# Decision and quantized values of ITU-T G.711 tables 1 and 2, scaled to 16 bits.
ULAW = {0xFF: 0, 0xFE: 8, 0xF0: 120, 0xEF: 132, 0x80: 32_124, 0x7F: 0, 0x7E: -8, 0x00: -32_124}
ALAW = {0xD5: 8, 0xD4: 24, 0x55: -8, 0xAA: 32_256, 0x2A: -32_256, 0xC5: 264, 0x80: 5_504}
ALL = bytes(range(256))


def samples(*values: int) -> Samples:
    return np.array(values, np.int16)


@pytest.mark.parametrize(("code", "value"), ULAW.items())
def test_ulaw_decodes_to_the_values_of_the_itu_table(code: int, value: int) -> None:
    assert decode_ulaw(bytes([code])).tolist() == [value]


@pytest.mark.parametrize(("code", "value"), ALAW.items())
def test_alaw_decodes_to_the_values_of_the_itu_table(code: int, value: int) -> None:
    assert decode_alaw(bytes([code])).tolist() == [value]


def test_ulaw_encodes_the_extremes_and_the_smallest_steps() -> None:
    encoded = encode_ulaw(samples(0, 3, 4, -1, -4, -5, 32_767, -32_768, 1_000, -1_000))
    assert encoded == bytes.fromhex("ff ff fe 7f 7f 7e 80 00 ce 4e")


def test_alaw_encodes_the_extremes_and_the_smallest_steps() -> None:
    encoded = encode_alaw(samples(0, 15, 16, -1, -16, -17, 32_767, -32_768))
    assert encoded == bytes.fromhex("d5 d5 d4 55 55 54 aa 2a")


def test_every_alaw_code_survives_decoding_and_encoding() -> None:
    assert encode_alaw(decode_alaw(ALL)) == ALL


def test_every_ulaw_code_survives_but_negative_zero() -> None:
    expected = ALL.replace(b"\x7f", b"\xff")
    assert encode_ulaw(decode_ulaw(ALL)) == expected


@pytest.mark.parametrize("name", CODECS)
def test_no_sample_is_further_off_than_half_a_step_of_its_segment(name: str) -> None:
    codec = CODECS[name]
    linear = np.arange(-32_256, 32_257).astype(np.int16)
    decoded = codec.decode(codec.encode(linear)).astype(np.int32)
    # Sixteen steps to a segment, so half a step is at most a 32nd of the biased magnitude.
    half_step = (np.abs(linear.astype(np.int32)) + 132) / 32 + 8
    assert (np.abs(decoded - linear) <= half_step).all()
