"""Datagrams out: one row a leg, written in place, and sent all together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.bank.lines import NO_LAW, Line, Lines
from media.bank.memory import Frames, Slots, lazily
from media.codecs.g711 import ENCODE, LAWS
from media.rtp import FIXED_HEADER, VERSION
from media.units import FRAME_US

PACKET_BYTES_MAX = 512
HEADER_BYTES = FIXED_HEADER.size
FRAME_BYTES = 160
SENDING = ("sendrecv", "sendonly")
SILENT = np.array([ENCODE[law][0] for law in range(len(LAWS))], np.uint8)
"""The octet of silence in each law."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Datagrams to be sent, as rows: valid until the next tick."""

    ports: NDArray[np.int32]
    data: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    destinations: NDArray[np.uint8]


class Departures:
    def __init__(self, slots: int, lines: Lines) -> None:
        self._lines = lines
        self._rows: NDArray[np.uint8] = lazily((slots, PACKET_BYTES_MAX), np.uint8)
        self._second = self._rows[:, 1]
        self._sequences = self._rows[:, 2:4].view(">u2")[:, 0]
        self._timestamps = self._rows[:, 4:8].view(">u4")[:, 0]
        self._lengths = np.zeros(slots, np.int32)
        self._slots: Slots = np.empty(0, np.int64)
        self._row_of = np.full(slots, -1, np.int64)
        self._loud = np.zeros(slots, np.bool_)
        self._marked: list[int] = []

    def arrange(self, lines: list[Line]) -> None:
        """Legs have come, gone or changed: lay the rows out anew, those of one port together."""
        lines = sorted(lines, key=lambda line: line.port)
        self._slots = np.array([line.slot for line in lines], np.int64)
        self._ports = np.array([line.port for line in lines], np.int32)
        self._row_of[:] = -1
        self._row_of[self._slots] = np.arange(len(lines))
        openings = [line.opening for line in lines]
        count = len(lines)
        self._epoch = np.array([o.epoch for o in openings], np.int64)
        self._sequence_base = np.array([o.sequence_base for o in openings], np.int64)
        self._timestamp_base = np.array([o.timestamp_base for o in openings], np.int64)
        self._ticks = np.array([o.codec.frame_ticks for o in openings], np.int64)
        self._kinds = np.array([o.payload_type for o in openings], np.uint8)
        self._sends = np.array(
            [o.direction in ("sendrecv", "sendonly") for o in openings], np.bool_
        )
        self._rows[:count, 0] = VERSION << 6
        self._rows[:count, 8:12].view(">u4")[:, 0] = [o.ssrc for o in openings]
        self._loud[:count] = True  # Whatever is in the payload, it is not silence.
        self._quieten(np.empty(0, np.int64))

    def begin(self, slot_us: int) -> None:
        """The headers of a tick: functions of the clock, so that a successor goes on alike."""
        count = len(self._slots)
        self._n = n = (slot_us - self._epoch) // FRAME_US
        self._sequences[:count] = self._sequence_base + n & 0xFFFF
        self._timestamps[:count] = self._timestamp_base + self._ticks * n & 0xFFFF_FFFF
        self._second[:count] = self._kinds
        self._lengths[:count] = HEADER_BYTES + FRAME_BYTES
        for row in self._marked:
            self._loud[row] = True  # An event, or what was sealed, lies where sound belongs.
        self._marked = []

    def speak(self, slots: Slots, frames: Frames) -> None:
        """What G.711 legs send; the others send silence."""
        rows, laws = self._row_of[slots], self._lines.law[slots]
        self._quieten(rows)
        unsigned = frames.view(np.uint16)
        for law in range(len(LAWS)):
            chosen = laws == law
            if chosen.all():
                octets = np.take(ENCODE[law], unsigned)
                self._rows[rows, HEADER_BYTES : HEADER_BYTES + FRAME_BYTES] = octets
                return
            if chosen.any():
                octets = np.take(ENCODE[law], unsigned[chosen])
                self._rows[rows[chosen], HEADER_BYTES : HEADER_BYTES + FRAME_BYTES] = octets

    def put(self, slot: int, payload: bytes) -> None:
        """What one leg sends, encoded by a codec of its own."""
        row = self._row_of[slot]
        self._rows[row, HEADER_BYTES : HEADER_BYTES + len(payload)] = np.frombuffer(
            payload, np.uint8
        )
        self._lengths[row] = HEADER_BYTES + len(payload)

    def press(self, line: Line, payload: bytes, *, begins: bool) -> None:
        """A telephone event in the place of sound (RFC 4733)."""
        row = int(self._row_of[line.slot])
        # Section 2.2.1: all packets of an event carry the time of its beginning, also when a tick
        # was missed meanwhile.
        if begins:
            line.key_began = int(self._timestamps[row])
        kind = line.opening.dtmf_payload_type
        assert kind is not None, "no key is pressed without a payload type"
        self._second[row] = kind | (0x80 if begins else 0)
        self._timestamps[row] = line.key_began
        self.put(line.slot, payload)
        self._marked.append(row)

    def outgoing(self) -> Outgoing:
        count = len(self._slots)
        every = Outgoing(
            self._ports,
            self._rows[:count],
            self._lengths[:count],
            self._lines.destination[self._slots],
        )
        # Nothing is sent before the epoch, nor by who only listens.
        sends = self._sends & (self._n >= 0)
        if sends.all():
            return every
        rows = np.flatnonzero(sends)
        return Outgoing(
            every.ports[rows], every.data[rows], every.lengths[rows], every.destinations[rows]
        )

    def datagram(self, slot: int) -> bytes:
        """The datagram of a leg as it stands, to be protected."""
        row = self._row_of[slot]
        return self._rows[row, : self._lengths[row]].tobytes()

    def n_of(self, slot: int) -> int:
        """How many frames a leg is into its stream."""
        return int(self._n[self._row_of[slot]])

    def replace(self, slot: int, datagram: bytes) -> None:
        row = self._row_of[slot]
        self._rows[row, : len(datagram)] = np.frombuffer(datagram, np.uint8)
        self._lengths[row] = len(datagram)
        self._marked.append(int(row))

    def n(self) -> tuple[Slots, Slots]:
        """The slots, and how many frames each is into its stream."""
        return self._slots, self._n

    def _quieten(self, speaking: Slots) -> None:
        """Silence in the rows that were loud and are no more."""
        count = len(self._slots)
        loud = self._loud[:count]
        loud[speaking] = False
        rows = np.flatnonzero(loud)
        if rows.size:
            laws = self._lines.law[self._slots[rows]]
            octets = SILENT[np.where(laws == NO_LAW, 0, laws)][:, None]
            self._rows[rows, HEADER_BYTES : HEADER_BYTES + FRAME_BYTES] = octets
        loud[:] = False
        loud[speaking] = True
