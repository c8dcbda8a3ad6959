"""What a caller on hold hears unless the operator has something better: a quiet, endless loop."""

import numpy as np

from media.units import SAMPLE_RATE, Samples

# Four bars of broken chords, in semitones above A3; each note rings on under the next ones.
CHORDS = ((3, 7, 10, 15), (0, 3, 7, 12), (8, 12, 15, 20), (10, 14, 17, 22))
A3_HZ = 220.0
NOTE_S = 0.25
NOTES_PER_BAR = 8
RING_S = 1.6
PEAK = 5_000.0
"""About -16 dBFS: music must not be louder than the voice it stands in for."""


def hold_music(rate: int = SAMPLE_RATE) -> Samples:
    """Eight seconds whose end leads into their beginning, at `rate` Hz."""
    note, ring = round(NOTE_S * rate), round(RING_S * rate)
    length = note * NOTES_PER_BAR * len(CHORDS)
    loop = np.zeros(length)
    time = np.arange(ring) / rate
    # A plucked string: the overtones die first, and nothing begins with a click.
    attack = np.minimum(1.0, time / 0.008)
    for bar, chord in enumerate(CHORDS):
        for step in range(NOTES_PER_BAR):
            semitones = chord[(0, 1, 2, 3, 2, 3, 1, 2)[step]]
            hertz = A3_HZ * 2 ** (semitones / 12)
            tone = sum(
                np.sin(2 * np.pi * hertz * overtone * time)
                * np.exp(-time * 2.2 * overtone)
                / overtone**1.5
                for overtone in (1, 2, 3)
            )
            at = (bar * NOTES_PER_BAR + step) * note
            # What rings beyond the end rings on at the beginning.
            loop[(at + np.arange(ring)) % length] += tone * attack
    scaled: Samples = (loop * (PEAK / np.abs(loop).max())).astype(np.int16)
    return scaled
