"""Telephone events in RTP (RFC 4733): one digit per key press, whatever the network does.

All packets of a key press carry the timestamp of its beginning, so any one of them is enough, and
no other brings it again: lost beginnings and ends, repeated ends and late packets do no harm. Only
a new timestamp has to be judged: whether it is a new key press, or the same one told badly.
"""

import struct
from collections import OrderedDict, deque
from dataclasses import dataclass

from media.rtp import RtpPacket, timestamp_delta
from media.units import FRAME_MS, SAMPLE_RATE

DIGITS = "0123456789*#ABCD"
EVENT = struct.Struct(">BBH")
END_BIT = 0x80
DURATION_MAX = 0xFFFF
EVENTS_REMEMBERED = 64
RELEASE_MS_MIN = 60
"""Nobody lets go of a key and presses it again within this, begin to begin."""

UPDATE_MS_MAX = 40
"""What a sender without a clock of its own may be ahead of what it says of the duration."""

SEGMENT_MS_TOLERANCE = 120
"""How far before its longest duration a sender may break off a segment."""

END_PACKETS = 3
PAUSE_FRAMES = 4
VOLUME_DBM0 = 10
DURATION_MS_MIN = 40
DURATION_MS_MAX = 6_000
DIGITS_MAX = 64


@dataclass(slots=True)
class _Event:
    code: int
    duration: int
    ended: bool


class DtmfReceiver:
    """The key presses of one stream. Of `clock_rate` Hz are the timestamps of its events."""

    def __init__(self, clock_rate: int = SAMPLE_RATE) -> None:
        self._events: OrderedDict[tuple[int, int], _Event] = OrderedDict()
        self._ticks_per_ms = clock_rate // 1_000

    def receive(self, packet: RtpPacket) -> str | None:
        """The digit that begins with this packet, or None. Malformed payloads are ignored."""
        if len(packet.payload) < EVENT.size:
            return None
        code, flags, duration = EVENT.unpack_from(packet.payload)
        if code >= len(DIGITS):
            return None
        key = (packet.ssrc, packet.timestamp)
        ended = bool(flags & END_BIT)
        if (event := self._events.get(key)) is not None:
            event.duration, event.ended = max(event.duration, duration), event.ended or ended
            return None
        event = _Event(code, duration, ended)
        goes_on = self._goes_on(packet, event)
        self._remember(key, event)
        return None if goes_on else DIGITS[code]

    def _goes_on(self, packet: RtpPacket, now: _Event) -> bool:
        """Whether a packet with a new timestamp is of the key press before it."""
        if not self._events or packet.marker:
            return False
        (ssrc, timestamp), before = next(reversed(self._events.items()))
        later = timestamp_delta(packet.timestamp, timestamp)
        if ssrc != packet.ssrc or before.code != now.code or later <= 0:
            return False
        if before.ended:
            # The end, repeated by a sender whose timestamp runs on.
            repeats = now.ended and now.duration == before.duration
            return repeats and later <= RELEASE_MS_MIN * self._ticks_per_ms
        # RFC 4733 section 2.5.1.3: a long event goes on as a segment with a new timestamp.
        tolerance = SEGMENT_MS_TOLERANCE * self._ticks_per_ms
        if DURATION_MAX - tolerance <= later <= DURATION_MAX:
            return True
        # A sender whose timestamp runs on during a key press: it grows with the duration. That of
        # another press is later by a whole press and a pause, while its duration began anew.
        return later <= now.duration - before.duration + UPDATE_MS_MAX * self._ticks_per_ms

    def _remember(self, key: tuple[int, int], event: _Event) -> None:
        self._events[key] = event
        if len(self._events) > EVENTS_REMEMBERED:
            self._events.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Tone:
    """What one tick sends: the event's payload, and whether it begins."""

    payload: bytes
    marker: bool


@dataclass(slots=True)
class _Press:
    code: int
    frames: int
    sent: int = 0


class DtmfSender:
    """Key presses to be sent, one packet per tick in the place of audio.

    Of `clock_rate` Hz are the timestamps of the events. At 48 kHz a key can be pressed for 1.3 s
    only: what does not fit into one duration would need segments, which nobody presses.
    """

    def __init__(self, clock_rate: int = SAMPLE_RATE) -> None:
        self._presses: deque[_Press] = deque()
        self._pause = 0
        self._frame_ticks = clock_rate * FRAME_MS // 1_000

    def press(self, digits: str, duration_ms: int) -> None:
        """Queue digits. ValueError for what is no digit, or too long, or too many."""
        frames = duration_ms // FRAME_MS
        longest_ms = min(DURATION_MS_MAX, DURATION_MAX // self._frame_ticks * FRAME_MS)
        if not DURATION_MS_MIN <= duration_ms <= longest_ms:
            raise ValueError(f"DTMF duration of {duration_ms} ms")
        if len(self._presses) + len(digits) > DIGITS_MAX:
            raise ValueError(f"more than {DIGITS_MAX} DTMF digits queued")
        codes = [DIGITS.find(digit) for digit in digits.upper()]
        if -1 in codes:
            raise ValueError("not a DTMF digit")
        self._presses.extend(_Press(code, frames) for code in codes)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be sent until keys are pressed again."""
        return not self._presses and not self._pause

    def tone(self) -> Tone | None:
        """What to send at this tick, or None if no key is down."""
        if self._pause:
            self._pause -= 1
            return None
        if not self._presses:
            return None
        press = self._presses[0]
        press.sent += 1
        tone = self._tone(press)
        if press.sent == press.frames + END_PACKETS - 1:
            self._presses.popleft()
            self._pause = PAUSE_FRAMES
        return tone

    def _tone(self, press: _Press) -> Tone:
        """RFC 4733 section 2.5.1.4: the last packet is sent three times, its duration unchanged."""
        duration = min(press.sent, press.frames) * self._frame_ticks
        flags = VOLUME_DBM0 | (END_BIT if press.sent >= press.frames else 0)
        payload = EVENT.pack(press.code, flags, duration)
        return Tone(payload, press.sent == 1)
