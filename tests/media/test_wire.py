import json
import struct
from random import Random

import pytest

from media.wire import HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX, Decoder, WireError, encode


def test_a_frame_survives_any_cutting_of_the_stream() -> None:
    frames: list[tuple[dict[str, object], bytes]] = [
        ({"cmd": "play", "n": n}, bytes(n % 7)) for n in range(50)
    ]
    stream = b"".join(encode(header, payload) for header, payload in frames)
    random = Random(4711)
    decoder, received, at = Decoder(), list[tuple[dict[str, object], bytes]](), 0
    while at < len(stream):
        step = random.randint(1, 40)
        received += decoder.feed(stream[at : at + step])
        at += step
    assert received == frames


def test_a_length_beyond_the_limit_ends_the_stream_before_it_is_buffered() -> None:
    with pytest.raises(WireError, match="header of"):
        Decoder().feed(struct.pack(">II", HEADER_BYTES_MAX + 1, 0))
    with pytest.raises(WireError, match="payload of"):
        Decoder().feed(struct.pack(">II", 2, PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize("text", [b"{", b"[]", b"1", b"\xff\xfe", b"[" * 60_000])
def test_a_header_that_is_no_json_object_ends_the_stream(text: bytes) -> None:
    with pytest.raises(WireError):
        Decoder().feed(struct.pack(">II", len(text), 0) + text)


def test_what_the_decoder_would_refuse_cannot_be_encoded() -> None:
    with pytest.raises(WireError):
        encode({"text": "x" * HEADER_BYTES_MAX})
    with pytest.raises(WireError):
        encode({}, bytes(PAYLOAD_BYTES_MAX + 1))


def test_the_format_is_two_lengths_a_header_and_a_payload() -> None:
    frame = encode({"a": 1}, b"xyz")
    header = json.dumps({"a": 1}, separators=(",", ":")).encode()
    assert frame == struct.pack(">II", len(header), 3) + header + b"xyz"
