"""The codec which a leg had until just now: packets of it are still under way."""

import numpy as np

from media.codecs import Decoder
from media.commands import Open
from media.resample import Resampler
from media.units import Samples

FORMER_US = 2_000_000
"""How long after a change: the other side changes once it has our answer (RFC 3264 section 8.3)."""

SLOT = np.zeros(1, np.int32)


class Former:
    """Decodes at the rate, and counts by the clock, of the codec which is there now."""

    def __init__(self, before: Open, decoder: Decoder | None, after: Open, now: int) -> None:
        self.payload_type = before.payload_type
        self._until = now + FORMER_US
        self._decoder = decoder or before.codec.decoder()
        self._clocks = after.codec.clock_rate, before.codec.clock_rate
        rate, wanted = before.codec.rate, after.codec.rate
        self._resampler = None if rate == wanted else Resampler(1, rate, wanted)

    def is_expected(self, payload_type: int, now: int) -> bool:
        return payload_type == self.payload_type and now < self._until

    def decode(self, payload: bytes) -> Samples:
        """ValueError if it is malformed."""
        samples = self._decoder.decode(payload)
        return samples if self._resampler is None else self._resampler.run(SLOT, samples[None])[0]

    def timestamp(self, timestamp: int) -> int:
        clock, before = self._clocks
        return timestamp * clock // before & 0xFFFF_FFFF
