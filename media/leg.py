"""One leg: what is heard, what is said, and what of it is recorded, on one timeline."""

from dataclasses import dataclass, replace

from media.commands import CloseGate, LegCommand, Listen, Open, OpenGate, Play, Press, Stop
from media.dtmf import DtmfReceiver, DtmfSender
from media.jitter import SILENCE, Frame, JitterBuffer, Placement
from media.latch import Latch
from media.narrowband import Ear, Mouth
from media.outbox import Event
from media.playout import Playout
from media.recorder import CHUNK_SAMPLES, Chunk, Gate
from media.rtp import RtpClock, RtpPacket
from media.seal import GateMark, SealJob
from media.units import SAMPLES_PER_MS, Address, from_pcm, pcm, to_ms, to_samples, to_us
from media.vad import ONSET_MS, Detector, Segmenter, SpeechEnded, SpeechStarted

COMFORT_NOISE = 13
"""RFC 3389: valid, and silent."""

PAYLOAD_BYTES_MAX = 1_600
PROGRESS_TICKS = 5
SILENT_US = 30_000_000
CLOSED = "closed"


@dataclass(slots=True)
class Counts:
    """Datagrams by what became of them."""

    received: int = 0
    malformed: int = 0
    strangers: int = 0
    sent: int = 0
    missed: int = 0
    """Slots for which there was no time."""


