"""Speech and key presses over bad networks: what is heard of them. All of it is seeded.

The distance is that of the log spectrum of each frame which was not there when it was to be
played to the one that was sent, over speech only: with silence in its place, and as concealed.

Run: python -m bench.lossy [WAV] (16-bit mono; without it, a synthetic voice)
"""

import sys
import wave
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from bench._network import TRANSIT_US, Network
from media.delay import Delay
from media.dtmf import DIGITS, DIGITS_MAX, DtmfReceiver, DtmfSender
from media.mos import mos
from media.plc import HISTORY_MS, conceal, join
from media.resample import resample
from media.rtp import RtpPacket
from media.units import FRAME_SAMPLES, FRAME_US, SAMPLE_RATE, Samples
from tests.media.voices import voiced

SEED = 4711
DIGITS_SENT = 10_000
PRESS_MS = 100
SPEECH_MS = 30_000
QUIET = 1e-4
"""Of the power of the loudest frame: less is no speech."""

FLOOR = 1e3
"""Power per sample that is added to both spectra, so that nothing is infinitely far."""

Frames = NDArray[np.int16]
ONE = np.zeros(1, np.int32)
HISTORY = SAMPLE_RATE * HISTORY_MS // 1_000


@dataclass(frozen=True)
class Heard:
    """What became of a stream of speech. Distances in dB."""

    missing: float
    delay_ms: float
    silent: float
    concealed: float
    mos: float


@dataclass(frozen=True)
class Keys:
    """What became of key presses. One that was heard out of its turn is lost and doubled."""

    sent: int
    heard: int
    lost: int
    doubled: int


NETWORKS = {
    "no loss": Network(),
    "1 %": Network(loss=0.01, jitter_us=5_000),
    "5 %": Network(loss=0.05, jitter_us=10_000, reordered=0.01, duplicated=0.01),
    "10 %": Network(loss=0.10, jitter_us=10_000, reordered=0.01, duplicated=0.01),
    "10 % in bursts": Network(loss=0.10, burst=(2, 3), jitter_us=10_000, reordered=0.01),
    "20 %": Network(loss=0.20, jitter_us=20_000, reordered=0.02, duplicated=0.02),
    "jitter only": Network(jitter_us=30_000),
    "reordered": Network(reordered=0.1),
    "duplicated": Network(duplicated=0.2),
}


def speech_over(network: Network, sound: Samples, seed: int = SEED) -> Heard:
    """Play what comes in after an adaptive delay, and conceal what has not come by then."""
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    sent = [n * FRAME_US for n in range(len(frames))]
    there, delay_ms, jitter_us = _in_time(network.deliver(sent, Random(seed)), len(frames))
    missing = ~there
    lost = float(missing.mean())
    return Heard(
        missing=lost,
        delay_ms=delay_ms,
        silent=_distance(frames, np.where(missing[:, None], np.int16(0), frames), missing),
        concealed=_distance(frames, _concealed(frames, missing), missing),
        mos=mos(lost, jitter_us, TRANSIT_US, "PCMU"),
    )


def keys_over(network: Network, digits: str, press_ms: int, seed: int = SEED) -> Keys:
    """Send each digit as a key press, and count what is taken for one."""
    packets = _presses(digits, press_ms)
    sent = [packet.sequence * FRAME_US for packet in packets]
    receiver, heard = DtmfReceiver(), ""
    for _, n in network.deliver(sent, Random(seed)):
        heard += receiver.receive(packets[n]) or ""
    matched = _matched(digits, heard)
    return Keys(len(digits), len(heard), len(digits) - matched, len(heard) - matched)


def digits_to_send(count: int, seed: int = SEED) -> str:
    """Digits of which every third is the one before it again."""
    random, found = Random(seed), ""
    while len(found) < count:
        found += found[-1] if found and random.random() < 1 / 3 else random.choice(DIGITS)
    return found


