"""The recording gates of all legs: opened with keys, closed where sealing fails.

All of them are open only under a lease, which the node renews while its store commits. Nobody need
be there to close them: where the lease is not renewed, it runs out.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from media.bank.exchange import Exchange
from media.bank.lines import Line
from media.bank.news import at
from media.bank.recorder import Opened
from media.commands import OpenGate
from media.outbox import Event
from media.recorder import Chunk
from media.resample import resample
from media.seal import GateMark, Sealed, SealJob

CLOSED = "closed"
CODEC_CHANGED = "the codec changed"
CONTINUED = "continued at another rate"
LEASE_LOST = "the lease ran out"
LOST_A_TICK = 100
SPREAD_US = 400_000
"""All gates of a plane are closed by then, so many in a tick; the grace of a chunk is longer."""


class Gates:
    def __init__(self, exchange: Exchange, emit: Callable[[Event], None]) -> None:
        self._exchange, self._emit = exchange, emit
        self._jobs: list[SealJob | GateMark] = []
        self._open: dict[int, Line] = {}
        self._leased_until = 0

    def renew(self, since: int, ms: int, now: int) -> None:
        """The store was seen to commit at `since`: gates may be open until `ms` after that.

        `expire` comes before: a renewal opens nothing that was closed.
        """
        self._leased_until = max(self._leased_until, min(since, now) + ms * 1_000)

    def expire(self, now: int, most: int | None = None) -> None:
        """Close all gates if the lease has run out. What was captured before is sealed.

        Or only so many: to close a thousand takes as long as several ticks. Those that are left
        seal nothing of after the end either, and no chunk is cut so soon that has any of it.
        """
        over = now - self._leased_until
        if over >= 0:
            some = most if over < SPREAD_US else None
            for line in list(islice(self._open.values(), some)):
                line.lease_lost = True
                self.close(line, now, LEASE_LOST)

    def epoch(self, line: Line) -> int | None:
        """Of the gate that is open."""
        gate = self._exchange.gate(line)
        return None if gate is None else gate.epoch

    def open(self, line: Line, command: OpenGate, now: int) -> None:
        """ValueError if the epoch was used before."""
        if command.epoch == self.epoch(line):
            return
        if command.epoch <= line.gate_epoch_last:
            raise ValueError(f"gate epoch {command.epoch} was used before")
        self.close(line, now, CLOSED)
        line.lease_lost = now >= self._leased_until
        if line.lease_lost:
            line.gate_epoch_last = command.epoch
            self._jobs.append(GateMark(line.opening.leg, command.epoch, LEASE_LOST))
            return
        # Rounded up: nothing of before the grant.
        granted = -(-(command.granted_at - line.opening.epoch) * line.rate // 1_000_000)
        line.gate_epoch_last = command.epoch
        opened = Opened(command.call, command.epoch, command.tracks)
        self._exchange.open_gate(line, opened, max(granted, position(line, now)))
        self._open[line.slot] = line

    def close(self, line: Line, now: int, reason: str) -> None:
        """Seal what is there, of the time until `now` in which there was a lease."""
        if (epoch := self.epoch(line)) is not None:
            end = min(now, self._leased_until)
            self.seal(line, self._exchange.close_gate(line, position(line, end)))
            self._end(line, epoch, reason)

    def drop(self, line: Line) -> None:
        """Close it, and seal nothing more of what it has."""
        if (epoch := self.epoch(line)) is not None:
            self._exchange.drop_gate(line)
            leg = line.opening.leg
            self._jobs = [
                job
                for job in self._jobs
                if not (isinstance(job, SealJob) and (job.leg, job.chunk.epoch) == (leg, epoch))
            ]
            self._end(line, epoch, CLOSED)

    def follow(self, line: Line, end: int, epoch: int, follow: Callable[[], None]) -> None:
        """The rate of a leg changes in `follow`: its gate closes and the next one opens at `end`.

        In microseconds. What was recorded beyond it already goes over. ValueError as above.
        """
        gate = self._exchange.gate(line)
        if gate is None or epoch <= line.gate_epoch_last:
            raise ValueError(f"no gate is open before epoch {epoch}")
        beyond, before = self._exchange.beyond(line, position(line, end)), line.rate
        self.close(line, end, CONTINUED)
        follow()
        line.gate_epoch_last = epoch
        start = position(line, end)
        self._exchange.open_gate(line, Opened(gate.call, epoch, gate.tracks), start)
        self._open[line.slot] = line
        self._exchange.carry(line, [resample(samples, before, line.rate) for samples in beyond])

    def fail(self, line: Line, epoch: int, reason: str) -> None:
        """Fail closed: what cannot be sealed is not recorded."""
        if epoch == self.epoch(line):
            self._exchange.drop_gate(line)
            self._end(line, epoch, reason)

    def _end(self, line: Line, epoch: int, reason: str) -> None:
        del self._open[line.slot]
        self._jobs.append(GateMark(line.opening.leg, epoch, reason))

    def seal(self, line: Line, chunks: Sequence[Chunk]) -> None:
        leg = line.opening.leg
        self._jobs += [SealJob(leg, chunk, at(line, chunk.first_sample)) for chunk in chunks]

    def take_jobs(self) -> list[SealJob | GateMark]:
        """What is to be sealed, in order, since the last time this was asked."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def sealed(self, result: Sealed | GateMark) -> None:
        """The sealer has done a job."""
        if isinstance(result, Sealed):
            self._emit(chunk_event(result))
            return
        fields = {"leg": result.leg, "epoch": result.epoch, "reason": result.reason}
        self._emit(Event({"event": "gate_closed", **fields}))


def position(line: Line, now: int) -> int:
    """Where `now` is on the leg's timeline, in samples."""
    return (now - line.opening.epoch) * (line.rate // 1_000) // 1_000


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
            "key": sealed.key.hex(),
            "bytes": sealed.size,
            "path": sealed.path,
            "offset": sealed.offset,
            "at_us": sealed.job.at_us,
        }
    )
