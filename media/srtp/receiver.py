"""The receiving end: opens packets, tells their indexes, and takes none of them twice."""

from collections import OrderedDict
from collections.abc import Iterator

from media.srtp.errors import AuthenticationError, ReplayError
from media.srtp.packets import rtcp_ssrc, rtp_header
from media.srtp.sender import INDEX_END, transform
from media.srtp.suites import Suite
from media.srtp.window import Window

SSRCS_MAX = 8
"""Streams of one key: a sender that goes on as another is rare. The one heard longest ago is
forgotten for a ninth, which only the owner of the key can send."""

ROUNDS_MISSED_MAX = 3
"""A sender whose sequence numbers are a function of the clock, and which was silent for more than
half a round (11 minutes), is further on than RFC 3711 would guess: an hour of hold is forgiven."""

ROC_MAX = 0xFFFF_FFFF

Windows = OrderedDict[int, Window]


class Receiver:
    """The streams that a peer sends under one key.

    `roc` is where the forerunner of this process left the rollover counter. A stream that is new
    to this process is first looked for there and beside it, for it may have wrapped around
    meanwhile, and then where a stream begins, at 0.
    """

    def __init__(self, suite: Suite, master: bytes, roc: int = 0, mki_bytes: int = 0) -> None:
        self._transform = transform(suite, master)
        self._mki_bytes = mki_bytes
        self._windows: Windows = OrderedDict()
        self._rtcp_windows: Windows = OrderedDict()
        self.roc = roc
        """The rollover counter of the stream that was heard last."""

    def unprotect(self, packet: bytes) -> bytes:
        """The packet of RTP. SrtpError says why there is none; nothing is changed by it."""
        sequence, ssrc, start = rtp_header(packet)
        window, refused = self._windows.get(ssrc), None
        for index in self._indexes(window, sequence):
            try:
                if window is not None:
                    window.check(index)
                opened = self._transform.open_rtp(packet, start, ssrc, index, self._mki_bytes)
            except (AuthenticationError, ReplayError) as error:
                refused = refused or error
                continue
            self.roc = _take(self._windows, ssrc, index).roc
            return opened
        raise refused or AuthenticationError("SRTP packet from beyond the last index")

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The compound of RTCP. SrtpError as above."""
        ssrc = rtcp_ssrc(packet)
        opened, index = self._transform.open_rtcp(packet, ssrc, self._mki_bytes)
        if (window := self._rtcp_windows.get(ssrc)) is not None:
            window.check(index)
        _take(self._rtcp_windows, ssrc, index)
        return opened

    def _indexes(self, window: Window | None, sequence: int) -> Iterator[int]:
        """What the packet's index may be, the likeliest first."""
        if window is None:
            for roc in dict.fromkeys((self.roc, self.roc + 1, self.roc - 1, 0)):
                if 0 <= roc <= ROC_MAX:
                    yield roc << 16 | sequence
            return
        guess = window.estimate(sequence)
        for index in range(guess, guess + (ROUNDS_MISSED_MAX << 16) + 1, 1 << 16):
            if 0 <= index < INDEX_END:
                yield index


def _take(windows: Windows, ssrc: int, index: int) -> Window:
    window = windows.get(ssrc)
    if window is None:
        window = windows[ssrc] = Window(index)
        if len(windows) > SSRCS_MAX:
            windows.popitem(last=False)
    else:
        window.take(index)
        windows.move_to_end(ssrc)
    return window
