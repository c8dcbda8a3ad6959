"""Keys that came as sound are no part of a recording: who hears them knows a card's number."""

import numpy as np

from media.bank.memory import NEVER, Frames, Slots, windows
from media.tones import LOUD_MEAN_SQUARE, NO_KEY, hop_samples, judged, window_samples

LOOK_BACK_MS = 200
"""Silent before a key: a tone may rise slowly, or be found late."""

LOOK_AHEAD_MS = 240
"""What is known of the sound behind a chunk when it is cut. Within a recorder's grace."""

TAIL_MS = 40
FRAGMENT_MS = 60
"""So soon after a key a single window is the rest of it."""


class Hush:
    """Silences keys in rows of samples before they are cut, wherever a tick or a chunk begins."""

    def __init__(self, samples: Frames, rate: int) -> None:
        self._samples, self._rate = samples, rate
        self._window, self._hop = window_samples(rate), hop_samples(rate)
        self._blocks = windows(samples, self._hop)
        self._windows = windows(samples, self._window)
        self._back, self._ahead = (ms * rate // 1_000 for ms in (LOOK_BACK_MS, LOOK_AHEAD_MS))
        self._tail, self._fragment = (ms * rate // 1_000 for ms in (TAIL_MS, FRAGMENT_MS))
        self._until = np.full(len(samples), NEVER, np.int64)
        """Up to which position keys of a row were silenced."""

    def open(self, row: int) -> None:
        self._until[row] = NEVER

    def silence(self, rows: Slots, bases: Slots, length: int) -> None:
        """Rows that begin at positions `bases` are about to be cut after `length` samples."""
        room = self._samples.shape[1]
        reach = min(length + self._ahead, room) - self._window
        if reach < 0 or not rows.size:
            return
        offsets = np.arange(0, reach + 1, self._hop)
        starts = rows[:, None] * room + offsets
        blocks = self._blocks[starts].astype(np.float32)
        loud = np.einsum("ijk,ijk->ij", blocks, blocks) >= LOUD_MEAN_SQUARE * self._hop
        places = np.flatnonzero(loud)
        hits = np.full(starts.shape, NO_KEY, np.int8)
        hits.reshape(-1)[places] = judged(self._windows[starts.reshape(-1)[places]], self._rate)
        sounds = hits != NO_KEY
        if not sounds.any():
            return
        twice = sounds[:, 1:] & (hits[:, 1:] == hits[:, :-1])
        sure = np.zeros_like(sounds)
        sure[:, 1:] |= twice
        sure[:, :-1] |= twice
        sure |= sounds & (bases[:, None] + offsets <= self._until[rows][:, None] + self._fragment)
        for n in np.flatnonzero(sure.any(axis=1)).tolist():
            row = int(rows[n])
            for offset in offsets[sure[n]].tolist():
                end = min(offset + self._window + self._tail, room)
                self._samples[row, max(offset - self._back, 0) : end] = 0
                self._until[row] = bases[n] + end
