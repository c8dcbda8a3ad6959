"""Room for many datagrams, made once and filled again and again."""

import numpy as np
from numpy.typing import NDArray

from media.net.address import SOCKADDR_BYTES, canonical
from media.net.messages import Messages

BATCH_MAX = 1_024
"""As many as the kernel takes in one call (UIO_MAXIOV)."""

DATAGRAM_BYTES_MAX = 2_048
"""Longer ones are no RTP of ours: they are left out."""


class Batch:
    """`count` datagrams as rows; what lies behind a row's length is of earlier ones."""

    def __init__(self, size: int = BATCH_MAX) -> None:
        assert 0 < size <= BATCH_MAX, "the kernel takes no more in one call"
        self.size = size
        self.count = 0
        self.data = np.zeros((size, DATAGRAM_BYTES_MAX), np.uint8)
        self.lengths = np.zeros(size, np.int32)
        self.sources = np.zeros((size, SOCKADDR_BYTES), np.uint8)
        self.ports = np.zeros(size, np.int32)
        self.messages = Messages(size)
        """The same rows, as the kernel is told of them."""
        self.messages.point(self.data, self.sources)
        self.messages.room[:] = DATAGRAM_BYTES_MAX
        self.messages.name_lengths[:] = SOCKADDR_BYTES

    def finish(self, ports: NDArray[np.int32], lengths: NDArray[np.int32]) -> None:
        """The first rows are written: say where each came in; without those of length -1."""
        count = len(ports)
        self.ports[:count], self.lengths[:count] = ports, lengths
        if count and lengths.min() < 0:
            kept = np.flatnonzero(lengths >= 0)
            count = len(kept)
            for column in (self.data, self.lengths, self.sources, self.ports):
                column[:count] = column[kept]
        canonical(self.sources[:count])
        self.count = count
