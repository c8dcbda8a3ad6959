"""Packets in: whether they are believed, and what is said in them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media import comfort
from media.bank.admission import Datagrams
from media.bank.bank import Bank
from media.bank.former import Former
from media.bank.lines import Line, Lines
from media.bank.memory import Slots, ranks
from media.bank.reports import Reports
from media.codecs import Decoder
from media.codecs.g711 import DECODE, LAWS
from media.net import same, unpack
from media.rtp import RtpPacket
from media.rtp_headers import FIXED_BYTES, Headers, parse
from media.units import Samples

PAYLOAD_BYTES_MAX = 1_600
KINDS_MAX = 1 << 16
"""More than there are lengths of payloads, times laws."""

STRANGERS_A_LEG_MAX = 8
"""Of those who are not believed yet, in one batch: a probation takes several batches."""


@dataclass(slots=True)
class Voices:
    """Sound that packets brought one by one, of legs of one rate."""

    slots: list[int] = field(default_factory=list[int])
    ssrcs: list[int] = field(default_factory=list[int])
    timestamps: list[int] = field(default_factory=list[int])
    samples: list[Samples] = field(default_factory=list[Samples])


Told = Callable[[Line, str, RtpPacket], None]
"""Called with the leg, a digit and its packet."""


class Reception:
    def __init__(
        self, lines: Lines, reports: Reports, banks: Mapping[int, Bank], pressed: Told
    ) -> None:
        self._lines, self._reports, self._banks, self._pressed = lines, reports, banks, pressed

    def receive(self, datagrams: Datagrams, rows: Slots, slots: Slots, now: int) -> None:
        """Take the rows of a batch that are of these slots, in by `now`. None is believed yet."""
        headers = parse(datagrams.data, datagrams.lengths)
        lines = self._lines
        believed = same(lines.latched[slots], datagrams.sources[rows])
        plain = (
            believed
            & (headers.payload_type[rows] == lines.voice[slots])
            & (lines.law[slots] >= 0)
            & (headers.payload_offset[rows] == FIXED_BYTES)
            & (headers.payload_length[rows] > 0)
            & (headers.payload_length[rows] <= PAYLOAD_BYTES_MAX)
        )
        if not plain.all():
            # What a leg has in one batch stays in order.
            plain &= ~np.isin(slots, slots[~plain])
            self._hear_rarer(datagrams, rows[~plain], slots[~plain], now)
            rows, slots = rows[plain], slots[plain]
        self._hear_plain(datagrams, headers, rows, slots, now)

    def _hear_plain(
        self, datagrams: Datagrams, headers: Headers, rows: Slots, slots: Slots, now: int
    ) -> None:
        """G.711 of sources we know: no Python for a packet."""
        if not rows.size:
            return
        lines, bank = self._lines, self._banks[8_000]
        lines.heard_at[slots] = now
        lines.silent_told[slots] = False
        for slot in slots[lines.probing[slots]].tolist():
            lines.by_slot[slot].latch.reassure()
            lines.probing[slot] = False
        ssrcs, timestamps = headers.ssrc[rows].astype(np.int64), headers.timestamp[rows]
        self._reports.note(slots, ssrcs, headers.sequence[rows], timestamps, now)
        arrived = self._arrived(slots, now, bank.rate)
        positions = bank.place(slots, ssrcs, timestamps.astype(np.int64), arrived)
        laws, lengths = lines.law[slots], headers.payload_length[rows]
        for chosen in alike(slots, lengths * len(LAWS) + laws):
            law, end = laws[chosen][0], FIXED_BYTES + lengths[chosen][0]
            payloads = datagrams.data[rows[chosen], FIXED_BYTES:end]
            bank.put(slots[chosen], positions[chosen], np.take(DECODE[law], payloads))

    def _arrived(self, slots: Slots, now: int, rate: int) -> Slots:
        return (now - self._lines.epoch[slots]) * (rate // 1_000) // 1_000

    def _hear_rarer(self, datagrams: Datagrams, rows: Slots, slots: Slots, now: int) -> None:
        """One packet after the other: keys, codecs with a memory, and who is not known."""
        if not rows.size:
            return
        known = same(self._lines.latched[slots], datagrams.sources[rows])
        kept = known.copy()
        kept[~known] = ranks(slots[~known]) < STRANGERS_A_LEG_MAX
        np.add.at(self._lines.strangers, slots[~kept], 1)
        voices = {rate: Voices() for rate in self._banks}
        for row, slot in zip(rows[kept].tolist(), slots[kept].tolist(), strict=True):
            data = datagrams.data[row, : datagrams.lengths[row]].tobytes()
            line, source = self._lines.by_slot[slot], datagrams.sources[row].tobytes()
            if (packet := self._believe(line, data, source, now)) is not None:
                self._hear_one(line, packet, voices[line.rate])
        for rate, heard in voices.items():
            if heard.slots:
                self._hear(self._banks[rate], heard, now)

    def _believe(self, line: Line, data: bytes, source: bytes, now: int) -> RtpPacket | None:
        """The packet of sound in a datagram, if there is one and it belongs to the call."""
        lines, slot, opening = self._lines, line.slot, line.opening
        expected = (opening.payload_type, opening.dtmf_payload_type, comfort.PAYLOAD_TYPE)
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            packet = None
        former = line.former
        if (
            packet is None
            or not (
                packet.payload_type in expected
                or (former is not None and former.is_expected(packet.payload_type, now))
            )
            or len(packet.payload) > PAYLOAD_BYTES_MAX
        ):
            lines.malformed[slot] += 1
            return None
        address = unpack(source)
        accepted = line.latch.accept(address, packet, now)
        lines.follow_latch(line)
        if not accepted:
            lines.strangers[slot] += 1
            return None
        lines.heard_at[slot], lines.silent_told[slot] = now, False
        # A capture played beside the stream may press keys, but not speak over it.
        is_beside = line.latch.source not in (None, address)
        if not is_beside:
            self._count(line, packet, now)
        if packet.payload_type == opening.dtmf_payload_type:
            if digit := line.keys_heard.receive(packet):
                self._pressed(line, digit, packet)
            return None
        return None if is_beside or not packet.payload else packet

    def _count(self, line: Line, packet: RtpPacket, now: int) -> None:
        self._reports.note(
            np.array([line.slot]),
            np.array([packet.ssrc]),
            np.array([packet.sequence], np.uint16),
            np.array([packet.timestamp], np.uint32),
            now,
            timed=packet.payload_type == line.opening.payload_type,
        )

    def _hear_one(self, line: Line, packet: RtpPacket, heard: Voices) -> None:
        kind, former, timestamp = packet.payload_type, line.former, packet.timestamp
        decoder: Decoder | Former = line.decoder or line.opening.codec
        if kind != line.opening.payload_type:
            if former is None or kind != former.payload_type:
                self._banks[line.rate].comfort(line.slot, comfort.level(packet.payload))
                return
            decoder, timestamp = former, former.timestamp(timestamp)
        try:
            samples = decoder.decode(packet.payload)
        except ValueError:
            self._lines.malformed[line.slot] += 1
            return
        if len(samples):
            heard.slots.append(line.slot)
            heard.ssrcs.append(packet.ssrc)
            heard.timestamps.append(timestamp)
            heard.samples.append(np.maximum(samples, -32_767))  # The lowest stands for "none".

    def _hear(self, bank: Bank, heard: Voices, now: int) -> None:
        slots = np.array(heard.slots, np.int64)
        ssrcs, timestamps = np.array(heard.ssrcs, np.int64), np.array(heard.timestamps, np.int64)
        arrived = self._arrived(slots, now, bank.rate)
        positions = bank.place(slots, ssrcs, timestamps, arrived)
        lengths = np.array([len(samples) for samples in heard.samples])
        for chosen in alike(slots, lengths):
            places: list[int] = np.arange(len(slots))[chosen].tolist()
            samples = np.stack([heard.samples[n] for n in places])
            bank.put(slots[chosen], positions[chosen], samples)


def alike(slots: Slots, kinds: NDArray[np.integer]) -> Iterator[Slots | slice]:
    """The places of packets which can be taken together: of one kind, and of a leg one each.

    In an order in which those of each leg stay as they came.
    """
    keys = ranks(slots) * KINDS_MAX + kinds
    if (keys == keys[0]).all():
        yield slice(None)
        return
    for key in np.unique(keys).tolist():
        yield np.flatnonzero(keys == key)