class Leg:
    def __init__(
        self, opening: Open, port: int, detector: Detector, chunk_samples: int = CHUNK_SAMPLES
    ) -> None:
        self.opening = opening
        self.port = port
        self.counts = Counts()
        self.heard: list[Frame] = []
        codec = opening.codec
        self._ear, self._mouth = Ear(codec), Mouth(codec)
        self._clock = RtpClock(
            opening.sequence_base, opening.timestamp_base, opening.epoch, codec.frame_ticks
        )
        self._latch = Latch(opening.remote)
        self._placement = Placement(codec.clock_rate)
        self._jitter = JitterBuffer()
        self._segmenter = Segmenter(detector)
        self._playout = Playout()
        self._keys_heard = DtmfReceiver(opening.dtmf_clock_rate)
        self._keys_pressed = DtmfSender(opening.dtmf_clock_rate)
        self._key_began = 0
        self._gate: Gate | None = None
        self._gate_epoch_last = -1
        self._chunk_samples = chunk_samples
        self._listening = False
        self._interrupted: str | None = None
        self._last_n = -1
        self._slot = 0
        self._last_heard: int | None = None
        self._silent_told = False
        self._events: list[Event] = []
        self._jobs: list[SealJob | GateMark] = []

    # What the node asks for.

    def reopen(self, opening: Open) -> None:
        """Take over a changed remote or codec; the stream itself, and its clock, go on."""
        self.opening = replace(
            self.opening,
            remote=opening.remote,
            codec=opening.codec,
            payload_type=opening.payload_type,
            dtmf_payload_type=opening.dtmf_payload_type,
            dtmf_clock_rate=opening.dtmf_clock_rate,
        )
        self._keys_heard = DtmfReceiver(opening.dtmf_clock_rate)
        self._keys_pressed = DtmfSender(opening.dtmf_clock_rate)
        self._ear, self._mouth = Ear(opening.codec), Mouth(opening.codec)
        self._clock = replace(self._clock, frame_ticks=opening.codec.frame_ticks)
        if self._placement.clock_rate != opening.codec.clock_rate:
            self._placement = Placement(opening.codec.clock_rate)
        self._latch.redirect(opening.remote)
        # Who has just told us where their media is, is there: silence counts from now.
        self._last_heard, self._silent_told = None, False

    def do(self, command: LegCommand, now: int) -> None:
        """ValueError if the command cannot be done."""
        match command:
            case Play():
                start = command.from_ms * SAMPLES_PER_MS
                self._play(command, start)
            case Stop():
                self._playout.stop(command.utterance)
            case Listen():
                self._listen(command.on)
            case OpenGate():
                self._open_gate(command, now)
            case CloseGate():
                until = now if command.until is None else min(now, command.until)
                self._close_gate(until, CLOSED)
            case Press():
                self._press(command)
            case _:
                raise ValueError("a leg alone hears nobody else")
        self._tell_played()

    def close(self, now: int) -> None:
        """Stop speaking and seal what is there."""
        self._playout.stop()
        self._tell_played()
        self._close_gate(now, CLOSED)

    def _play(self, command: Play, start: int) -> None:
        samples = from_pcm(command.pcm)
        self._playout.play(command.utterance, samples, start, command.interruptible)

    def _listen(self, on: bool) -> None:
        if on != self._listening:
            # What was said before one may listen is not to be heard later.
            self._segmenter.reset()
        self._listening = on

    def _press(self, command: Press) -> None:
        if self.opening.dtmf_payload_type is None:
            raise ValueError("the leg has no payload type for DTMF")
        self._keys_pressed.press(command.digits, command.duration_ms)

    # What the network brings.

    def receive(self, data: bytes, source: Address, now: int) -> None:
        """Take one datagram. What is malformed or a stranger's is counted and ignored."""
        self.counts.received += 1
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            self.counts.malformed += 1
            return
        if not self._is_expected(packet):
            self.counts.malformed += 1
        elif not self._latch.accept(source, packet, now):
            self.counts.strangers += 1
        else:
            self._last_heard, self._silent_told = now, False
            self._hear(packet, source, now)

    def _is_expected(self, packet: RtpPacket) -> bool:
        if len(packet.payload) > PAYLOAD_BYTES_MAX:
            return False
        opening = self.opening
        kind = packet.payload_type
        return kind in (opening.payload_type, opening.dtmf_payload_type, COMFORT_NOISE)

    def _hear(self, packet: RtpPacket, source: Address, now: int) -> None:
        if packet.payload_type == self.opening.dtmf_payload_type:
            if digit := self._keys_heard.receive(packet):
                # A successor of this process may hear the rest of the same event: whoever
                # stores digits tells them apart by SSRC and timestamp.
                self._tell(
                    "dtmf", digit=digit, at_us=now, ssrc=packet.ssrc, timestamp=packet.timestamp
                )
        elif packet.payload_type == self.opening.payload_type and packet.payload:
            latched = self._latch.source
            # A capture played beside the stream may press keys, but not speak over it.
            if latched is None or source == latched:
                self._hear_audio(packet, now)

    def _hear_audio(self, packet: RtpPacket, now: int) -> None:
        try:
            samples = self._ear.decode(packet.payload)
        except ValueError:
            self.counts.malformed += 1
            return
        arrived = to_samples(now - self.opening.epoch)
        position = self._placement.place(packet.ssrc, packet.timestamp, arrived)
        self._jitter.put(position, samples)
        if self._gate is not None:
            # Written at its place on arrival: the jitter buffer's delay does not move it.
            self._gate.write_received(position, samples)

    # What the clock brings.

    def tick(self, slot: int) -> tuple[bytes, Address] | None:
        """One 20 ms slot: listen, then speak. The datagram to send and where to."""
        self._slot = slot
        n = self._clock.n(slot)
        if n <= self._last_n:
            return None
        self.counts.missed += n - self._last_n - 1
        self._last_n = n
        position = to_samples(slot - self.opening.epoch)
        self._listen_to(self._jitter.release(position))
        packet = self._speak(slot, position)
        self._tell_progress(n)
        self._tell_silence(slot)
        if self._gate is not None:
            self._seal(self._gate.due(position))
        self.counts.sent += 1
        return packet.serialize(), self._latch.destination

    def _listen_to(self, frames: list[Frame]) -> None:
        self.heard = frames
        for frame in frames:
            for speech in self._segmenter.push(frame):
                self._tell_speech(speech)
            if self._segmenter.run_ms >= ONSET_MS:
                self._interrupted = self._playout.interrupt() or self._interrupted

    def _tell_speech(self, speech: SpeechStarted | SpeechEnded) -> None:
        if isinstance(speech, SpeechStarted):
            self._interrupted = None
            self._tell("speech_started", at_us=self._at(speech.position))
        elif self._listening:
            self._tell(
                "heard",
                pcm(speech.samples),
                at_us=self._at(speech.start),
                end_us=self._at(speech.end),
                interrupted=self._interrupted,
            )

    def _speak(self, slot: int, position: int) -> RtpPacket:
        tone = self._keys_pressed.tone()
        samples = SILENCE
        if tone is None:
            frame = self._playout.frame()
            samples = SILENCE if frame is None else frame
        if self._gate is not None:
            self._gate.write_sent(position, samples)
        self._tell_played()
        if tone is not None:
            kind = self.opening.dtmf_payload_type
            assert kind is not None, "no key is pressed without a payload type"
            # RFC 4733 section 2.2.1: all packets of an event carry the time of its beginning,
            # also when a tick was missed meanwhile.
            if tone.marker:
                self._key_began = self._clock.timestamp(slot)
            return self._packet(slot, kind, self._key_began, tone.payload, marker=tone.marker)
        payload = self._mouth.encode(samples)
        return self._packet(slot, self.opening.payload_type, self._clock.timestamp(slot), payload)

    def _packet(
        self, slot: int, kind: int, timestamp: int, payload: bytes, *, marker: bool = False
    ) -> RtpPacket:
        sequence = self._clock.sequence(slot)
        return RtpPacket(kind, sequence, timestamp, self.opening.ssrc, payload, marker)

    # The recording gate.

    @property
    def gate_epoch(self) -> int | None:
        return None if self._gate is None else self._gate.epoch

    def _open_gate(self, command: OpenGate, now: int) -> None:
        if command.epoch == self.gate_epoch:
            return
        if command.epoch <= self._gate_epoch_last:
            raise ValueError(f"gate epoch {command.epoch} was used before")
        self._close_gate(now, CLOSED)
        granted = -to_samples(self.opening.epoch - command.granted_at)  # Rounded up.
        start = max(granted, to_samples(now - self.opening.epoch))
        self._gate_epoch_last = command.epoch
        self._gate = Gate(command.call, command.epoch, start, command.tracks, self._chunk_samples)

    def _close_gate(self, now: int, reason: str) -> None:
        if self._gate is not None:
            self._seal(self._gate.close(to_samples(now - self.opening.epoch)))
            self._drop_gate(reason)

    def fail_gate(self, epoch: int, reason: str) -> None:
        """Fail closed: what cannot be sealed is not recorded."""
        if epoch == self.gate_epoch:
            self._drop_gate(reason)

    def _drop_gate(self, reason: str) -> None:
        assert self._gate is not None, "only an open gate can be dropped"
        self._jobs.append(GateMark(self.opening.leg, self._gate.epoch, reason))
        self._gate = None

    def _seal(self, chunks: list[Chunk]) -> None:
        leg = self.opening.leg
        self._jobs += [SealJob(leg, chunk, self._at(chunk.first_sample)) for chunk in chunks]

    # What the node is told.

    @property
    def playing(self) -> str | None:
        playing = self._playout.playing
        return None if playing is None else playing[0]

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def take_jobs(self) -> list[SealJob | GateMark]:
        jobs, self._jobs = self._jobs, []
        return jobs

    def _tell_played(self) -> None:
        for played in self._playout.take_ended():
            self._tell(
                "played",
                utterance=played.utterance,
                played_ms=to_ms(played.played),
                total_ms=to_ms(played.total),
                interrupted=played.interrupted,
                refused=played.refused,
                at_us=self._slot,
            )

    def _tell_progress(self, n: int) -> None:
        playing = self._playout.playing
        if playing is not None and n % PROGRESS_TICKS == 0:
            utterance, played = playing
            self._tell("progress", utterance=utterance, played_ms=to_ms(played))

    def _tell_silence(self, slot: int) -> None:
        if self._last_heard is None:
            self._last_heard = slot
        if slot - self._last_heard >= SILENT_US and not self._silent_told:
            self._silent_told = True
            self._tell("silent", seconds=SILENT_US // 1_000_000)

    def _tell(self, event: str, payload: bytes = b"", /, **fields: object) -> None:
        self._events.append(Event({"event": event, "leg": self.opening.leg, **fields}, payload))

    def _at(self, position: int) -> int:
        return self.opening.epoch + to_us(position)
