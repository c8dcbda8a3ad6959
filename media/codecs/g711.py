"""G.711 µ-law and A-law as tables, bit exact with ITU-T G.711 (and G.191's reference)."""

import numpy as np
from numpy.typing import NDArray

from media.units import Samples

ULAW_BIAS = 33
ULAW_MAGNITUDE_MAX = 0x1FFF


def _ulaw_decode_table() -> Samples:
    inverted = ~np.arange(256) & 0xFF
    exponent = inverted >> 4 & 0x07
    step = 8 << exponent
    magnitude = (0x80 << exponent) + step * (inverted & 0x0F) + step // 2 - 4 * ULAW_BIAS
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def _ulaw_encode_table() -> NDArray[np.uint8]:
    """Indexed by the sample seen as an unsigned 16-bit number."""
    linear = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    magnitude = (np.where(linear < 0, ~linear, linear) >> 2) + ULAW_BIAS
    magnitude = np.minimum(magnitude, ULAW_MAGNITUDE_MAX)
    # frexp counts the bits of a number: the segment is the place of its highest one.
    segment = np.maximum(np.frexp(magnitude)[1] - 6, 0) + 1
    code = (8 - segment) << 4 | 0x0F - (magnitude >> segment & 0x0F)
    table: NDArray[np.uint8] = np.where(linear >= 0, code | 0x80, code).astype(np.uint8)
    return table


def _alaw_decode_table() -> Samples:
    # G.711 inverts every second bit on the line.
    code = np.arange(256) ^ 0x55
    exponent = code >> 4 & 0x07
    mantissa = (code & 0x0F) + np.where(exponent > 0, 16, 0)
    magnitude = (mantissa << 4) + 8 << np.maximum(exponent - 1, 0)
    table: Samples = np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)
    return table


def _alaw_encode_table() -> NDArray[np.uint8]:
    linear = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(linear < 0, ~linear, linear) >> 4
    exponent = np.maximum(np.frexp(magnitude)[1] - 4, 0)
    mantissa = (magnitude >> np.maximum(exponent - 1, 0)) - np.where(exponent > 0, 16, 0)
    code = exponent << 4 | mantissa
    table: NDArray[np.uint8] = (np.where(linear >= 0, code | 0x80, code) ^ 0x55).astype(np.uint8)
    return table


ULAW_DECODE = _ulaw_decode_table()
ULAW_ENCODE = _ulaw_encode_table()
ALAW_DECODE = _alaw_decode_table()
ALAW_ENCODE = _alaw_encode_table()


LAWS = ("PCMU", "PCMA")
DECODE: Samples = np.stack([ULAW_DECODE, ALAW_DECODE])
"""int16[2, 256]: the rows are the `LAWS`."""

ENCODE: NDArray[np.uint8] = np.stack([ULAW_ENCODE, ALAW_ENCODE])
"""uint8[2, 65536]: the rows are the `LAWS`, the columns samples seen as unsigned numbers."""


def decode_all(laws: NDArray[np.int32], payloads: NDArray[np.uint8]) -> NDArray[np.int16]:
    """int16[n, m] of uint8[n, m], each row by its law: 0 or 1, the place in `LAWS`."""
    places: NDArray[np.int32] = laws[:, None] * DECODE.shape[1] + payloads
    return np.take(DECODE, places)


def encode_all(laws: NDArray[np.int32], samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """uint8[n, m] of int16[n, m], each row by its law: 0 or 1, the place in `LAWS`."""
    places: NDArray[np.int32] = laws[:, None] * ENCODE.shape[1] + samples.view(np.uint16)
    return np.take(ENCODE, places)


class Law:
    """Both machines of G.711 in one: it has no memory."""

    def __init__(self, name: str) -> None:
        law = LAWS.index(name)
        self._decode: Samples = DECODE[law]
        self._encode: NDArray[np.uint8] = ENCODE[law]

    def decode(self, payload: bytes) -> Samples:
        return self._decode[np.frombuffer(payload, np.uint8)]

    def encode(self, samples: Samples) -> bytes:
        return self._encode[samples.view(np.uint16)].tobytes()


_NAMED = {name: Law(name) for name in LAWS}


def decoder(name: str) -> Law:
    return _NAMED[name]


encoder = decoder
