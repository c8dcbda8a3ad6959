"""What goes wrong in a run: each seed draws a mix of its own (swarm testing).

A run in which everything fails at once hides the bugs that need one thing to fail and the rest
to work, so most kinds of fault are absent from most runs.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each fault strikes: a share of the calls of its kind, 0 to 1."""

    read_fails: float = 0.0
    write_fails: float = 0.0
    sync_fails: float = 0.0
    fills: float = 0.0
    """A write that finds the disk full, and with it the next `full_calls` calls."""
    full_calls: int = 0
    sync_lies: float = 0.0
    """An fsync that answers yes and does nothing. No store survives it: for controls only."""
    survives: float = 0.5
    """How much of what was not synced is on the platter after a power cut."""
    restarts: float = 0.0
    """How many of the process's ends leave the power on: what the kernel shows stays shown."""

    def healed(self) -> "Mix":
        """The same disk with nothing wrong; only the power can still fail."""
        return Mix(survives=self.survives)


def draw(rng: Random) -> Mix:
    """A mix of its own for one run; a third of them only lose power."""
    survives = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    if rng.random() < 1 / 3:
        return Mix(survives=survives)
    return Mix(
        read_fails=_sometimes(rng, 0.02),
        write_fails=_sometimes(rng, 0.02),
        sync_fails=_sometimes(rng, 0.2),
        fills=_sometimes(rng, 0.05),
        full_calls=rng.randint(5, 60),
        survives=survives,
        restarts=rng.choice([0.0, 0.5, 0.9]),
    )


def _sometimes(rng: Random, most: float) -> float:
    return round(rng.uniform(0, most), 4) if rng.random() < 0.5 else 0.0
