"""The legs that are encrypted (SRTP): packets are opened before they are read, sealed after."""

import numpy as np
from numpy.typing import NDArray

from media.bank.departures import Departures
from media.bank.lines import Line
from media.commands import Srtp
from media.srtp import SUITES, Receiver, Sender

RTCP_INDEX_MASK = 0x7FFF_FFFF


class Security:
    """A sender and a receiver for each leg with keys; indexes are functions of the clock."""

    def __init__(self) -> None:
        self._ends: dict[int, tuple[Line, Srtp, Sender, Receiver]] = {}
        self._told: dict[int, int] = {}

    def follow(self, line: Line) -> None:
        """The leg has come, or has other keys. ValueError for keys that do not fit."""
        srtp, known = line.opening.srtp, self._ends.get(line.slot)
        if srtp is None:
            self.close(line.slot)
        elif known is None or known[1] != srtp:
            suite = SUITES[srtp.suite]
            receiver = Receiver(suite, srtp.receive_key, srtp.roc)
            self._ends[line.slot] = (line, srtp, Sender(suite, srtp.send_key), receiver)
            self._told[line.slot] = srtp.roc

    def close(self, slot: int) -> None:
        self._ends.pop(slot, None)
        self._told.pop(slot, None)

    def open_rtp(self, slot: int, packet: bytes) -> bytes:
        """ValueError if it is not sealed with the leg's key, or came before."""
        return self._ends[slot][3].unprotect(packet)

    def open_rtcp(self, slot: int, packet: bytes) -> bytes:
        """ValueError as above."""
        return self._ends[slot][3].unprotect_rtcp(packet)

    def seal_rtp(self, departures: Departures) -> None:
        """Seal what is about to be sent, in place."""
        for slot, (line, _, sender, _) in self._ends.items():
            n = departures.n_of(slot)
            if n >= 0:
                index = line.opening.sequence_base + n
                departures.replace(slot, sender.protect(departures.datagram(slot), index))

    def seal_rtcp(self, slot: int, packet: bytes, n: int) -> bytes:
        """`n`: frames since the epoch, of which there are more at each report."""
        known = self._ends.get(slot)
        return packet if known is None else known[2].protect_rtcp(packet, n & RTCP_INDEX_MASK)

    def rolled_over(self) -> list[tuple[Line, int]]:
        """The legs whose peer's rollover counter is another than was told."""
        found: list[tuple[Line, int]] = []
        for slot, (line, _, _, receiver) in self._ends.items():
            if receiver.roc != self._told[slot]:
                self._told[slot] = receiver.roc
                found.append((line, receiver.roc))
        return found


def overwrite(row: NDArray[np.uint8], packet: bytes) -> None:
    """The packet that was opened, in the place of the sealed one, which was longer."""
    row[: len(packet)] = np.frombuffer(packet, np.uint8)
