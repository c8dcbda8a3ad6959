"""How soon a recording stops, and begins, once the node says so: gates of our media process.

The floor of both is the tick of 20 ms: what is said between two ticks goes out with the next one.
Callers speak all the time, and all of them are recorded while the gates of one after the other are
closed, and are opened again.

Run: python -m bench.consent [--calls N]
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bench._callers import CYCLE_FRAMES
from bench._measure import machine
from bench.media_plane import CALLER_PORTS, KEY, SWITCH_S, Media, bound_pair, callers_to
from media.units import FRAME_MS

RECORDED_S = 2.0
"""Before a gate is closed, and after it was opened: more than a chunk and its grace."""

BETWEEN_S = 0.011
"""From one command to the next: no multiple of a tick, so that they come at any place of it."""

WAIT_S = 20.0
CODEC_US = 125


@dataclass
class Gate:
    """One gate under one epoch, in microseconds: what was asked when, and what came of it."""

    asked_us: int = 0
    first_us: int | None = None
    end_us: int = 0
    told_us: int | None = None


@dataclass
class Recorded:
    """Takes what the media process tells of gates."""

    gates: dict[tuple[str, int], Gate] = field(default_factory=dict[tuple[str, int], Gate])

    def of(self, leg: str, epoch: int) -> Gate:
        return self.gates.setdefault((leg, epoch), Gate())

    def told(self, header: dict[str, object]) -> None:
        if header["event"] not in ("chunk", "gate_closed"):
            return
        gate = self.of(str(header["leg"]), cast(int, header["epoch"]))
        if header["event"] == "gate_closed":
            gate.told_us = now_us()
            return
        begin, samples = cast(int, header["at_us"]), cast(int, header["samples"])
        gate.first_us = begin if gate.first_us is None else min(gate.first_us, begin)
        gate.end_us = max(gate.end_us, begin + samples * CODEC_US)


def now_us() -> int:
    return time.time_ns() // 1_000


def line(name: str, us: list[int]) -> str:
    ordered = sorted(us)
    shown = [ordered[len(us) // 2], ordered[min(len(us) - 1, len(us) * 99 // 100)], ordered[-1]]
    return f"{name:<48}" + "".join(f"{one / 1_000:>9.1f}" for one in shown)


def measured(media: Media, recorded: Recorded, calls: int) -> list[str]:
    """Each gate is closed, opened under the next epoch, and closed again."""
    closing, opening = list[int](), list[int]()
    for n in range(calls):
        leg = f"leg-{n}"
        recorded.of(leg, 1).asked_us = now_us()
        media.send({"cmd": "close_gate", "leg": leg})
        time.sleep(BETWEEN_S)
    firsts = [recorded.of(f"leg-{n}", 1) for n in range(calls)]
    wait_for(lambda: all(gate.told_us for gate in firsts), "not all gates were closed")
    for n in range(calls):
        leg, key = f"leg-{n}", "key"
        tracks = [
            {"party": party, "key_id": f"{leg}-{party}-{key}", "key": KEY}
            for party in ("caller", "agent")
        ]
        asked = recorded.of(leg, 2).asked_us = now_us()
        given = {"call": leg, "epoch": 2, "granted_at_us": asked, "tracks": tracks}
        media.send({"cmd": "gate", "leg": leg} | given)
        time.sleep(BETWEEN_S)
    seconds = [recorded.of(f"leg-{n}", 2) for n in range(calls)]
    wait_for(lambda: all(gate.first_us for gate in seconds), "not all gates were opened")
    closing = [gate.end_us - gate.asked_us for gate in firsts]
    told = [cast(int, gate.told_us) - gate.asked_us for gate in firsts]
    opening = [cast(int, gate.first_us) - gate.asked_us for gate in seconds]
    return [
        line("close: from the command to the last sample", closing),
        line("close: until it is told, all of it on disk", told),
        line("grant: from the command to the first sample", opening),
        f"{'floor: a tick':<48}{FRAME_MS:>9.1f}",
    ]


def wait_for(true: Callable[[], object], why: str) -> None:
    until = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < until, why
        time.sleep(0.01)


def run(calls: int, folder: Path) -> list[str]:
    recorded = Recorded()
    media = Media(folder, recorded.told)
    over = threading.Event()
    try:
        pairs = [bound_pair() for _ in range(calls)]
        ports = [media.give("rtp", *pair) for pair in pairs]
        for pair in pairs:
            for sock in pair:
                sock.close()
        callers = callers_to(ports, CYCLE_FRAMES)
        for call in range(calls):
            media.open(call, callers.ports[call % CALLER_PORTS], ports[call])
        wait_for(lambda: media.has_opened(calls), "not all legs were opened")
        for call in range(calls):
            media.record(call)
        speaking = threading.Thread(target=speak, args=(callers.run, over), daemon=True)
        speaking.start()
        time.sleep(RECORDED_S)
        return measured(media, recorded, calls)
    finally:
        over.set()
        media.close()


def speak(talk: Callable[[float, int], object], over: threading.Event) -> None:
    """A second after the other."""
    first = 0
    while not over.is_set():
        talk(1.0, first)
        first += 50


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    with tempfile.TemporaryDirectory() as folder:
        lines = run(options.calls, Path(folder))
    print(f"{machine()}. {options.calls} calls, both sides recorded; callers speak all the time.")
    print(f"{'ms':<48}{'p50':>9}{'p99':>9}{'max':>9}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
