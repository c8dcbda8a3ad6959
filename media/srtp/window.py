"""Which packet an SRTP packet is, and whether it was taken before: RFC 3711 section 3.3."""

from media.srtp.errors import ReplayError

WINDOW = 128
HALF = 0x8000


class Window:
    """The indexes taken of one SSRC: the highest, and which of the 128 up to it."""

    def __init__(self, index: int) -> None:
        self.highest = index
        self._taken = 1

    @property
    def roc(self) -> int:
        """The rollover counter of RTP's 48 bits of index."""
        return self.highest >> 16

    def estimate(self, sequence: int) -> int:
        """The index of a sequence number: RFC 3711 section 3.3.1 and appendix A.

        Negative for one from before the first.
        """
        roc, last = self.highest >> 16, self.highest & 0xFFFF
        if last < HALF and sequence - last > HALF:
            roc -= 1
        elif last >= HALF and last - HALF > sequence:
            roc += 1
        return roc << 16 | sequence

    def check(self, index: int) -> None:
        """ReplayError for an index which was taken, or is too old to tell."""
        age = self.highest - index
        if index < 0 or age >= WINDOW or (age >= 0 and self._taken >> age & 1):
            raise ReplayError(f"index {index} after {self.highest}")

    def take(self, index: int) -> None:
        """Note an index, once its packet is known to be authentic."""
        if index > self.highest:
            shift = min(index - self.highest, WINDOW)
            self._taken = (self._taken << shift | 1) & (1 << WINDOW) - 1
            self.highest = index
        else:
            self._taken |= 1 << self.highest - index
