"""G.722 at 64 kbit/s (ITU-T G.722, RFC 3551 section 4.5.2): 16 kHz, an octet for two samples."""

from media.codecs.codec import PAYLOAD_MS_MAX
from media.codecs.libav import Decoding, Encoding
from media.units import Samples

RATE = 16_000
BIT_RATE = 64_000
PAYLOAD_BYTES_MAX = PAYLOAD_MS_MAX * BIT_RATE // 8_000


class Decoder:
    def __init__(self) -> None:
        self._stream = Decoding("g722", RATE)

    def decode(self, payload: bytes) -> Samples:
        """Two samples for each octet, 22 samples late. ValueError for none or too many octets."""
        if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:
            raise ValueError(f"G.722 payload of {len(payload)} bytes")
        return self._stream.decode(payload)


class Encoder:
    def __init__(self) -> None:
        self._stream = Encoding("g722", RATE, BIT_RATE)

    def encode(self, samples: Samples) -> bytes:
        return self._stream.encode(samples)


def decoder(_name: str) -> Decoder:
    return Decoder()


def encoder(_name: str) -> Encoder:
    return Encoder()
