"""What the node is told of legs, beside what is said on them."""

from collections.abc import Mapping
from typing import Protocol

from media.bank.bank import Bank
from media.bank.lines import Line, Lines
from media.bank.memory import Slots
from media.rtp import RtpPacket

PROGRESS_TICKS = 5
SILENT_US = 30_000_000


class Told(Protocol):
    """Where events of a leg go."""

    def __call__(
        self, line: Line, event: str, payload: bytes = b"", /, **fields: object
    ) -> None: ...


class News:
    def __init__(self, lines: Lines, banks: Mapping[int, Bank], tell: Told) -> None:
        self._lines, self._banks, self._tell = lines, banks, tell
        self.now = 0
        self.slot = 0
        """The last one, of 20 ms, that was spoken in."""
        self.progress: list[tuple[Line, str, int]] = []
        """Who played how much, in samples, since this was taken."""

    def tick(self, slots: Slots, n: Slots, slot_us: int) -> None:
        """Legs, and how many frames each is into its stream."""
        self._tell_progress(slots[n % PROGRESS_TICKS == 0])
        self._tell_silence(slots, slot_us)

    def pressed(self, line: Line, digit: str, packet: RtpPacket) -> None:
        """A key was pressed."""
        # A successor of this process may hear the rest of the same event: whoever
        # stores digits tells them apart by SSRC and timestamp.
        at_us, ssrc, timestamp = self.now, packet.ssrc, packet.timestamp
        self._tell(line, "dtmf", digit=digit, at_us=at_us, ssrc=ssrc, timestamp=timestamp)

    def pressed_as_sound(self, line: Line, key: str, position: int) -> None:
        """A key was heard; `position` is where it began."""
        self._tell(line, "dtmf", digit=key, at_us=at(line, position), in_band=True)

    def tell_played(self, line: Line) -> None:
        """Utterances that have ended."""
        for played in self._banks[line.rate].stage.take_ended(line.slot):
            self._tell(
                line,
                "played",
                utterance=played.utterance,
                played_ms=to_ms(played.played, line.rate),
                total_ms=to_ms(played.total, line.rate),
                interrupted=played.interrupted,
                refused=played.refused,
                at_us=self.slot,
            )

    def _tell_progress(self, turn: Slots) -> None:
        for rate, bank in self._banks.items():
            mine = turn[self._lines.rate[turn] == rate]
            for slot, utterance, samples in bank.stage.playing_now(mine):
                self.progress.append((self._lines.by_slot[slot], utterance, samples))

    def _tell_silence(self, slots: Slots, slot_us: int) -> None:
        lines = self._lines
        # Who has just come has not been silent yet; who is on hold is not expected to speak.
        excused = slots[(lines.heard_at[slots] == 0) | lines.held[slots]]
        lines.heard_at[excused] = slot_us
        silent = (slot_us - lines.heard_at[slots] >= SILENT_US) & ~lines.silent_told[slots]
        for slot in slots[silent].tolist():
            lines.silent_told[slot] = True
            self._tell(lines.by_slot[slot], "silent", seconds=SILENT_US // 1_000_000)


def at(line: Line, position: int) -> int:
    """When a position is, in microseconds UTC."""
    return line.opening.epoch + position * 1_000_000 // line.rate


def to_ms(samples: int, rate: int) -> int:
    """Whole milliseconds, rounded down."""
    return samples * 1_000 // rate