def _in_time(arrivals: list[tuple[int, int]], count: int) -> tuple[NDArray[np.bool_], float, float]:
    """Which frames were there when their turn came, and the mean delay in ms and jitter in us."""
    delay, there = Delay(1), np.zeros(count, np.bool_)
    waited = late = 0.0
    for at, n in arrivals:
        wait_us = int(delay.target(ONE)[0]) * 1_000
        transit = at - n * FRAME_US
        there[n] |= transit <= TRANSIT_US + wait_us
        waited += wait_us
        late += transit - TRANSIT_US
        delay.observe(ONE, np.array([transit]))
    return there, waited / len(arrivals) / 1_000, late / len(arrivals)


def _concealed(frames: Frames, missing: NDArray[np.bool_]) -> Frames:
    out, history, run = frames.copy(), np.zeros((1, HISTORY), np.int16), ONE.copy()
    for n, frame in enumerate(frames):
        if missing[n]:
            out[n] = conceal(history, run, SAMPLE_RATE)[0]
            run += 1
            continue
        if run[0]:
            out[n] = join(history, run, frame[None], SAMPLE_RATE)[0]
            run[:] = 0
        history = np.concatenate([history[:, FRAME_SAMPLES:], frame[None]], axis=1)
    return out


def _distance(sent: Frames, heard: Frames, where: NDArray[np.bool_]) -> float:
    """Of log spectra, root mean square in dB, mean over frames of speech."""
    power = np.square(sent.astype(np.float64)).mean(axis=1)
    rows = where & (power > QUIET * power.max())
    if not rows.any():
        return 0.0
    window = np.hanning(sent.shape[1])
    spectra = [
        10 * np.log10(np.abs(np.fft.rfft(each[rows] * window)) ** 2 + FLOOR * sent.shape[1])
        for each in (sent, heard)
    ]
    return float(np.sqrt(np.square(spectra[0] - spectra[1]).mean(axis=1)).mean())


def _presses(digits: str, press_ms: int) -> list[RtpPacket]:
    """The packets of key presses one after the other, sequence numbers counting ticks."""
    sender, packets, tick, began = DtmfSender(), list[RtpPacket](), 0, 0
    for start in range(0, len(digits), DIGITS_MAX):
        sender.press(digits[start : start + DIGITS_MAX], press_ms)
        for _ in range(DIGITS_MAX * (press_ms // 20 + 6)):
            if (tone := sender.tone()) is not None:
                began = tick * FRAME_SAMPLES if tone.marker else began
                packets.append(RtpPacket(101, tick, began, 7, tone.payload, tone.marker))
            tick += 1
    return packets


def _matched(sent: str, heard: str) -> int:
    """How many digits of `heard` are those sent, in their order, looking a few digits around."""
    matched = at = 0
    for digit in heard:
        found = sent.find(digit, at, at + 4)
        if found >= 0:
            matched, at = matched + 1, found + 1
    return matched


def _speech(path: str) -> Samples:
    with wave.open(path) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
        return resample(samples, file.getframerate(), SAMPLE_RATE)


def main() -> None:
    sound = _speech(sys.argv[1]) if len(sys.argv) > 1 else voiced(SAMPLE_RATE, SPEECH_MS)
    digits = digits_to_send(DIGITS_SENT)
    print(f"{'':<16}{'missing':>8}{'delay':>8}{'distance dB':>22}{'':>6}{'key presses':>28}")
    columns = ("%", "ms", "silence", "concealed", "MOS", "sent", "heard", "lost", "doubled")
    widths = (8, 8, 11, 11, 6, 8, 8, 6, 9)
    print(f"{'':<16}" + "".join(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True)))
    for name, network in NETWORKS.items():
        heard, keys = speech_over(network, sound), keys_over(network, digits, PRESS_MS)
        print(
            f"{name:<16}{100 * heard.missing:>8.1f}{heard.delay_ms:>8.0f}{heard.silent:>11.1f}"
            f"{heard.concealed:>11.1f}{heard.mos:>6.2f}"
            f"{keys.sent:>8}{keys.heard:>8}{keys.lost:>6}{keys.doubled:>9}"
        )


if __name__ == "__main__":
    main()
