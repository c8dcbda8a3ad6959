"""Datagrams in: whose they are; reports are set aside, and what is sealed is opened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.bank.lines import Lines
from media.bank.memory import Slots, ranks
from media.bank.reports import Reports
from media.bank.routes import Routes
from media.bank.security import Security, overwrite

PACKETS_A_LEG_MAX = 64
"""In one batch: more than a second of sound. Whoever sends more floods only itself."""

RTCP_FIRST, RTCP_LAST = 192, 223


@dataclass(frozen=True, slots=True)
class Datagrams:
    """Rows of a batch; `sources` as `media.net.pack` writes them."""

    data: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    sources: NDArray[np.uint8]
    ports: NDArray[np.int32]


class Admission:
    def __init__(self, lines: Lines, routes: Routes, security: Security, reports: Reports) -> None:
        self._lines, self._routes = lines, routes
        self._security, self._reports = security, reports
        self.received = 0
        self.nobodys = 0
        self.flooded = 0

    def admit(self, datagrams: Datagrams, now: int) -> tuple[Slots, Slots]:
        """The rows of RTP that are somebody's, and whose; opened, where they were sealed."""
        routes, second = self._routes, datagrams.data[:, 1]
        # RFC 5761 section 4: on one port, the second octet tells RTCP from RTP.
        muxed = (second >= RTCP_FIRST) & (second <= RTCP_LAST)
        words = datagrams.data.view(">u4")
        ssrcs = np.where(muxed, words[:, 1], words[:, 2]).astype(np.int64)
        slots = routes.find(datagrams.ports, datagrams.sources, ssrcs)
        reports = routes.find_reports(datagrams.ports, datagrams.sources, ssrcs)
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
