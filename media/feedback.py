"""What RTCP says about one leg: how the other end hears us, and how long a round trip takes."""

from media.quality import Statistics
from media.rtcp import (
    Packet,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    ntp_from_us,
    ntp_middle,
    round_trip_us,
)

ROUND_TRIP_US_MAX = 30_000_000
"""Longer ones are told by clocks that were set meanwhile."""


class Feedback:
    """Fed with each compound that comes in. Times are in microseconds since 1970."""

    def __init__(self) -> None:
        self.round_trip_us: int | None = None
        self.remote_jitter = 0
        """In ticks of the RTP clock."""

        self._last_sr = 0
        self._last_sr_at = 0
        self._fractions = 0
        self._reports = 0

    @property
    def remote_loss(self) -> float:
        """The share of our packets that the other end missed, over all of its reports."""
        return self._fractions / (256 * self._reports) if self._reports else 0.0

    def hear(self, packets: list[Packet], our_ssrc: int, now: int) -> None:
        """Take note of a compound."""
        for packet in packets:
            if isinstance(packet, SenderReport):
                self._last_sr, self._last_sr_at = ntp_middle(packet.ntp), now
            if isinstance(packet, SenderReport | ReceiverReport):
                for block in packet.blocks:
                    if block.ssrc == our_ssrc:
                        self._note(block, now)

    def block(self, statistics: Statistics, slot: int, their_ssrc: int, now: int) -> ReportBlock:
        """What we report of the other end's stream."""
        found = statistics.received(slot)
        return ReportBlock(
            their_ssrc,
            statistics.fraction_lost(slot),
            # Duplicates count as received here, so that it may be negative.
            found.lost - found.duplicated,
            found.highest & 0xFFFF_FFFF,
            int(found.jitter) & 0xFFFF_FFFF,
            self._last_sr,
            self._since_last_sr(now),
        )

    def _since_last_sr(self, now: int) -> int:
        if not self._last_sr:
            return 0
        kept = ntp_middle(ntp_from_us(now)) - ntp_middle(ntp_from_us(self._last_sr_at))
        return kept & 0xFFFF_FFFF

    def _note(self, block: ReportBlock, now: int) -> None:
        self._fractions += block.fraction_lost
        self._reports += 1
        self.remote_jitter = block.jitter
        trip = round_trip_us(now, block)
        if trip is not None and trip <= ROUND_TRIP_US_MAX:
            self.round_trip_us = trip
