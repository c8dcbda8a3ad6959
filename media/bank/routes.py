"""Whose is a datagram: by the local port, or on a shared port by its source and SSRC."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.bank.memory import Mask, Slots
from media.net import SOCKADDR_BYTES, key, same

NOBODY = -1
SHARED = -2
PORTS = 1 << 16
UNKNOWN_MAX = 64
"""So many datagrams of sources unknown on a shared port are looked at in one batch."""

REPORTS_MAX = 256
"""So many reports on the port above a shared one: each leg sends one in seconds."""

GUESSES = 1 << 14
"""A power of two, many times the legs."""

MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(slots=True)
class Sharer:
    """A leg on a shared port: from where it is sent to, by which SSRC it is known, and from where
    its reports come if not from there."""

    remote: bytes
    reports: bytes
    ssrc: int | None = None


class Routes:
    def __init__(self) -> None:
        self.rtp = np.full(PORTS, NOBODY, np.int64)
        self.rtcp = np.full(PORTS, NOBODY, np.int64)
        self._sharers: dict[int, Sharer] = {}
        self._by_remote: dict[bytes, list[int]] = {}
        self._by_reports: dict[bytes, list[int]] = {}
        self._by_host: dict[tuple[bytes, int], int] = {}
        """By host and SSRC; NOBODY where several legs have both."""
        self._guesses = np.zeros(GUESSES, np.int64)
        """By the end of an SSRC, the place where its leg stands, unless others share that end."""
        self._keys: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._slots: Slots = np.empty(0, np.int64)
        self._rows: NDArray[np.uint8] = np.empty((0, SOCKADDR_BYTES), np.uint8)
        self._ssrcs: Slots = np.empty(0, np.int64)

    def open(self, slot: int, port: int, remote: bytes, reports: bytes, *, shared: bool) -> None:
        """A leg listens on a port, and for reports on the one above; on a shared one only to the
        sources that were signalled."""
        self.rtp[port] = self.rtcp[port + 1 & PORTS - 1] = SHARED if shared else slot
        if not shared:
            return
        self.close(slot, port, shared=True)
        self._sharers[slot] = Sharer(remote, reports)
        self._by_remote.setdefault(remote, []).append(slot)
        self._by_reports.setdefault(reports, []).append(slot)

    def close(self, slot: int, port: int, *, shared: bool) -> None:
        """Nobody listens there any more."""
        if not shared:
            self.rtp[port] = self.rtcp[port + 1 & PORTS - 1] = NOBODY
        elif (sharer := self._sharers.pop(slot, None)) is not None:
            for known, at in (
                (self._by_remote, sharer.remote),
                (self._by_reports, sharer.reports),
            ):
                known[at].remove(slot)
                if not known[at]:
                    del known[at]
            self._sort()

    def find(self, ports: NDArray[np.int32], sources: NDArray[np.uint8], ssrcs: Slots) -> Slots:
        """The slot of each datagram; negative where it is nobody's."""
        slots = self.rtp[ports]
        rows = np.flatnonzero(slots == SHARED)
        if rows.size:
            slots[rows] = self._find_shared(sources[rows], ssrcs[rows])
        return slots

    def find_reports(
        self, ports: NDArray[np.int32], sources: NDArray[np.uint8], ssrcs: Slots
    ) -> Slots:
        """The slot of each datagram on a port for RTCP alone; negative where it is nobody's."""
        slots = self.rtcp[ports]
        rows = np.flatnonzero(slots == SHARED)
        if rows.size:
            slots[rows] = NOBODY
            for row in rows[:REPORTS_MAX].tolist():
                slots[row] = self._reporter(sources[row].tobytes(), int(ssrcs[row]))
        return slots

    def _reporter(self, source: bytes, ssrc: int) -> int:
        """Whose sound has this SSRC; else who was signalled to report from there."""
        slot = self._by_host.get((_host(source), ssrc), NOBODY)
        if slot != NOBODY:
            return slot
        slots = self._by_reports.get(source, [])
        return slots[0] if len(slots) == 1 else NOBODY

    def _find_shared(self, sources: NDArray[np.uint8], ssrcs: Slots) -> Slots:
        found = self._look_up(sources, ssrcs)
        unknown = np.flatnonzero(found == NOBODY)[:UNKNOWN_MAX]
        bound = [self._bind(sources[n].tobytes(), int(ssrcs[n])) for n in unknown.tolist()]
        if any(bound):
            self._sort()
            found = self._look_up(sources, ssrcs)
        return found

    def _look_up(self, sources: NDArray[np.uint8], ssrcs: Slots) -> Slots:
        if not self._keys.size:
            return np.full(len(ssrcs), NOBODY, np.int64)
        places = self._guesses[ssrcs & GUESSES - 1]
        right = self._are(places, sources, ssrcs)
        if not right.all():
            wrong = np.flatnonzero(~right)
            keys = key(sources[wrong]) ^ ssrcs[wrong].astype(np.uint64) * MIX
            found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            places[wrong], right[wrong] = found, self._are(found, sources[wrong], ssrcs[wrong])
        return np.where(right, self._slots[places], NOBODY)

    def _are(self, places: Slots, sources: NDArray[np.uint8], ssrcs: Slots) -> Mask:
        # Guesses and keys may collide by somebody's will: the whole row has to be the same.
        right: Mask = (self._ssrcs[places] == ssrcs) & same(self._rows[places], sources)
        return right

    def _bind(self, source: bytes, ssrc: int) -> bool:
        """A source speaks under a new SSRC: it must be clear which leg that is."""
        slots = self._by_remote.get(source, [])
        fresh = [slot for slot in slots if self._sharers[slot].ssrc is None]
        if any(self._sharers[slot].ssrc == ssrc for slot in slots):
            return False
        if len(fresh) == 1 or len(slots) == 1:
            self._sharers[(fresh or slots)[0]].ssrc = ssrc
            return True
        return False

    def _sort(self) -> None:
        bound = [
            (s.remote, s.ssrc, slot) for slot, s in self._sharers.items() if s.ssrc is not None
        ]
        rows = np.frombuffer(b"".join(remote for remote, _, _ in bound), np.uint8)
        rows = rows.reshape(-1, SOCKADDR_BYTES)
        ssrcs = np.array([ssrc for _, ssrc, _ in bound], np.int64)
        keys = key(rows) ^ ssrcs.astype(np.uint64) * MIX
        order = np.argsort(keys)
        self._keys, self._rows, self._ssrcs = keys[order], rows[order], ssrcs[order]
        self._slots = np.array([slot for _, _, slot in bound], np.int64)[order]
        self._guesses[:] = 0
        self._guesses[self._ssrcs & GUESSES - 1] = np.arange(len(order))
        self._by_host = {}
        for remote, ssrc, slot in bound:
            who = _host(remote), ssrc
            self._by_host[who] = NOBODY if who in self._by_host else slot


def _host(address: bytes) -> bytes:
    """An address without its port; see `media.net.address`."""
    return address[:2] + address[4:]
