"""All legs on one 20 ms clock. Sans-IO: what goes in comes with `now`, what is due comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from media.commands import Acknowledge, Close, Header, Open, parse
from media.leg import Leg
from media.outbox import KEPT, Event, Outbox
from media.ports import PortLeft, PortReleased, Ports, PortTaken
from media.recorder import CHUNK_SAMPLES
from media.seal import GateMark, Sealed, SealFailed, SealJob
from media.units import FRAME_US, Address, slot_start
from media.vad import Detector, webrtc_detector

LEGS_MAX = 300
"""As many as one core carries, and as fit into the header of one "hello"."""

REASON_CHARACTERS_MAX = 200
LATE_US = 5_000
STATS_US = 5_000_000

PortChange: TypeAlias = PortTaken | PortLeft | PortReleased


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A datagram to be sent from the leg's port."""

    leg: str
    port: int
    data: bytes
    destination: Address


class Plane:
    def __init__(
        self,
        boot: str,
        chunk_samples: int = CHUNK_SAMPLES,
        detector: Callable[[], Detector] = webrtc_detector,
    ) -> None:
        self.outbox = Outbox()
        self.legs: dict[str, Leg] = {}
        self._boot = boot
        self._chunk_samples = chunk_samples
        self._detector = detector
        self._ports = Ports()
        self._waiting: dict[str, Open] = {}
        self._changes: list[PortChange] = []
        self._transient: list[Event] = []
        self._jobs: list[SealJob | GateMark] = []
        self._last_slot: int | None = None
        self._stats_at = 0
        self._late_ticks = 0
        self._missed_ticks = 0
        self._unsent = 0

    # The keeper's side.

    def add_port(self, port: int, address: str, now: int) -> None:
        """The keeper hands over a port. A leg that waits for it opens."""
        self._ports.add(port, address, now)
        for opening in list(self._waiting.values()):
            self._open(opening)

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
            {"leg": name, "port": leg.port, "playing": leg.playing, "gate_epoch": leg.gate_epoch}
            for name, leg in self.legs.items()
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
        events, self._transient = self._transient, []
        return events

    def _do(self, header: Header, payload: bytes, now: int) -> None:
        command = parse(header, payload)
        match command:
            case Acknowledge():
                self.outbox.acknowledge(command.names)
            case Open():
                self._open(command)
            case Close():
                self._close(command.leg, now)
            case _:
                leg = self.legs.get(command.leg)
                if leg is None:
                    raise ValueError("no such leg")
                leg.do(command, now)
                self._collect(leg)

    def _open(self, opening: Open) -> None:
        if (leg := self.legs.get(opening.leg)) is not None:
            leg.reopen(opening)
        elif not self._open_new(opening):
            return
        port = self.legs[opening.leg].port
        fields = {"leg": opening.leg, "port": port, "address": self._ports.address(port)}
        self._transient.append(Event({"event": "opened", **fields}))

    def _open_new(self, opening: Open) -> bool:
        if len(self.legs) + len(self._waiting) >= LEGS_MAX and opening.leg not in self._waiting:
            raise ValueError(f"more than {LEGS_MAX} legs")
        port = self._ports.take(opening.port)
        if port is None:
            self._waiting[opening.leg] = opening
            return False
        self._waiting.pop(opening.leg, None)
        self.legs[opening.leg] = Leg(opening, port, self._detector(), self._chunk_samples)
        # A leg that names its port goes on from before a restart: what waits there is its own.
        self._changes.append(PortTaken(port, opening.leg, fresh=opening.port is None))
        return True

    def _close(self, name: str, now: int) -> None:
        self._waiting.pop(name, None)
        leg = self.legs.pop(name, None)
        if leg is None:
            return
        leg.close(now)
        self._collect(leg)
        self._ports.leave(leg.port, now)
        self._changes.append(PortLeft(leg.port))

    # The network's and the clock's side.

    def receive(self, leg: str, data: bytes, source: Address, now: int) -> None:
        """A datagram came in on the leg's port."""
        if (listener := self.legs.get(leg)) is not None:
            listener.receive(data, source, now)
            self._collect(listener)

    def tick(self, now: int) -> list[Outgoing]:
        """Once every 20 ms: one packet per leg. Missed slots are skipped, never made up for."""
        slot = slot_start(now)
        self._count_lateness(now, slot)
        outgoing: list[Outgoing] = []
        for name, leg in self.legs.items():
            if (sent := leg.tick(slot)) is not None:
                outgoing.append(Outgoing(name, leg.port, *sent))
            self._collect(leg)
        self._changes += [PortReleased(port) for port in self._ports.released(now)]
        self._tell_stats(now)
        return outgoing

    def count_unsent(self) -> None:
        """A datagram that was due could not be sent."""
        self._unsent += 1

    def _count_lateness(self, now: int, slot: int) -> None:
        if now - slot > LATE_US:
            self._late_ticks += 1
        if self._last_slot is not None:
            self._missed_ticks += max(0, (slot - self._last_slot) // FRAME_US - 1)
        self._last_slot = slot

    def _tell_stats(self, now: int) -> None:
        if now < self._stats_at:
            return
        self._stats_at = now + STATS_US
        counts = [leg.counts for leg in self.legs.values()]
        stats: dict[str, object] = {
            "event": "stats",
            "legs": len(self.legs),
            "late_ticks": self._late_ticks,
            "missed_ticks": self._missed_ticks,
            "received": sum(count.received for count in counts),
            "malformed": sum(count.malformed for count in counts),
            "strangers": sum(count.strangers for count in counts),
            "sent": sum(count.sent for count in counts),
            "unsent": self._unsent,
            "kept": len(self.outbox),
            "dropped": self.outbox.dropped,
        }
        self._transient.append(Event(stats))

    # The sealer's side.

    def take_jobs(self) -> list[SealJob | GateMark]:
        """What is to be sealed, in order, since the last time this was asked."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def seal_refused(self, job: SealJob) -> None:
        """The sealer's queue is full."""
        self._fail_gate(job, "the sealer's queue is full")

    def sealed(self, result: Sealed | SealFailed | GateMark) -> None:
        """The sealer has done a job, or could not."""
        match result:
            case Sealed():
                self._emit(chunk_event(result))
            case SealFailed():
                self._fail_gate(result.job, result.reason)
            case GateMark():
                fields = {"leg": result.leg, "epoch": result.epoch, "reason": result.reason}
                self._emit(Event({"event": "gate_closed", **fields}))

    def _fail_gate(self, job: SealJob, reason: str) -> None:
        if (leg := self.legs.get(job.leg)) is not None:
            leg.fail_gate(job.chunk.epoch, reason)
            self._collect(leg)

    def _collect(self, leg: Leg) -> None:
        for event in leg.take_events():
            self._emit(event)
        self._jobs += leg.take_jobs()

    def _emit(self, event: Event) -> None:
        if event.header["event"] in KEPT:
            self.outbox.add(event)
        else:
            self._transient.append(event)


def refused_event(header: Header, reason: str) -> Event:
    """What could not be done; an echo never longer than its header may be."""
    echo = {key: str(header.get(key))[:REASON_CHARACTERS_MAX] for key in ("cmd", "leg")}
    return Event({"event": "refused", **echo, "reason": reason[:REASON_CHARACTERS_MAX]})


def chunk_event(sealed: Sealed) -> Event:
    """The row the node will commit: where the chunk is and what is in it."""
    chunk = sealed.job.chunk
    return Event(
        {
            "event": "chunk",
            "leg": sealed.job.leg,
            "call": chunk.call,
            "party": chunk.track.party,
            "epoch": chunk.epoch,
            "n": chunk.n,
            "key_id": chunk.track.key_id,
            "first_sample": chunk.first_sample,
            "samples": len(chunk.samples),
            "rate": chunk.rate,
            "sha256": sealed.sha256,
            "bytes": sealed.size,
            "path": sealed.path,
            "offset": sealed.offset,
            "at_us": sealed.job.at_us,
        }
    )
