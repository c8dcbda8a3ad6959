"""A telephone of our own, for tests: one leg on one UDP socket, with a microphone and an ear."""

import asyncio
import secrets
import socket
import time

import numpy as np

from media.codecs import Codec
from media.commands import Open, Play, Press, Srtp
from media.jitter import Frame
from media.leg import Leg
from media.rtp import RtpPacket, sequence_delta
from media.srtp import SUITES, Receiver, Sender
from media.units import (
    FRAME_MS,
    FRAME_SAMPLES,
    FRAME_US,
    SAMPLE_RATE,
    Address,
    Samples,
    pcm,
    slot_start,
)
from media.vad import ENERGY_FLOOR, mean_square, webrtc_detector

HEARD_SECONDS_MAX = 30 * 60
DATAGRAM_BYTES_MAX = 2_048
READS_PER_WAKE = 64
DTMF_MS = 160
SOUND_FRAMES = 3
"""Fewer frames with sound in a row are a click, not speech."""


class Sealing:
    """The encryption of a phone's one stream in each direction."""

    def __init__(self, srtp: Srtp) -> None:
        suite = SUITES[srtp.suite]
        self._sender = Sender(suite, srtp.send_key)
        self._receiver = Receiver(suite, srtp.receive_key, srtp.roc)
        self._index: int | None = None

    def seal(self, data: bytes) -> bytes:
        sequence = RtpPacket.parse(data).sequence
        last = sequence if self._index is None else self._index
        self._index = last + sequence_delta(sequence, last & 0xFFFF)
        return self._sender.protect(data, self._index)

    def open(self, data: bytes) -> bytes:
        """ValueError where it is not sealed with the key."""
        return self._receiver.unprotect(data)


