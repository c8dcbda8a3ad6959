"""Opus for speech (RFC 6716, RFC 7587): 16 kHz mono in and out, whatever the sender sends."""

import numpy as np

from media.codecs.codec import PAYLOAD_MS_MAX
from media.codecs.libav import Decoding, Encoding
from media.resample import Resampler
from media.units import Samples

RATE = 16_000
DECODED_RATE = 48_000
BIT_RATE = 24_000
PAYLOAD_BYTES_MAX = 1_500

# Half of the cost of the highest complexity, for a difference that is not heard at this bit rate.
# In-band FEC is spent on what is important when a loss is to be expected.
OPTIONS = {
    "application": "voip",
    "frame_duration": "20",
    "fec": "1",
    "packet_loss": "10",
    "compression_level": "5",
}

SLOT = np.zeros(1, np.int32)


class Decoder:
    """The library always decodes to 48 kHz; a filter makes 16 kHz of it, 1 ms later."""

    def __init__(self) -> None:
        self._stream = Decoding("libopus", DECODED_RATE)
        self._resampler = Resampler(1, DECODED_RATE, RATE)

    def decode(self, payload: bytes) -> Samples:
        """The samples of a packet of 2.5 to 60 ms. ValueError if it is malformed or longer."""
        us = duration_us(payload)
        if us > PAYLOAD_MS_MAX * 1_000 or len(payload) > PAYLOAD_BYTES_MAX:
            raise ValueError(f"Opus packet of {us} us in {len(payload)} bytes")
        decoded = self._stream.decode(payload)
        if len(decoded) != us * DECODED_RATE // 1_000_000:
            raise ValueError(f"Opus packet of {us} us became {len(decoded)} samples")
        samples: Samples = self._resampler.run(SLOT, decoded[None])[0]
        return samples


class Encoder:
    def __init__(self) -> None:
        self._stream = Encoding("libopus", RATE, BIT_RATE, OPTIONS)

    def encode(self, samples: Samples) -> bytes:
        return self._stream.encode(samples)


def duration_us(payload: bytes) -> int:
    """How long a packet sounds: RFC 6716 section 3.1. ValueError if it does not say."""
    if not payload:
        raise ValueError("empty Opus packet")
    return _frame_us(payload[0] >> 3) * _frames(payload)


def _frame_us(configuration: int) -> int:
    """RFC 6716 table 2."""
    if configuration < 12:
        return (10_000, 20_000, 40_000, 60_000)[configuration % 4]
    if configuration < 16:
        return (10_000, 20_000)[configuration % 2]
    return (2_500, 5_000, 10_000, 20_000)[configuration % 4]


def _frames(payload: bytes) -> int:
    """RFC 6716 section 3.2: one, two, or as many as a second octet says."""
    code = payload[0] & 0x03
    if code < 3:
        return 1 if code == 0 else 2
    if len(payload) < 2 or not payload[1] & 0x3F:
        raise ValueError("Opus packet of an unknown number of frames")
    return payload[1] & 0x3F


def decoder(_name: str) -> Decoder:
    return Decoder()


def encoder(_name: str) -> Encoder:
    return Encoder()
