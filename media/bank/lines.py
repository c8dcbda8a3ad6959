"""The legs of a plane towards the network: one row of arrays for each slot."""

from dataclasses import dataclass, field

import numpy as np

from media.bank.former import Former
from media.codecs import Decoder, Encoder
from media.codecs.g711 import LAWS
from media.commands import Open
from media.dtmf import DtmfReceiver, DtmfSender
from media.feedback import Feedback
from media.latch import Latch
from media.net import SOCKADDR_BYTES, pack
from media.rtp import RtpClock
from media.units import SAMPLE_RATE

NO_LAW = -1
NOWHERE = np.zeros(SOCKADDR_BYTES, np.uint8)


@dataclass(slots=True, eq=False)
class Line:
    """What of a leg is asked for packet by packet, or rarely."""

    opening: Open
    slot: int
    port: int
    latch: Latch
    clock: RtpClock
    keys_heard: DtmfReceiver
    keys_pressed: DtmfSender
    feedback: Feedback = field(default_factory=Feedback)
    key_began: int = 0
    gate_epoch_last: int = -1
    lease_lost: bool = False
    interrupted: str | None = None
    muted: bool = False
    decoder: Decoder | None = None
    encoder: Encoder | None = None
    former: Former | None = None

    @classmethod
    def of(cls, opening: Open, slot: int, port: int) -> "Line":
        clock = RtpClock(opening.sequence_base, opening.timestamp_base, opening.epoch)
        rate = opening.dtmf_clock_rate
        latch = Latch(opening.remote)
        return cls(opening, slot, port, latch, clock, DtmfReceiver(rate), DtmfSender(rate))

    def count_keys(self) -> None:
        """Begin anew with keys: their durations count by another clock."""
        rate = self.opening.dtmf_clock_rate
        self.keys_heard, self.keys_pressed = DtmfReceiver(rate), DtmfSender(rate)

    @property
    def rate(self) -> int:
        return self.opening.codec.rate


class Lines:
    def __init__(self, slots: int) -> None:
        self.by_slot: dict[int, Line] = {}
        self.rate = np.zeros(slots, np.int64)
        self.epoch = np.zeros(slots, np.int64)
        self.voice = np.full(slots, -1, np.int16)
        self.law = np.full(slots, NO_LAW, np.int32)
        self.latched = np.zeros((slots, SOCKADDR_BYTES), np.uint8)
        self.destination = np.zeros((slots, SOCKADDR_BYTES), np.uint8)
        self.ticks_per_s = np.full(slots, SAMPLE_RATE, np.int64)
        self.secured = np.zeros(slots, np.bool_)
        self.probing = np.zeros(slots, np.bool_)
        self.heard_at = np.zeros(slots, np.int64)
        self.silent_told = np.zeros(slots, np.bool_)
        self.held = np.zeros(slots, np.bool_)
        self.mute = np.zeros(slots, np.bool_)
        self.received = np.zeros(slots, np.int64)
        self.malformed = np.zeros(slots, np.int64)
        self.strangers = np.zeros(slots, np.int64)

    def open(self, line: Line) -> None:
        slot = line.slot
        self.by_slot[slot] = line
        self.epoch[slot] = line.opening.epoch
        self.mute[slot] = False
        for counts in (self.received, self.malformed, self.strangers):
            counts[slot] = 0
        self.follow(line)

    def close(self, slot: int) -> None:
        del self.by_slot[slot]
        self.latched[slot] = NOWHERE
        self.voice[slot] = -1
        self.secured[slot] = False

    def follow(self, line: Line) -> None:
        """The node has changed the leg's codec or where it is."""
        slot, opening = line.slot, line.opening
        name = opening.codec.name
        # Who has just told us where their media is, is there: silence counts from now.
        self.heard_at[slot], self.silent_told[slot] = 0, False
        self.rate[slot] = opening.codec.rate
        self.voice[slot] = opening.payload_type
        self.law[slot] = LAWS.index(name) if name in LAWS else NO_LAW
        self.ticks_per_s[slot] = opening.codec.clock_rate
        self.secured[slot] = opening.srtp is not None
        self.held[slot] = opening.direction != "sendrecv"
        line.decoder = line.encoder = None
        if name not in LAWS:
            line.decoder, line.encoder = opening.codec.decoder(), opening.codec.encoder()
        self.follow_latch(line)

    def follow_latch(self, line: Line) -> None:
        """To whom the leg sends, and whom it believes without asking."""
        source = line.latch.source
        self.probing[line.slot] = line.latch.is_probing
        self.latched[line.slot] = NOWHERE if source is None else row_of(pack(source))
        self.destination[line.slot] = row_of(pack(line.latch.destination))


def row_of(packed: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(packed, np.uint8)
