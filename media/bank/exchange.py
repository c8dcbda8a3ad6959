"""All legs of a media process, by slot: what one tick and one batch of datagrams do to them."""

from collections.abc import Callable, Sequence

import numpy as np

from media.bank.admission import Admission, Datagrams
from media.bank.bank import Bank, Heard
from media.bank.departures import Departures, Outgoing
from media.bank.former import Former
from media.bank.lines import Line, Lines
from media.bank.memory import Frames, Slots
from media.bank.mixer import Edge, Mixer
from media.bank.news import News, Told, at
from media.bank.reception import Reception
from media.bank.recorder import Opened
from media.bank.reports import Reports
from media.bank.routes import Routes
from media.bank.security import Security
from media.bank.utterances import Utterances
from media.commands import WAYS, Open
from media.dtmf import Tone
from media.net import pack
from media.recorder import Chunk
from media.units import Samples, pcm
from media.vad import Detector, SpeechStarted

RATES = (8_000, 16_000)
Tones = dict[int, tuple[Line, Tone]]
VOICE, AGENT = (WAYS.index(way) for way in ("voice", "agent"))


class Exchange:
    def __init__(
        self,
        slots: int,
        chunk_ms: int,
        detector: Callable[[], Detector],
        tell: Told,
        seal: Callable[[Line, Sequence[Chunk]], None],
    ) -> None:
        self.lines = Lines(slots)
        self.banks = {rate: Bank(slots, rate, chunk_ms, detector) for rate in RATES}
        self.routes = Routes()
        self.mixer = Mixer(slots, RATES)
        self.security = Security()
        self.reports = Reports(slots, self.lines, self.security)
        self.news = News(self.lines, self.banks, tell)
        self.admission = Admission(self.lines, self.routes, self.security, self.reports)
        self._reception = Reception(self.lines, self.reports, self.banks, self.news.pressed)
        self._departures = Departures(slots, self.lines)
        self._tell, self._seal = tell, seal
        self._pressing: dict[int, Line] = {}
        self._changed = True
        self._positions = np.zeros(slots, np.int64)
        self.sent = 0

    # Legs come, change, and go.

    def open(self, line: Line) -> None:
        opening = line.opening
        self.security.follow(line)
        self.lines.open(line)
        self.reports.open(line.slot)
        self.banks[line.rate].open(line.slot, opening.codec.clock_rate)
        self._listen_for_keys(line)
        self._route(line)
        self._changed = True

    def follow(self, line: Line, before: Open, now: int) -> None:
        """The node has changed a leg, which was opened as `before`; what it says goes on."""
        self.security.follow(line)
        if before.payload_type != line.opening.payload_type:
            line.former = Former(before, line.decoder, line.opening, now)
        self.lines.follow(line)
        opening, old, new = line.opening, self.banks[before.codec.rate], self.banks[line.rate]
        if old is new:
            new.placements.follow(line.slot, opening.codec.clock_rate)
        else:
            listening = bool(old.speech.listening[line.slot])
            utterances = old.stage.settle(line.slot)
            old.close(line.slot)
            new.open(line.slot, opening.codec.clock_rate)
            new.speech.listening[line.slot] = listening
            new.stage.adopt(line.slot, utterances)
            new.concealed[line.slot] = old.concealed[line.slot]
            new.rings.late[line.slot] = old.rings.late[line.slot]
        self._listen_for_keys(line)
        if opening.shared:
            self._route(line)
        self._changed = True

    def _listen_for_keys(self, line: Line) -> None:
        """Who agreed on no telephone events presses keys as sound, if at all."""
        wants = line.opening.dtmf_payload_type is None
        self.banks[line.rate].keys.wants[line.slot] = wants

    def _route(self, line: Line) -> None:
        opening = line.opening
        remote, reports = pack(opening.remote), pack(opening.reports_from)
        self.routes.open(line.slot, line.port, remote, reports, shared=opening.shared)

    def close(self, line: Line) -> None:
        """The gate is closed before."""
        bank = self.banks[line.rate]
        late, concealed = int(bank.rings.late[line.slot]), int(bank.concealed[line.slot])
        self._tell(line, "quality", **self.reports.close(line, late, concealed))
        self.security.close(line.slot)
        self.routes.close(line.slot, line.port, shared=line.opening.shared)
        self.mixer.forget(line.slot)
        self._pressing.pop(line.slot, None)
        bank.close(line.slot)
        self.lines.close(line.slot)
        self._changed = True

    # What the node asks of one leg.

    def stop(self, line: Line, name: str | None = None) -> None:
        """End one utterance where it is, or all of them."""
        stage = self.banks[line.rate].stage
        stage.settle(line.slot).stop(name)
        stage.cue(line.slot)
        self.news.tell_played(line)

    def listen(self, line: Line, on: bool) -> None:
        speech = self.banks[line.rate].speech
        if on != bool(speech.listening[line.slot]):
            # What was said before one may listen is not to be heard later.
            speech.reset(line.slot)
        speech.listening[line.slot] = on

    def press(self, line: Line, digits: str, duration_ms: int) -> None:
        line.keys_pressed.press(digits, duration_ms)
        self._pressing[line.slot] = line

    def hear(self, line: Line, edges: list[Edge]) -> None:
        self.mixer.hear(line.slot, edges)
        self._changed = True

    def open_gate(self, line: Line, gate: Opened, start: int) -> None:
        self.banks[line.rate].recorders.open(line.slot, gate, start)

    def mute(self, line: Line, on: bool) -> None:
        """The party's voice goes to nobody: not to other legs, and not to be understood."""
        self.lines.mute[line.slot] = on
        if on:
            self.banks[line.rate].speech.reset(line.slot)

    def utterances(self, line: Line) -> Utterances:
        """What a leg plays, as it is now; `cue` is to follow a change."""
        return self.banks[line.rate].stage.settle(line.slot)

    def playing(self, line: Line) -> tuple[str, int] | None:
        """The utterance that is playing and how many of its samples went out."""
        return self.banks[line.rate].stage.playing(line.slot)

    def close_gate(self, line: Line, now: int) -> list[Chunk]:
        return self.banks[line.rate].recorders.close(line.slot, now)

    def beyond(self, line: Line, now: int) -> list[Samples]:
        """What the open gate has of after position `now`, track by track."""
        return self.banks[line.rate].recorders.beyond(line.slot, now)

    def carry(self, line: Line, beginnings: Sequence[Samples]) -> None:
        """What the tracks of a gate which was opened just now begin with."""
        self.banks[line.rate].recorders.carry(line.slot, beginnings)

    def drop_gate(self, line: Line) -> None:
        self.banks[line.rate].recorders.drop(line.slot)

    def gate(self, line: Line) -> Opened | None:
        return self.banks[line.rate].recorders.gate(line.slot)

    def cue(self, line: Line) -> None:
        """The utterances of a leg have changed: stage what is to be played now."""
        self.banks[line.rate].stage.cue(line.slot)
        self.news.tell_played(line)

    # The network and the clock.

    def receive(self, datagrams: Datagrams, now: int) -> None:
        self.news.now = now
        rows, slots = self.admission.admit(datagrams, now)
        if rows.size:
            self._reception.receive(datagrams, rows, slots, now)

    def tick(self, slot_us: int) -> Outgoing:
        """One 20 ms slot: listen, then speak. One datagram for each leg that sends."""
        self.news.slot = slot_us
        self._arrange()
        for rate, bank in self.banks.items():
            active = bank.active
            elapsed = slot_us - self.lines.epoch[active]
            self._positions[active] = elapsed * (rate // 1_000) // 1_000
            if active.size:
                self._listen(bank)
        self._departures.begin(slot_us)
        tones = self._tones()
        agents = {bank: self._say(bank, tones) for bank in self.banks.values() if bank.active.size}
        self.mixer.cross()
        for bank, (slots, frames) in agents.items():
            self._send(bank, *self._mixed(bank, slots, frames))
        for line, tone in tones.values():
            self._departures.press(line, tone.payload, begins=tone.marker)
        self.security.seal_rtp(self._departures)
        self.reports.gather()
        self.news.tick(*self._departures.n(), slot_us)
        for line, roc in self.security.rolled_over():
            self._tell(line, "roc", roc=roc)
        self._cut()
        outgoing = self._departures.outgoing()
        self.sent += len(outgoing.ports)
        return outgoing

    def due_reports(self, now: int) -> Outgoing | None:
        """The RTCP that goes out beside the packets of this tick."""
        return self.reports.due(*self._departures.n(), now)

    def _arrange(self) -> None:
        if self._changed:
            self._changed = False
            self.mixer.arrange(self.lines.rate)
            self._departures.arrange(list(self.lines.by_slot.values()))

    def _listen(self, bank: Bank) -> None:
        heard = bank.listen(self._positions)
        for slot, key, position in heard.pressed:
            self.news.pressed_as_sound(self.lines.by_slot[slot], key, position)
        for slot, speech in heard.speech:
            line = self.lines.by_slot[slot]
            if isinstance(speech, SpeechStarted):
                line.interrupted = None
                self._tell(line, "speech_started", at_us=at(line, speech.position))
            elif bank.speech.listening[slot] and not self.lines.mute[slot]:
                self._tell(
                    line,
                    "heard",
                    pcm(speech.samples),
                    rate=bank.rate,
                    at_us=at(line, speech.start),
                    end_us=at(line, speech.end),
                    interrupted=line.interrupted,
                )
        for slot in heard.speaking[bank.stage.interruptible[heard.speaking]].tolist():
            self._interrupt(bank, self.lines.by_slot[slot])
        self._pass_on(bank, heard)

    def _interrupt(self, bank: Bank, line: Line) -> None:
        """The party speaks: what may be interrupted stops at once."""
        line.interrupted = bank.stage.settle(line.slot).interrupt() or line.interrupted
        self.cue(line)

    def _pass_on(self, bank: Bank, heard: Heard) -> None:
        """What parties say, to whoever hears them."""
        sources = bank.active[self.mixer.is_source[bank.active, VOICE]]
        if not sources.size:
            return
        said = self.mixer.said[bank.rate]
        said[sources * len(WAYS) + VOICE] = 0
        spoken = self.mixer.is_source[heard.slots, VOICE] & ~self.lines.mute[heard.slots]
        said[heard.slots[spoken] * len(WAYS) + VOICE] = heard.frames[spoken]
        covered = bank.is_covered(heard.slots, heard.positions)
        self.mixer.is_covered[heard.slots * len(WAYS) + VOICE] = covered

    def _tones(self) -> Tones:
        tones: Tones = {}
        for slot, line in list(self._pressing.items()):
            if (tone := line.keys_pressed.tone()) is not None:
                tones[slot] = line, tone
            elif line.keys_pressed.is_idle:
                del self._pressing[slot]
        return tones

    def _say(self, bank: Bank, tones: Tones) -> tuple[Slots, Frames]:
        """What the agents say in this slot: legs and frames."""
        active = bank.active
        if tones:
            active = active[~np.isin(active, list(tones))]
        rows, frames, over = bank.stage.next(active)
        slots = active[rows]
        bank.recorders.write(slots, self._positions[slots], frames, sent=True)
        sources = bank.active[self.mixer.is_source[bank.active, AGENT]]
        if sources.size:
            said = self.mixer.said[bank.rate]
            said[sources * len(WAYS) + AGENT] = 0
            spoken = self.mixer.is_source[slots, AGENT]
            said[slots[spoken] * len(WAYS) + AGENT] = frames[spoken]
            covered = bank.is_covered(slots, self._positions[slots])
            self.mixer.is_covered[slots * len(WAYS) + AGENT] = covered
        for slot in over:
            bank.stage.settle(slot)
            self.cue(self.lines.by_slot[slot])
        return slots, frames

    def _mixed(self, bank: Bank, slots: Slots, frames: Frames) -> tuple[Slots, Frames]:
        hearers, sums = self.mixer.mixed(bank.rate)
        if not hearers.size:
            return slots, frames
        every = np.union1d(slots, hearers)
        total = np.zeros((len(every), bank.frame), np.float32)
        total[np.searchsorted(every, slots)] = frames
        total[np.searchsorted(every, hearers)] += sums
        return every, np.clip(np.rint(total), -32_768, 32_767).astype(np.int16)

    def _send(self, bank: Bank, slots: Slots, frames: Frames) -> None:
        if bank.rate == RATES[0]:
            self._departures.speak(slots, frames)
            return
        # A codec with a memory encodes silence, too.
        silence = np.zeros(bank.frame, np.int16)
        said = dict(zip(slots.tolist(), frames, strict=True))
        for slot in bank.active.tolist():
            encoder = self.lines.by_slot[slot].encoder
            assert encoder is not None, "a codec of this rate has a memory"
            self._departures.put(slot, encoder.encode(said.get(slot, silence)))

    def _cut(self) -> None:
        for bank in self.banks.values():
            for slot, chunk in bank.recorders.due(self._positions):
                self._seal(self.lines.by_slot[slot], [chunk])
