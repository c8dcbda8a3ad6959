"""Any codec as a telephone of 8 kHz has it: one stream, decoded or encoded, at that rate."""

import numpy as np

from media.codecs import Codec
from media.resample import Resampler
from media.units import SAMPLE_RATE, Samples

SLOT = np.zeros(1, np.int32)


class Ear:
    def __init__(self, codec: Codec) -> None:
        self._decoder = codec.decoder()
        self._resampler = _resampler(codec.rate, SAMPLE_RATE)

    def decode(self, payload: bytes) -> Samples:
        """ValueError for what is none of this codec; the stream goes on."""
        samples = self._decoder.decode(payload)
        return samples if self._resampler is None else self._resampler.run(SLOT, samples[None])[0]


class Mouth:
    def __init__(self, codec: Codec) -> None:
        self._encoder = codec.encoder()
        self._resampler = _resampler(SAMPLE_RATE, codec.rate)

    def encode(self, samples: Samples) -> bytes:
        """The payload of 20 ms."""
        if self._resampler is not None:
            samples = self._resampler.run(SLOT, samples[None])[0]
        return self._encoder.encode(samples)


def _resampler(rate: int, wanted: int) -> Resampler | None:
    return None if rate == wanted else Resampler(1, rate, wanted)
