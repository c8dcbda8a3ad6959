"""How streams arrive and how ours do: counted, told by RTCP, and told to the node at the end."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.bank.departures import Outgoing
from media.bank.lines import Line, Lines
from media.bank.memory import Slots
from media.bank.security import Security
from media.mos import mos
from media.net import SOCKADDR_BYTES, pack, unpack
from media.quality import Statistics
from media.rtcp import Description, ReceiverReport, SenderReport, compound, ntp_from_us, parse
from media.units import FRAME_MS, FRAME_US

REPORT_FRAMES = 250
"""Five seconds (RFC 3550 section 6.2), the legs one after the other."""

SPREAD = 61
"""Neighbouring slots report so many ticks apart; it shares no factor with the interval."""

REPORT_BYTES_MAX = 512
BATCHES_GATHERED = 32
"""To count one batch costs as much as to count many together."""


@dataclass(slots=True)
class Tally:
    """What was counted of streams that a leg had before, under other SSRCs."""

    ssrc: int = -1
    received: int = 0
    lost: int = 0
    duplicated: int = 0


@dataclass(slots=True)
class Batches:
    """What came in and is not counted yet."""

    slots: list[Slots] = field(default_factory=list[Slots])
    sequences: list[NDArray[np.uint16]] = field(default_factory=list[NDArray[np.uint16]])
    timestamps: list[NDArray[np.uint32]] = field(default_factory=list[NDArray[np.uint32]])
    arrivals: list[Slots] = field(default_factory=list[Slots])
    timed: list[NDArray[np.bool_]] = field(default_factory=list[NDArray[np.bool_]])


class Reports:
    def __init__(self, slots: int, lines: Lines, security: Security) -> None:
        self._lines, self._security = lines, security
        self._statistics = Statistics(slots)
        self._ssrcs = np.full(slots, -1, np.int64)
        self._tallies: dict[int, Tally] = {}
        self._rtcp_from: dict[int, bytes] = {}
        self._batches = Batches()

    def open(self, slot: int) -> None:
        self._statistics.reset(np.array([slot], np.int32))
        self._ssrcs[slot] = -1
        self._tallies[slot] = Tally()
        self._rtcp_from.pop(slot, None)

    def note(
        self,
        slots: Slots,
        ssrcs: Slots,
        sequences: NDArray[np.uint16],
        timestamps: NDArray[np.uint32],
        now: int,
        *,
        timed: bool = True,
    ) -> None:
        """Packets that were believed, of any number of legs."""
        changed = np.flatnonzero(self._ssrcs[slots] != ssrcs)
        if changed.size:
            self.observe()
            for slot, ssrc in zip(slots[changed].tolist(), ssrcs[changed].tolist(), strict=True):
                self._begin(slot, ssrc)
        batches = self._batches
        batches.slots.append(slots)
        batches.sequences.append(sequences)
        batches.timestamps.append(timestamps)
        batches.arrivals.append(now * self._lines.ticks_per_s[slots] // 1_000_000)
        batches.timed.append(np.full(len(slots), timed))

    def gather(self) -> None:
        """Count what has come in, once it is worth the while."""
        if len(self._batches.slots) >= BATCHES_GATHERED:
            self.observe()

    def observe(self) -> None:
        """Count what has come in."""
        batches, self._batches = self._batches, Batches()
        if batches.slots:
            self._statistics.observe(
                np.concatenate(batches.slots),
                np.concatenate(batches.sequences),
                np.concatenate(batches.timestamps),
                np.concatenate(batches.arrivals),
                np.concatenate(batches.timed),
            )

    def receive(self, line: Line, data: bytes, source: bytes, now: int) -> None:
        """A compound of RTCP. ValueError if it is none, or not from where the leg's sound comes."""
        if line.opening.srtp is not None:
            data = self._security.open_rtcp(line.slot, data)
        elif unpack(source)[0] != line.latch.destination[0]:
            raise ValueError("RTCP of a stranger")
        line.feedback.hear(parse(data), line.opening.ssrc, now)
        self._rtcp_from[line.slot] = source

    def due(self, slots: Slots, n: Slots, now: int) -> Outgoing | None:
        """The reports of those legs whose turn it is in this tick."""
        turn = slots[((n + slots * SPREAD) % REPORT_FRAMES == 0) & (n > 0)]
        if not turn.size:
            return None
        self.observe()
        rows = np.zeros((len(turn), REPORT_BYTES_MAX), np.uint8)
        ports = np.empty(len(turn), np.int32)
        lengths = np.empty(len(turn), np.int32)
        destinations = np.empty((len(turn), SOCKADDR_BYTES), np.uint8)
        for row, slot in enumerate(turn.tolist()):
            line = self._lines.by_slot[slot]
            report = self._report(line, now)
            rows[row, : len(report)] = np.frombuffer(report, np.uint8)
            lengths[row] = len(report)
            ports[row] = line.port if line.opening.rtcp_mux else line.port + 1
            destinations[row] = np.frombuffer(self._destination(line), np.uint8)
        return Outgoing(ports, rows, lengths, destinations)

    def close(self, line: Line, late: int, concealed: int) -> dict[str, object]:
        """What the node is told of the leg. Frames `late`, and `concealed`."""
        self.observe()
        slot, feedback, clock = line.slot, line.feedback, line.opening.codec.clock_rate
        found, before = self._statistics.received(slot), self._tallies.pop(slot)
        received, lost = found.received + before.received, max(0, found.lost + before.lost)
        jitter_us = found.jitter * 1_000_000 / clock
        trip = feedback.round_trip_us
        missing = min(1.0, (lost + late) / (received + lost)) if received else 0.0
        return {
            "received": received,
            "lost": lost,
            "late": late,
            "duplicated": found.duplicated + before.duplicated,
            "jitter_us": int(jitter_us),
            "round_trip_us": trip,
            "mos_milli": self._mos_milli(line, missing, jitter_us) if received else None,
            "concealed_ms": concealed * FRAME_MS,
            "remote_loss_permille": int(feedback.remote_loss * 1_000),
            "remote_jitter_us": feedback.remote_jitter * 1_000_000 // clock,
        }

    def _mos_milli(self, line: Line, loss: float, jitter_us: float) -> int:
        one_way = (line.feedback.round_trip_us or 0) / 2
        return int(mos(loss, jitter_us, one_way, line.opening.codec.name) * 1_000)

    def _begin(self, slot: int, ssrc: int) -> None:
        """Another stream: what the last one came to is kept."""
        if self._ssrcs[slot] >= 0:
            found, tally = self._statistics.received(slot), self._tallies[slot]
            tally.received += found.received
            tally.lost += found.lost
            tally.duplicated += found.duplicated
            self._statistics.reset(np.array([slot], np.int32))
        self._ssrcs[slot] = ssrc

    def _report(self, line: Line, now: int) -> bytes:
        opening, clock = line.opening, line.clock
        theirs = int(self._ssrcs[line.slot])
        heard = theirs >= 0
        block = line.feedback.block(self._statistics, line.slot, theirs, now) if heard else None
        blocks = () if block is None else (block,)
        name = Description(opening.ssrc, opening.cname)
        n = clock.n(now)
        if opening.direction in ("sendrecv", "sendonly"):
            # Counted by the clock, so that a successor goes on counting.
            since = (now - opening.epoch) * opening.codec.clock_rate // 1_000_000
            octets = n * opening.codec.frame_samples
            timestamp = opening.timestamp_base + since
            sent = SenderReport(opening.ssrc, ntp_from_us(now), timestamp, n, octets, blocks)
            packet = compound(sent, name)
        else:
            packet = compound(ReceiverReport(opening.ssrc, blocks), name)
        return self._security.seal_rtcp(line.slot, packet, (now - opening.epoch) // FRAME_US)

    def _destination(self, line: Line) -> bytes:
        """From where reports come; else as signalled, or the port above that of the sound."""
        host, port = line.latch.destination
        if line.opening.rtcp_mux:
            return pack((host, port))
        if (known := self._rtcp_from.get(line.slot)) is not None:
            return known
        return pack((host, line.opening.rtcp_port or min(port + 1, 0xFFFF)))
