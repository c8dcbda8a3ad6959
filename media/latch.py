"""Symmetric RTP: to whom a leg sends, and from whom it listens (RFC 4961, RFC 7362)."""

from media.rtp import RtpPacket, sequence_delta
from media.units import Address

PROBATION_PACKETS = 5
PROBATION_US = 60_000
"""A burst is no proof: the probation lasts long enough for the old source to speak up."""


class Latch:
    """Holds on to the first valid source; another must stay alone for a probation.

    The address that the signalling named takes over at once.
    """

    def __init__(self, remote: Address) -> None:
        self._remote = remote
        self._source: Address | None = None
        self._candidate: tuple[Address, int] | None = None
        self._candidate_since = 0
        self._candidate_sequence = 0
        self._candidate_packets = 0

    @property
    def destination(self) -> Address:
        """Where to send: the source we hold on to, else what the signalling named."""
        return self._source or self._remote

    @property
    def source(self) -> Address | None:
        return self._source

    @property
    def is_probing(self) -> bool:
        """Whether a stranger is being listened for; any packet of the source ends that."""
        return self._candidate is not None

    def reassure(self) -> None:
        """The source itself was heard: whoever was on probation begins anew."""
        self._candidate = None

    def redirect(self, remote: Address) -> None:
        """The signalling names another address: go there at once."""
        if remote != self._remote:
            self._remote = remote
            self._source = remote
            self._candidate = None

    def accept(self, source: Address, packet: RtpPacket, now: int) -> bool:
        """Whether a valid packet from this source belongs to the call."""
        if source in (self._source, self._remote):
            # What the signalling named is never a stranger, whoever was quicker.
            self._source, self._candidate = source, None
            return True
        if source[1] == 0:
            # Some senders play captures from raw sockets, with no port of their own. They are
            # heard if they come from the right host, and never become a destination.
            return source[0] == self.destination[0]
        if self._source is None or self._passed_probation(source, packet, now):
            self._source, self._candidate = source, None
            return True
        return False

    def _passed_probation(self, source: Address, packet: RtpPacket, now: int) -> bool:
        follows = sequence_delta(packet.sequence, self._candidate_sequence) == 1
        self._candidate_sequence = packet.sequence
        if self._candidate != (source, packet.ssrc) or not follows:
            self._candidate = (source, packet.ssrc)
            self._candidate_since, self._candidate_packets = now, 1
            return False
        self._candidate_packets += 1
        long_enough = now - self._candidate_since >= PROBATION_US
        return self._candidate_packets >= PROBATION_PACKETS and long_enough
