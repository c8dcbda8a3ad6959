"""All legs on one 20 ms clock. Sans-IO: what goes in comes with `now`, what is due comes out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from media.bank.admission import Datagrams
from media.bank.departures import Outgoing
from media.bank.exchange import Exchange
from media.bank.lines import Line
from media.bank.mixer import Edge
from media.bank.utterances import Said
from media.commands import (
    WAYS,
    Acknowledge,
    Close,
    CloseGate,
    Header,
    Hear,
    Lease,
    LegCommand,
    Listen,
    Mute,
    Open,
    OpenGate,
    Play,
    Press,
    Stop,
    Tap,
    parse,
)
from media.gates import CLOSED, CODEC_CHANGED, LOST_A_TICK, Gates
from media.lateness import Lateness
from media.outbox import KEPT, Event, Outbox
from media.ports import PortLeft, PortReleased, Ports, PortTaken
from media.recorder import Chunk
from media.seal import GateMark, Sealed, SealFailed, SealJob
from media.units import FRAME_US, slot_start
from media.vad import Detector, webrtc_detector

LEGS_MAX = 2_048
"""More than one core carries; as many as fit into the header of one "hello"."""

CHUNK_MS = 1_000
REASON_CHARACTERS_MAX = 200
STATS_US = 5_000_000

PortChange: TypeAlias = PortTaken | PortLeft | PortReleased


class Plane:
    def __init__(
        self,
        boot: str,
        chunk_ms: int = CHUNK_MS,
        detector: Callable[[], Detector] = webrtc_detector,
        legs_max: int = LEGS_MAX,
        clock_us: int = 0,
    ) -> None:
        """`clock_us`: what `now` is ahead of the machine's monotonic clock."""
        self.outbox = Outbox()
        self.lateness = Lateness()
        self.legs: dict[str, Line] = {}
        self._exchange = Exchange(legs_max, chunk_ms, detector, self._tell, self._seal)
        self._gates = Gates(self._exchange, self._emit)
        self._free = list(reversed(range(legs_max)))
        self._boot = boot
        self._legs_max = legs_max
        self._clock_us = clock_us
        self._ports = Ports()
        self._waiting: dict[str, Open] = {}
        self._changes: list[PortChange] = []
        self._transient: list[Event] = []
        self._last_slot: int | None = None
        self._stats_at = 0
        self._unsent = 0

    # The keeper's side.

    def add_port(self, port: int, address: str, now: int) -> None:
        """The keeper hands over a port. A leg that waits for it opens."""
        self._ports.add(port, address, now)
        for opening in list(self._waiting.values()):
            self._open(opening, now)

    def add_shared_port(self, port: int, address: str, now: int) -> None:
        """The keeper hands over the port that many legs may have at once."""
        self._ports.add_shared(port, address)
        for opening in list(self._waiting.values()):
            self._open(opening, now)

    def has_port(self, port: int) -> bool:
        """Whether a leg listens on the port, or did lately."""
        return self._ports.has(port)

    def take_changes(self) -> list[PortChange]:
        """What became of ports, in order, since the last time this was asked."""
        changes, self._changes = self._changes, []
        return changes

    def ports_wanted(self) -> int:
        """How many more ports to ask the keeper for."""
        return self._ports.wanted(sum(1 for o in self._waiting.values() if o.port is None))

    # The node's side.

    def hello(self) -> Event:
        """The first event on every link: which legs there are."""
        legs = [
            {
                "leg": name,
                "port": line.port,
                "playing": self._playing(line),
                "gate_epoch": self._gates.epoch(line),
                "lease_lost": line.lease_lost,
            }
            for name, line in self.legs.items()
        ]
        return Event({"event": "hello", "boot": self._boot, "legs": legs})

    def command(self, header: Header, payload: bytes, now: int) -> None:
        """Do what the node asks. What cannot be done is answered with "refused"."""
        try:
            self._do(header, payload, now)
        except ValueError as error:
            self._transient.append(refused_event(header, str(error)))

    def take_transient(self) -> list[Event]:
        """The events that are not kept, since the last time this was asked."""
        news = self._exchange.news
        progress, news.progress = news.progress, []
        if progress:
            played = [
                [line.opening.leg, utterance, samples * 1_000 // line.rate]
                for line, utterance, samples in progress
            ]
            self._transient.append(Event({"event": "progress", "played": played}))
        events, self._transient = self._transient, []
        return events

    def _do(self, header: Header, payload: bytes, now: int) -> None:
        command = parse(header, payload)
        match command:
            case Acknowledge():
                self.outbox.acknowledge(command.names)
            case Lease():
                # No renewal comes in time that is read after the end.
                self._gates.expire(now)
                self._gates.renew(command.since + self._clock_us, command.ms, now)
            case Open():
                self._open(command, now)
            case Close():
                self._close(command.leg, now)
            case _:
                line = self.legs.get(command.leg)
                if line is None:
                    raise ValueError("no such leg")
                self._ask(line, command, now)

    def _ask(self, line: Line, command: LegCommand, now: int) -> None:
        match command:
            case Play():
                self._play(line, command)
            case Stop():
                self._exchange.stop(line, command.utterance)
            case Listen():
                self._exchange.listen(line, command.on)
            case OpenGate():
                self._gates.open(line, command, now)
            case CloseGate(drop=True):
                self._gates.drop(line)
            case CloseGate():
                until = now if command.until is None else min(now, command.until)
                self._gates.close(line, until, CLOSED)
            case Press():
                if line.opening.dtmf_payload_type is None:
                    raise ValueError("the leg has no payload type for DTMF")
                self._exchange.press(line, command.digits, command.duration_ms)
            case Hear():
                self._hear(line, command)
            case Tap():
                edge = Edge(self._source(command.of, command.what), 1.0, tapped=True)
                self._exchange.hear(line, [edge])
            case Mute():
                self._exchange.mute(line, command.voice)

    def _play(self, line: Line, command: Play) -> None:
        start = command.from_ms * line.rate // 1_000
        utterances = self._exchange.utterances(line)
        if command.append:
            utterances.append(command.utterance, command.pcm, command.more)
        else:
            said = Said(
                command.utterance,
                command.rate,
                start,
                command.interruptible,
                command.more,
                command.loop,
            )
            utterances.play(said, command.pcm)
        self._exchange.cue(line)

    def _hear(self, line: Line, command: Hear) -> None:
        edges: list[Edge] = []
        for source in command.sources:
            place = self._source(source.leg, source.what)
            edges.append(Edge(place, 10 ** (source.gain_millibel / 2_000)))
        self._exchange.hear(line, edges)

    def _source(self, leg: str, what: str) -> int:
        if (other := self.legs.get(leg)) is None:
            raise ValueError("no such leg to hear")
        return other.slot * len(WAYS) + WAYS.index(what)

    # Legs.

    def _open(self, opening: Open, now: int) -> None:
        if (line := self.legs.get(opening.leg)) is not None:
            self._reopen(line, opening, now)
        elif not self._open_new(opening):
            return
        port = self.legs[opening.leg].port
        fields = {"leg": opening.leg, "port": port, "address": self._ports.address(port)}
        self._transient.append(Event({"event": "opened", **fields}))

    def _open_new(self, opening: Open) -> bool:
        full = len(self.legs) + len(self._waiting) >= self._legs_max
        if full and opening.leg not in self._waiting:
            raise ValueError(f"more than {self._legs_max} legs")
        ports = self._ports
        port = ports.shared if opening.shared else ports.take(opening.port)
        if port is None:
            self._waiting[opening.leg] = opening
            return False
        self._waiting.pop(opening.leg, None)
        line = Line.of(opening, self._free.pop(), port)
        self.legs[opening.leg] = line
        self._exchange.open(line)
        if not opening.shared:
            # A leg that names its port goes on from before a restart: what waits is its own.
            self._changes.append(PortTaken(port, opening.leg, fresh=opening.port is None))
        return True

    def _reopen(self, line: Line, opening: Open, now: int) -> None:
        """Take over a changed remote or codec; the stream itself, and its clock, go on."""
        self._gates.expire(now)
        before, epoch = line.rate, opening.gate_epoch
        if before == opening.codec.rate or self._gates.epoch(line) is None:
            self._follow(line, opening, now)
        elif epoch is None:
            self._gates.close(line, now, CODEC_CHANGED)
            self._follow(line, opening, now)
        else:
            # What is said in this slot is recorded already.
            said_to = 0 if self._last_slot is None else self._last_slot + FRAME_US
            end = max(slot_start(now), said_to)
            self._gates.follow(line, end, epoch, lambda: self._follow(line, opening, now))

    def _follow(self, line: Line, opening: Open, now: int) -> None:
        before = line.opening
        line.opening = replace(
            line.opening,
            remote=opening.remote,
            codec=opening.codec,
            payload_type=opening.payload_type,
            dtmf_payload_type=opening.dtmf_payload_type,
            dtmf_clock_rate=opening.dtmf_clock_rate,
            direction=opening.direction,
            rtcp_port=opening.rtcp_port,
            rtcp_mux=opening.rtcp_mux,
            srtp=opening.srtp,
        )
        if before.dtmf_clock_rate != opening.dtmf_clock_rate:
            line.count_keys()
        line.latch.redirect(opening.remote)
        self._exchange.follow(line, before, now)

    def _close(self, name: str, now: int) -> None:
        self._waiting.pop(name, None)
        if (line := self.legs.pop(name, None)) is None:
            return
        self._exchange.stop(line)
        self._gates.close(line, now, CLOSED)
        self._exchange.close(line)
        self._free.append(line.slot)
        if not line.opening.shared:
            self._ports.leave(line.port, now)
            self._changes.append(PortLeft(line.port))

    def _playing(self, line: Line) -> str | None:
        playing = self._exchange.playing(line)
        return None if playing is None else playing[0]

    # The network's and the clock's side.

    def receive(self, datagrams: Datagrams, now: int) -> None:
        """Datagrams that have come in by `now`."""
        self._exchange.receive(datagrams, now)

    def tick(self, now: int) -> Outgoing | None:
        """Once every 20 ms: one packet per leg. Missed slots are skipped, never made up for."""
        slot = slot_start(now)
        if self._last_slot is not None and slot <= self._last_slot:
            return None
        self._last_slot = slot
        self._gates.expire(now, LOST_A_TICK)
        self.lateness.began(now, slot)
        outgoing = self._exchange.tick(slot)
        self._changes += [PortReleased(port) for port in self._ports.released(now)]
        self._tell_stats(now)
        return outgoing

    def due_reports(self, now: int) -> Outgoing | None:
        """The RTCP which is due beside the packets of a tick; once a tick, after it."""
        return self._exchange.due_reports(now)

    def count_unsent(self, count: int) -> None:
        """Datagrams that were due could not be sent."""
        self._unsent += count

    def _tell_stats(self, now: int) -> None:
        if now < self._stats_at:
            return
        self._stats_at = now + STATS_US
        lines, admission = self._exchange.lines, self._exchange.admission
        slots = [line.slot for line in self.legs.values()]
        stats: dict[str, object] = {
            "event": "stats",
            "legs": len(self.legs),
            **self.lateness.told(),
            "received": admission.received,
            "malformed": int(lines.malformed[slots].sum()),
            "strangers": int(lines.strangers[slots].sum()),
            "nobodys": admission.nobodys,
            "flooded": admission.flooded,
            "sent": self._exchange.sent,
            "unsent": self._unsent,
            "kept": len(self.outbox),
            "dropped": self.outbox.dropped,
        }
        self._transient.append(Event(stats))

    # The sealer's side.

    def take_jobs(self) -> list[SealJob | GateMark]:
        """What is to be sealed, in order, since the last time this was asked."""
        return self._gates.take_jobs()

    def seal_refused(self, job: SealJob) -> None:
        """The sealer's queue is full."""
        self._fail_gate(job, "the sealer's queue is full")

    def sealed(self, result: Sealed | SealFailed | GateMark) -> None:
        """The sealer has done a job, or could not."""
        if isinstance(result, SealFailed):
            self._fail_gate(result.job, result.reason)
        else:
            self._gates.sealed(result)

    def _fail_gate(self, job: SealJob, reason: str) -> None:
        if (line := self.legs.get(job.leg)) is not None:
            self._gates.fail(line, job.chunk.epoch, reason)

    def _seal(self, line: Line, chunks: Sequence[Chunk]) -> None:
        self._gates.seal(line, chunks)

    def _tell(self, line: Line, event: str, payload: bytes = b"", /, **fields: object) -> None:
        self._emit(Event({"event": event, "leg": line.opening.leg, **fields}, payload))

    def _emit(self, event: Event) -> None:
        if event.header["event"] in KEPT:
            self.outbox.add(event)
        else:
            self._transient.append(event)


def refused_event(header: Header, reason: str) -> Event:
    """What could not be done; an echo never longer than its header may be."""
    echo = {key: str(header.get(key))[:REASON_CHARACTERS_MAX] for key in ("cmd", "leg")}
    return Event({"event": "refused", **echo, "reason": reason[:REASON_CHARACTERS_MAX]})
