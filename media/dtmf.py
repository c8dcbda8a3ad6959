"""Telephone events in RTP (RFC 4733): one digit per key press, whatever the network does."""

import struct
from collections import OrderedDict, deque
from dataclasses import dataclass

from media.rtp import RtpPacket, timestamp_delta
from media.units import FRAME_SAMPLES, SAMPLES_PER_MS

DIGITS = "0123456789*#ABCD"
EVENT = struct.Struct(">BBH")
END_BIT = 0x80
DURATION_MAX = 0xFFFF
EVENTS_REMEMBERED = 64
RELEASE_SAMPLES_MIN = 480
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
    """Counts an event at its first packet, so losing any of the others changes nothing."""

    def __init__(self) -> None:
        self._events: OrderedDict[tuple[int, int], _Event] = OrderedDict()

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
        """RFC 4733 section 2.5.1.3: a long event continues as a segment with a new timestamp.

        So does one of a sender that lost its own clock: nobody lets go of a key and presses it
        again within `RELEASE_SAMPLES_MIN`, without an end and without a marker.
        """
        if not self._events or packet.marker:
            return False
        (ssrc, timestamp), before = next(reversed(self._events.items()))
        repeats_end = before.ended and now.ended and before.duration == now.duration
        if ssrc != packet.ssrc or before.code != now.code or (before.ended and not repeats_end):
            return False
        later = timestamp_delta(packet.timestamp, timestamp)
        return later == DURATION_MAX or 0 < later <= before.duration + RELEASE_SAMPLES_MIN

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
    """Key presses to be sent, one packet per tick in the place of audio."""

    def __init__(self) -> None:
        self._presses: deque[_Press] = deque()
        self._pause = 0

    def press(self, digits: str, duration_ms: int) -> None:
        """Queue digits. ValueError for what is no digit, or too long, or too many."""
        if not DURATION_MS_MIN <= duration_ms <= DURATION_MS_MAX:
            raise ValueError(f"DTMF duration of {duration_ms} ms")
        if len(self._presses) + len(digits) > DIGITS_MAX:
            raise ValueError(f"more than {DIGITS_MAX} DTMF digits queued")
        codes = [DIGITS.find(digit) for digit in digits.upper()]
        if -1 in codes:
            raise ValueError("not a DTMF digit")
        frames = duration_ms * SAMPLES_PER_MS // FRAME_SAMPLES
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
        tone = _tone(press)
        if press.sent == press.frames + END_PACKETS - 1:
            self._presses.popleft()
            self._pause = PAUSE_FRAMES
        return tone


def _tone(press: _Press) -> Tone:
    """RFC 4733 section 2.5.1.4: the last packet is sent three times, its duration unchanged."""
    duration = min(press.sent, press.frames) * FRAME_SAMPLES
    flags = VOLUME_DBM0 | (END_BIT if press.sent >= press.frames else 0)
    payload = EVENT.pack(press.code, flags, duration)
    return Tone(payload, press.sent == 1)
