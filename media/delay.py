"""How long received sound waits before it is played: as little as the network's jitter allows.

What waits for late packets is a delay above that of the luckiest packet. It grows at once, with
the first packet that came later than it forgave, and shrinks slowly, by half in `HALF_LIFE`
packets without another. Time is an argument: all there is to know of a packet is its transit, the
time of its arrival less that of its timestamp, whatever both count from.
"""

import numpy as np
from numpy.typing import NDArray

START_MS, MIN_MS, MAX_MS = 60, 20, 400
MARGIN_US = 20_000
"""A frame is played by a tick, which comes up to this much after it is due."""

HALF_LIFE = 500
"""Packets: ten seconds of 20 ms each."""

WINDOW = 250
"""Packets after which the luckiest one is found anew, so that clocks may drift apart."""

JUMP_US = 2_000_000
"""Nothing is that late: the sender's clock jumped, and what was known of it is forgotten."""

NEVER = 1 << 62
"""Above every transit, and far enough from the end of int64 to subtract."""

SHRINK = 0.5 ** (1 / HALF_LIFE)

Slots = NDArray[np.integer]


class Delay:
    """One adaptive delay for each of `slots` legs."""

    def __init__(self, slots: int) -> None:
        self._jitter_us = np.empty(slots, np.float64)
        self._least = np.empty(slots, np.int64)
        self._least_before = np.empty(slots, np.int64)
        self._seen = np.empty(slots, np.int32)
        self.reset(np.arange(slots, dtype=np.int32))

    def reset(self, slots: Slots) -> None:
        """Other legs have these slots now, or another stream plays on them."""
        self._jitter_us[slots] = START_MS * 1_000 - MARGIN_US
        self._forget(slots)

    def observe(self, slots: Slots, transit_us: NDArray[np.int64]) -> None:
        """Take note of packets, also of several for one slot, in any order."""
        known = self._luckiest(slots)
        jumped = (known != NEVER) & (np.abs(transit_us - known) > JUMP_US)
        if jumped.any():
            self._forget(slots[jumped])
        np.minimum.at(self._least, slots, transit_us)
        late = transit_us - self._luckiest(slots)
        np.multiply.at(self._jitter_us, slots, SHRINK)
        # A whole number would have numpy take each of them through a general path.
        np.maximum.at(self._jitter_us, slots, late.astype(np.float64))
        np.add.at(self._seen, slots, 1)
        full = self._seen[slots] >= WINDOW
        if full.any():
            self._turn(slots[full])

    def target(self, slots: Slots) -> NDArray[np.int32]:
        """Milliseconds int32[k], from `MIN_MS` to `MAX_MS`."""
        wanted = np.rint((self._jitter_us[slots] + MARGIN_US) / 1_000)
        return np.clip(wanted, MIN_MS, MAX_MS).astype(np.int32)

    def _luckiest(self, slots: Slots) -> NDArray[np.int64]:
        return np.minimum(self._least[slots], self._least_before[slots])

    def _forget(self, slots: Slots) -> None:
        self._least[slots] = NEVER
        self._least_before[slots] = NEVER
        self._seen[slots] = 0

    def _turn(self, slots: Slots) -> None:
        """The luckiest packet counts for the window it came in, and for the next."""
        self._least_before[slots] = self._least[slots]
        self._least[slots] = NEVER
        self._seen[slots] = 0
