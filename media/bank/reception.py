"""Datagrams in: whose they are, whether they are believed, and what is said in them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media import comfort
from media.bank.bank import Bank
from media.bank.lines import Line, Lines
from media.bank.memory import Mask, Slots, ranks
from media.bank.reports import Reports
from media.bank.routes import Routes
from media.bank.security import Security, overwrite
from media.codecs.g711 import DECODE
from media.net import unpack
from media.rtp import RtpPacket
from media.rtp_headers import FIXED_BYTES, Headers, parse
from media.units import Samples

PAYLOAD_BYTES_MAX = 1_600
PACKETS_A_LEG_MAX = 64
"""In one batch: more than a second of sound. Whoever sends more floods only itself."""

RTCP_FIRST, RTCP_LAST = 192, 223
STRANGERS_A_LEG_MAX = 8
"""Of those who are not believed yet, in one batch: a probation takes several batches."""


@dataclass(frozen=True, slots=True)
class Datagrams:
    """Rows of a batch; `sources` as `media.net.pack` writes them."""

    data: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    sources: NDArray[np.uint8]
    ports: NDArray[np.int32]


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
        self,
        lines: Lines,
        routes: Routes,
        security: Security,
        reports: Reports,
        banks: Mapping[int, Bank],
        pressed: Told,
    ) -> None:
        self._lines, self._routes, self._banks, self._pressed = lines, routes, banks, pressed
        self._security, self._reports = security, reports
        self.received = 0
        self.nobodys = 0
        self.flooded = 0

    def receive(self, datagrams: Datagrams, now: int) -> None:
        """Take a batch that came in by `now`. What is hostile is counted and ignored."""
        rows, slots = self._admit(datagrams, now)
        headers = parse(datagrams.data, datagrams.lengths)
        lines = self._lines
        believed = (lines.latched[slots] == datagrams.sources[rows]).all(axis=1)
        plain = (
            believed
            & (headers.payload_type[rows] == lines.voice[slots])
            & (lines.law[slots] >= 0)
            & (headers.payload_offset[rows] == FIXED_BYTES)
            & (headers.payload_length[rows] > 0)
            & (headers.payload_length[rows] <= PAYLOAD_BYTES_MAX)
        )
        voices = {rate: Voices() for rate in self._banks}
        self._receive_rarer(datagrams, rows[~plain], slots[~plain], believed[~plain], now, voices)
        self._hear_plain(datagrams, headers, rows[plain], slots[plain], now)
        for rate, heard in voices.items():
            if heard.slots:
                self._hear(self._banks[rate], heard, now)

    def _admit(self, datagrams: Datagrams, now: int) -> tuple[Slots, Slots]:
        """The rows of RTP that are somebody's, and whose; opened, where they were sealed."""
        data, routes = datagrams.data, self._routes
        second = data[:, 1]
        # RFC 5761 section 4: on one port, the second octet tells RTCP from RTP.
        muxed = (second >= RTCP_FIRST) & (second <= RTCP_LAST)
        words = np.where(muxed[:, None], data[:, 4:8], data[:, 8:12])
        ssrcs = words.copy().view(">u4")[:, 0].astype(np.int64)
        slots = routes.find(datagrams.ports, datagrams.sources, ssrcs)
        reports = routes.rtcp[datagrams.ports]
        is_rtcp = (reports >= 0) | (muxed & (slots >= 0))
        if is_rtcp.any():
            slots = np.where(reports >= 0, reports, slots)
        rows = np.flatnonzero(slots >= 0)
        self.nobodys += len(slots) - len(rows)
        slots = slots[rows]
        if len(rows) > PACKETS_A_LEG_MAX:
            kept = ranks(slots) < PACKETS_A_LEG_MAX
            self.flooded += len(rows) - int(np.count_nonzero(kept))
            rows, slots = rows[kept], slots[kept]
        if is_rtcp.any():
            told = is_rtcp[rows]
            self._hear_reports(datagrams, rows[told], slots[told], now)
            rows, slots = rows[~told], slots[~told]
        self.received += len(slots)
        np.add.at(self._lines.received, slots, 1)
        secured = self._lines.secured[slots]
        if secured.any():
            kept = ~secured
            kept[secured] = self._open_sealed(datagrams, rows[secured], slots[secured])
            rows, slots = rows[kept], slots[kept]
        return rows, slots

    def _hear_reports(self, datagrams: Datagrams, rows: Slots, slots: Slots, now: int) -> None:
        for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
            data = datagrams.data[row, : datagrams.lengths[row]].tobytes()
            source = datagrams.sources[row].tobytes()
            try:
                self._reports.receive(self._lines.by_slot[slot], data, source, now)
            except ValueError:
                self._lines.malformed[slot] += 1

    def _open_sealed(self, datagrams: Datagrams, rows: Slots, slots: Slots) -> list[bool]:
        """Open SRTP in place; false where it cannot be."""
        opened: list[bool] = []
        for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
            sealed = datagrams.data[row, : datagrams.lengths[row]].tobytes()
            try:
                packet = self._security.open_rtp(slot, sealed)
            except ValueError:
                self._lines.malformed[slot] += 1
                opened.append(False)
                continue
            overwrite(datagrams.data[row], packet)
            datagrams.lengths[row] = len(packet)
            opened.append(True)
        return opened

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
        for law in np.unique(laws).tolist():
            for length in np.unique(lengths[laws == law]).tolist():
                chosen = np.flatnonzero((laws == law) & (lengths == length))
                payloads = datagrams.data[rows[chosen], FIXED_BYTES : FIXED_BYTES + length]
                bank.put(slots[chosen], positions[chosen], np.take(DECODE[law], payloads))

    def _arrived(self, slots: Slots, now: int, rate: int) -> Slots:
        return (now - self._lines.epoch[slots]) * (rate // 1_000) // 1_000

    def _receive_rarer(
        self,
        datagrams: Datagrams,
        rows: Slots,
        slots: Slots,
        believed: Mask,
        now: int,
        voices: Mapping[int, Voices],
    ) -> None:
        """One packet after the other: keys, codecs with a memory, and who is not known."""
        if not rows.size:
            return
        kept = believed | (ranks(np.where(believed, -1, slots)) < STRANGERS_A_LEG_MAX)
        np.add.at(self._lines.strangers, slots[~kept], 1)
        for row, slot in zip(rows[kept].tolist(), slots[kept].tolist(), strict=True):
            data = datagrams.data[row, : datagrams.lengths[row]].tobytes()
            line = self._lines.by_slot[slot]
            self._receive_one(line, data, datagrams.sources[row].tobytes(), now, voices)

    def _receive_one(
        self, line: Line, data: bytes, source: bytes, now: int, voices: Mapping[int, Voices]
    ) -> None:
        lines, slot, opening = self._lines, line.slot, line.opening
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            lines.malformed[slot] += 1
            return
        expected = (opening.payload_type, opening.dtmf_payload_type, comfort.PAYLOAD_TYPE)
        if packet.payload_type not in expected or len(packet.payload) > PAYLOAD_BYTES_MAX:
            lines.malformed[slot] += 1
            return
        address = unpack(source)
        accepted = line.latch.accept(address, packet, now)
        lines.follow_latch(line)
        if not accepted:
            lines.strangers[slot] += 1
            return
        lines.heard_at[slot], lines.silent_told[slot] = now, False
        is_sound = packet.payload_type == opening.payload_type
        if line.latch.source in (None, address):
            self._reports.note(
                np.array([slot]),
                np.array([packet.ssrc]),
                np.array([packet.sequence], np.uint16),
                np.array([packet.timestamp], np.uint32),
                now,
                timed=is_sound,
            )
        if packet.payload_type == opening.dtmf_payload_type:
            if digit := line.keys_heard.receive(packet):
                self._pressed(line, digit, packet)
        elif line.latch.source in (None, address) and packet.payload:
            # A capture played beside the stream may press keys, but not speak over it.
            self._hear_one(line, packet, voices)

    def _hear_one(self, line: Line, packet: RtpPacket, voices: Mapping[int, Voices]) -> None:
        if packet.payload_type != line.opening.payload_type:
            self._banks[line.rate].comfort(line.slot, comfort.level(packet.payload))
            return
        try:
            samples = (line.decoder or line.opening.codec).decode(packet.payload)
        except ValueError:
            self._lines.malformed[line.slot] += 1
            return
        if len(samples):
            heard = voices[line.rate]
            heard.slots.append(line.slot)
            heard.ssrcs.append(packet.ssrc)
            heard.timestamps.append(packet.timestamp)
            heard.samples.append(np.maximum(samples, -32_767))  # The lowest stands for "none".

    def _hear(self, bank: Bank, heard: Voices, now: int) -> None:
        slots = np.array(heard.slots, np.int64)
        ssrcs, timestamps = np.array(heard.ssrcs, np.int64), np.array(heard.timestamps, np.int64)
        arrived = self._arrived(slots, now, bank.rate)
        positions = bank.place(slots, ssrcs, timestamps, arrived)
        lengths = np.array([len(samples) for samples in heard.samples])
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            samples = np.stack([heard.samples[n] for n in rows.tolist()])
            bank.put(slots[rows], positions[rows], samples)
