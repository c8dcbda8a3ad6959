"""CPU per leg and 20 ms: decode, jitter buffer, VAD, recording, playout, encode. No sockets.

Run: python -m bench.media_plane [LEGS]
"""

import platform
import sys
import time

import numpy as np

from media.plane import Plane
from media.rtp import RtpPacket
from media.units import FRAME_US, pcm

EPOCH = 1_800_000_000_000_000
TICKS = 250
KEY = {"key_id": "k", "key": "00" * 32}


def plane_with(legs: int) -> Plane:
    """A plane whose legs all play and record."""
    plane = Plane("bench")
    audio = pcm(np.random.default_rng(1).integers(-8_000, 8_000, 80_000).astype(np.int16))
    for n in range(legs):
        leg = f"leg-{n}"
        plane.add_port(2 * n, "127.0.0.1", EPOCH)
        opening = {"cmd": "open", "leg": leg, "call": leg, "codec": "PCMU", "payload_type": 0}
        stream = {"remote": ["127.0.0.1", 9], "ssrc": 1, "seq0": 0, "ts0": 0, "epoch_us": EPOCH}
        plane.command(opening | stream, b"", EPOCH)
        tracks = [{"party": party, **KEY} for party in ("caller", "agent")]
        grant = {"epoch": 1, "granted_at_us": EPOCH, "tracks": tracks}
        plane.command({"cmd": "gate", "leg": leg, "call": leg} | grant, b"", EPOCH)
        speech = {"utterance": "u", "from_ms": 0, "interruptible": False, "rate": 8_000}
        plane.command({"cmd": "play", "leg": leg} | speech, audio, EPOCH)
    return plane


def measure(legs: int) -> tuple[float, float]:
    """CPU microseconds per leg and tick: receiving, and the tick itself."""
    plane = plane_with(legs)
    sound = np.random.default_rng(2).integers(0, 255, 160).astype(np.uint8).tobytes()
    receiving = ticking = 0.0
    for n in range(1, TICKS + 1):
        now = EPOCH + n * FRAME_US
        data = RtpPacket(0, n, 160 * n, 7, sound).serialize()
        before = time.process_time()
        for leg in plane.legs:
            plane.receive(leg, data, ("127.0.0.1", 9), now)
        between = time.process_time()
        plane.tick(now)
        ticking += time.process_time() - between
        receiving += between - before
        plane.take_jobs()
    return receiving * 1e6 / (TICKS * legs), ticking * 1e6 / (TICKS * legs)


def main() -> None:
    legs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    receiving, ticking = measure(legs)
    total = receiving + ticking
    print(f"{platform.machine()}, Python {platform.python_version()}, {legs} legs, {TICKS} ticks")
    print(f"receive {receiving:.1f} us  tick {ticking:.1f} us  both {total:.1f} us per leg")
    print(f"legs per core: {FRAME_US / total:.0f}")


if __name__ == "__main__":
    main()
