"""Everything that happened, as a hash, and the last of it as a story."""

import hashlib
from collections import deque

STEPS_KEPT = 60


class Trace:
    """The same seed, the same trace."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=8)
        self.steps: deque[str] = deque(maxlen=STEPS_KEPT)

    def step(self, step: str) -> None:
        """One step of the loop: there are too many of them for a story."""
        self.hash.update(step.encode())

    def note(self, step: str) -> None:
        """A step that whoever reads a failure wants to know of."""
        self.step(step)
        self.steps.append(step)