class SoftPhone:
    """Call `start` in a running event loop; the socket is the phone's from then on."""

    def __init__(
        self,
        sock: socket.socket,
        codec: Codec,
        *,
        payload_type: int | None = None,
        dtmf_payload_type: int | None = 101,
        dtmf_clock_rate: int = SAMPLE_RATE,
        srtp: Srtp | None = None,
        sequence_base: int | None = None,
    ) -> None:
        """`sequence_base`: the number of its first packet, where that is not to be drawn."""
        self._socket = sock
        self._codec = codec
        self._payload_type = codec.payload_type if payload_type is None else payload_type
        self._dtmf_payload_type = dtmf_payload_type
        self._dtmf_clock_rate = dtmf_clock_rate
        self._sealing = None if srtp is None else Sealing(srtp)
        # Low, as SRTP likes it: RFC 3711 section 3.3.1.
        self._sequence_base = secrets.randbits(15) if sequence_base is None else sequence_base
        self._leg: Leg | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard: list[Frame] = []
        self._missing_frames = 0
        self._longest_gap_frames = 0
        self._digits: list[str] = []
        self._said = 0
        self._sound_frames = 0
        self._quiet_frames = 0
        self._spoken = False
        self._ticked = asyncio.Event()
        # Counted from one reading of the clock, so that a stepped clock is not heard.
        self._offset = time.time_ns() - time.monotonic_ns()

    def start(self, remote: Address) -> None:
        """Send to `remote` and listen, 20 ms by 20 ms."""
        assert self._leg is None, "a phone is started once"
        self._leg = Leg(self._opening(remote), 0, webrtc_detector())
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket.fileno(), self._receive)
        self._schedule()

    def move(self, remote: Address) -> None:
        """From now on it sends to `remote`, and hears it."""
        self._running.reopen(self._opening(remote))

    def change(
        self,
        codec: Codec,
        remote: Address,
        *,
        payload_type: int,
        dtmf_payload_type: int | None,
        dtmf_clock_rate: int,
    ) -> None:
        """Go on with another codec."""
        self._codec, self._payload_type = codec, payload_type
        self._dtmf_payload_type, self._dtmf_clock_rate = dtmf_payload_type, dtmf_clock_rate
        self._running.reopen(self._opening(remote))

    def say(self, audio: bytes) -> None:
        """Queue s16le 8 kHz audio."""
        self._said += 1
        play = Play("phone", f"say-{self._said}", 0, False, audio)
        self._running.do(play, self._now())

    def press(self, digits: str) -> None:
        """Queue key presses (RFC 4733)."""
        self._running.do(Press("phone", digits, DTMF_MS), self._now())

    @property
    def talking(self) -> bool:
        """Whether something that was said is still going out."""
        return self._running.playing is not None

    @property
    def digits(self) -> str:
        """The keys the far side has pressed."""
        return "".join(self._digits)

    @property
    def far_side_speaks(self) -> bool:
        return self._quiet_frames == 0 and self._sound_frames >= SOUND_FRAMES

    @property
    def quiet_ms(self) -> int:
        """How long the far side has been silent."""
        return self._quiet_frames * FRAME_MS

    @property
    def longest_gap_ms(self) -> int:
        """The longest time between two packets for which none came."""
        return self._longest_gap_frames * FRAME_MS

    @property
    def missed_ms(self) -> int:
        """For how long the machine left it no time: what it was saying then comes so much later."""
        return self._running.counts.missed * FRAME_MS

    def heard(self) -> bytes:
        """All that was heard, s16le 8 kHz, each packet at its time since the start, gaps silent."""
        if not self._heard:
            return b""
        timeline = np.zeros(self._heard[-1].position + FRAME_SAMPLES, np.int16)
        for frame in self._heard:
            _put(timeline, frame)
        return pcm(timeline)

    async def wait_for_silence(
        self, after_speech: bool = True, ms: int = 800, patience_ms: int | None = None
    ) -> None:
        """Wait until the far side has been silent for `ms`; first for it to speak, if told so.

        What was spoken before the last wait ended is not counted again. A far side which stays
        silent for `patience_ms` of this wait is not waited for any longer.
        """
        waited_ms = 0
        while not (self.quiet_ms >= ms and (self._spoken or not after_speech)):
            if patience_ms is not None and min(waited_ms, self.quiet_ms) >= patience_ms:
                break
            await self.tick()
            waited_ms += FRAME_MS
        self._spoken = False

    def listen_anew(self) -> None:
        """What was spoken so far, and how long ago, no longer counts."""
        self._spoken = False
        self._sound_frames = self._quiet_frames = 0

    async def wait_until_said(self) -> None:
        """Wait until everything that was said has gone out."""
        while self.talking:
            await self.tick()

    async def tick(self) -> None:
        """Wait for the next 20 ms."""
        self._ticked.clear()
        await self._ticked.wait()

    def close(self) -> None:
        """Hang up: no packet is sent or read any more, and the socket is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _opening(self, remote: Address) -> Open:
        return Open(
            leg="phone",
            call="phone",
            codec=self._codec,
            payload_type=self._payload_type,
            dtmf_payload_type=self._dtmf_payload_type,
            dtmf_clock_rate=self._dtmf_clock_rate,
            remote=remote,
            ssrc=secrets.randbits(32),
            sequence_base=self._sequence_base,
            timestamp_base=secrets.randbits(32),
            epoch=self._now(),
            port=None,
        )

    @property
    def _running(self) -> Leg:
        assert self._leg is not None, "the phone has not been started"
        return self._leg

    def _now(self) -> int:
        return (time.monotonic_ns() + self._offset) // 1_000

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        now = self._now()
        wait = (slot_start(now) + FRAME_US - now) / 1_000_000
        self._timer = loop.call_later(wait, self._tick)

    def _tick(self) -> None:
        # After a stall, what has arrived meanwhile is not lost.
        self._receive()
        sent = self._running.tick(slot_start(self._now()))
        if sent is not None:
            data, destination = sent
            self._send(self._sealing.seal(data) if self._sealing else data, destination)
            self._listen()
        self._schedule()
        self._ticked.set()

    def _send(self, data: bytes, destination: Address) -> None:
        try:
            self._socket.sendto(data, destination)
        except OSError:
            return  # As if the network had lost it.

    def _receive(self) -> None:
        for _ in range(READS_PER_WAKE):
            try:
                data, source = self._socket.recvfrom(DATAGRAM_BYTES_MAX)
            except OSError:
                return
            if self._sealing is not None:
                try:
                    data = self._sealing.open(data)
                except ValueError:
                    continue
            self._running.receive(data, (source[0], source[1]), self._now())

    def _listen(self) -> None:
        for event in self._running.take_events():
            if event.header["event"] == "dtmf":
                self._digits.append(str(event.header["digit"]))
        for frame in self._running.heard:
            self._keep(frame)
            self._notice(mean_square(frame.samples) >= ENERGY_FLOOR)

    def _keep(self, frame: Frame) -> None:
        if not frame.received:
            self._missing_frames += 1
        elif -FRAME_SAMPLES < frame.position < HEARD_SECONDS_MAX * SAMPLE_RATE:
            if self._heard:
                longest = max(self._longest_gap_frames, self._missing_frames)
                self._longest_gap_frames = longest
            self._missing_frames = 0
            self._heard.append(frame)

    def _notice(self, sound: bool) -> None:
        if not sound:
            self._sound_frames = 0
            self._quiet_frames += 1
            return
        self._sound_frames += 1
        if self._sound_frames >= SOUND_FRAMES:
            self._spoken = True
            self._quiet_frames = 0


def _put(timeline: Samples, frame: Frame) -> None:
    start = max(frame.position, 0)
    timeline[start : frame.position + FRAME_SAMPLES] = frame.samples[start - frame.position :]


def silence(ms: int) -> bytes:
    """That many milliseconds of nothing, s16le 8 kHz."""
    return pcm(np.zeros(ms * SAMPLE_RATE // 1_000, np.int16))
