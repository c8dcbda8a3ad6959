"""Comfort noise (RFC 3389): the level of a silence that was not sent, and noise of that level.

Only the level is used: what describes the colour of the noise is optional, and noise without it
is white (section 3).
"""

import numpy as np
from numpy.typing import NDArray

PAYLOAD_TYPE = 13
LEVEL_BITS = 0x7F
OVERLOAD = 32_767.0
"""Of a square wave of full scale, to which levels in -dBov refer."""

LEVELS: NDArray[np.float32] = (OVERLOAD * 10 ** (-np.arange(128) / 20)).astype(np.float32)


def level(payload: bytes) -> float:
    """The root mean square, in samples, of the noise a payload asks for. ValueError if empty."""
    if not payload:
        raise ValueError("empty payload of comfort noise")
    return float(LEVELS[payload[0] & LEVEL_BITS])


def levels(octets: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The same for the first octets of many payloads."""
    return np.take(LEVELS, octets & LEVEL_BITS)


def noise(
    levels: NDArray[np.float32], generator: np.random.Generator, frame: int
) -> NDArray[np.int16]:
    """White noise int16[n, frame], each row of its level."""
    white = generator.standard_normal((len(levels), frame), np.float32)
    loud: NDArray[np.float32] = np.rint(white * levels[:, None])
    return np.asarray(np.clip(loud, -32768, 32767), np.int16)
